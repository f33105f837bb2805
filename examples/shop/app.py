"""Juniper Row: a plain shop made of Starlette and Jinja2. It knows nothing of personalization."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

from .goods import Goods, Item
from .pictures import DRAWINGS, SCENES, product_picture, scene

HERE = Path(__file__).parent
CART = "cart"  # a plain cookie: "mint-toothpaste:2,olive-oil:1"
CONSENT = "consent"
goods = Goods()
templates = Jinja2Templates(directory=HERE / "pages")
templates.env.filters["euro"] = lambda amount: f"€{amount:,.2f}"
PICKS = (
    "enamel-pot",
    "linen-notebook",
    "monstera",
    "coffee-beans",
    "ash-sled",
    "book-lighthouse",
    "beeswax-candle",
    "pepper-mill",
)
FAVOURITES = (
    "stoneware-mug",
    "olive-soap",
    "wool-beanie",
    "earl-grey",
    "iron-pan",
    "desk-lamp",
    "snake-plant",
    "oak-board",
)


def cart_of(request: Request) -> dict[str, int]:
    """What lies in the cart: product -> how many. Whatever the cookie says that we do not sell is left out."""
    cart: dict[str, int] = {}
    for part in request.cookies.get(CART, "").split(","):
        product, _, many = part.partition(":")
        if product in goods.items and many.isdecimal():
            cart[product] = max(1, min(int(many[:3]), 99))
    return cart


def keep_cart(response: Response, cart: dict[str, int]) -> Response:
    if cart:
        response.set_cookie(
            CART, ",".join(f"{p}:{n}" for p, n in cart.items()), path="/", samesite="lax", httponly=True
        )
    else:
        response.delete_cookie(CART, path="/")
    return response


def page(request: Request, name: str, status: int = 200, **values: object) -> Response:
    shared = {
        "categories": list(goods.categories.values()),
        "cart_count": sum(cart_of(request).values()),
        "ask_consent": CONSENT not in request.cookies,
    }
    return templates.TemplateResponse(request, name, {**shared, **values}, status_code=status)


def lines(cart: dict[str, int]) -> list[tuple[Item, int, float]]:
    return [(goods.items[p], n, goods.items[p].price * n) for p, n in cart.items()]


async def home(request: Request) -> Response:
    return page(
        request, "home.html", favourites=[goods.items[i] for i in FAVOURITES], picks=[goods.items[i] for i in PICKS]
    )


async def category(request: Request) -> Response:
    shelf = goods.categories.get(request.path_params["category"])
    if shelf is None:
        raise HTTPException(404)
    return page(request, "category.html", shelf=shelf)


async def product(request: Request) -> Response:
    item = goods.items.get(request.path_params["product"])
    if item is None:
        raise HTTPException(404)
    shelf = goods.categories[item.slug]
    start = shelf.items.index(item) + 1
    return page(
        request, "product.html", item=item, shelf=shelf, more=[*shelf.items[start:], *shelf.items[: start - 1]][:4]
    )


async def sale(request: Request) -> Response:
    return page(request, "sale.html", found=[i for i in goods.items.values() if i.sale_price is not None])


async def search(request: Request) -> Response:
    words = request.query_params.get("q", "")[:80]
    found = goods.search(words) if words.strip() else list(goods.items.values())
    return page(request, "search.html", words=words.strip(), found=found)


async def cart(request: Request) -> Response:
    rows = lines(cart_of(request))
    goods_total = sum(total for _, _, total in rows)
    return page(request, "cart.html", rows=rows, subtotal=goods_total, delivery=0 if goods_total >= 50 else 4.9)


async def add(request: Request) -> Response:
    item = goods.items.get(request.path_params["product"])
    if item is None:
        raise HTTPException(404)
    basket = cart_of(request)
    if item.available:
        many = str((await request.form()).get("quantity", "1"))
        basket[item.id] = min(99, basket.get(item.id, 0) + (int(many[:2]) if many.isdecimal() else 1))
    return keep_cart(RedirectResponse("/cart", 303), basket)


async def remove(request: Request) -> Response:
    basket = cart_of(request)
    basket.pop(request.path_params["product"], None)
    return keep_cart(RedirectResponse("/cart", 303), basket)


async def checkout(request: Request) -> Response:
    return keep_cart(RedirectResponse("/thanks" if cart_of(request) else "/cart", 303), {})


async def consent(request: Request) -> Response:
    """Keep the visitor's answer for half a year, and go back to where it was asked."""
    answer = "granted" if (await request.form()).get("answer") == "granted" else "denied"
    back = urlsplit(request.headers.get("referer", "/")).path
    response = RedirectResponse(back if re.match(r"/(?![/\\])", back) else "/", 303)
    response.set_cookie(CONSENT, answer, max_age=180 * 86_400, path="/", samesite="lax")
    return response


async def thanks(request: Request) -> Response:
    return page(request, "thanks.html")


def drawing(svg: str) -> Response:
    return Response(svg, media_type="image/svg+xml", headers={"cache-control": "public, max-age=3600"})


async def picture(request: Request) -> Response:
    if (name := request.path_params["name"]) not in DRAWINGS:
        raise HTTPException(404)
    return drawing(product_picture(name))


async def wide_picture(request: Request) -> Response:
    if (name := request.path_params["name"]) not in SCENES:
        raise HTTPException(404)
    return drawing(scene(name))


async def not_found(request: Request, _: Exception) -> Response:
    return page(request, "not_found.html", 404)


app = Starlette(
    routes=[
        Route("/", home),
        Route("/c/{category}", category),
        Route("/p/{product}", product),
        Route("/sale", sale),
        Route("/search", search),
        Route("/cart", cart),
        Route("/cart/add/{product}", add, methods=["POST"]),
        Route("/cart/remove/{product}", remove, methods=["POST"]),
        Route("/checkout", checkout, methods=["POST"]),
        Route("/consent", consent, methods=["POST"]),
        Route("/thanks", thanks),
        Route("/img/{name}.svg", picture),
        Route("/img/wide/{name}.svg", wide_picture),
        Mount("/static", StaticFiles(directory=HERE / "static")),
    ],
    exception_handlers={404: not_found},
)
