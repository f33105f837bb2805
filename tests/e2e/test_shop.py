"""The demo shop: plain without the stage, personal on it, and the same in a real Chromium."""

from __future__ import annotations

import asyncio
import importlib
import re
import shutil
import socket
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("jinja2", reason="the demo needs the extra [demo]")
pytest.importorskip("python_multipart", reason="the demo needs the extra [demo]")
httpx = pytest.importorskip("httpx")

from examples.shop.app import app as plain_shop  # noqa: E402
from examples.shop.personas import PERSONAS  # noqa: E402
from examples.shop.seed import shop_life  # noqa: E402
from personalize.config import load_config  # noqa: E402

CONFIG = Path(importlib.import_module("examples.shop").__file__ or "").parent / "personalize.yaml"
CHROMIUM = shutil.which("chromium")


# --- the plain shop ------------------------------------------------------------------------------------------------


@pytest.fixture
async def shop() -> AsyncIterator[Any]:
    transport = httpx.ASGITransport(app=plain_shop)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        yield client


async def test_sells_at_least_80_products_in_8_categories() -> None:
    """The catalogue reads as a Google-style product list with 80 products or more in 8 categories."""
    products = load_config(CONFIG).products
    categories = Counter(str(p.extra["product_type"]).split(" > ")[0] for p in products.values())
    assert len(products) >= 80
    assert len(categories) == 8
    assert min(categories.values()) >= 8


async def test_every_link_and_picture_of_the_plain_shop_answers(shop: Any) -> None:
    """Walking the plain shop from its home page meets every product, and nothing that is missing."""
    waiting, seen, wrong = ["/"], {"/"}, []
    while waiting:
        path = waiting.pop()
        reply = await shop.get(path)
        if reply.status_code != 200:
            wrong.append((path, reply.status_code))
        if not reply.headers["content-type"].startswith("text/html"):
            continue
        for found in re.findall(r'(?:href|src)="(/[^"#]*)"', reply.text):
            if found not in seen:
                seen.add(found)
                waiting.append(found)
    assert wrong == []
    assert {f"/p/{p}" for p in load_config(CONFIG).products} <= seen


async def test_every_picture_is_drawn_and_distinct(shop: Any) -> None:
    """Each product has an SVG of its own."""
    pictures = [(await shop.get(p.image_link)).content for p in load_config(CONFIG).products.values()]
    assert all(p.startswith(b"<svg") for p in pictures)
    assert len(set(pictures)) == len(pictures)


async def test_a_basket_is_filled_and_ordered(shop: Any) -> None:
    """A product goes into the basket by a form, and out of it by ordering."""
    added = await shop.post("/cart/add/forest-honey", data={"quantity": "2"}, follow_redirects=True)
    assert "Forest Honey" in added.text and "€18.80" in added.text
    ordered = await shop.post("/checkout", follow_redirects=True)
    assert "Thank you" in ordered.text
    assert "Nothing here yet" in (await shop.get("/cart")).text


async def test_the_plain_shop_asks_once_whether_it_may_remember(shop: Any) -> None:
    """The question stands under each page until it is answered; the answer leads back to the page."""
    assert "May we remember you" in (await shop.get("/c/books")).text
    answered = await shop.post("/consent", data={"answer": "denied"}, headers={"referer": "http://shop/c/books"})
    assert answered.headers["location"] == "/c/books"
    assert "May we remember you" not in (await shop.get("/c/books")).text
    elsewhere = await shop.post("/consent", data={"answer": "denied"}, headers={"referer": "http://shop//evil.example"})
    assert elsewhere.headers["location"] == "/"


async def test_the_plain_shop_knows_nothing_of_personalization() -> None:
    """No module of the plain shop imports the package."""
    folder = CONFIG.parent
    plain = [folder / "app.py", folder / "goods.py", *(folder / "pictures").glob("*.py")]
    assert not [f.name for f in plain if "personalize" in f.read_text().replace("personalization", "")]


async def test_the_past_is_the_same_at_every_start() -> None:
    """The seeded events are made by code alone: twice the same, each with an id of its own, none from the future."""
    first, second = shop_life(1_700_000_000.0), shop_life(1_700_000_000.0)
    assert first == second
    assert len({e.id for e in first}) == len(first) > 1000
    assert max(e.time for e in first) < 1_700_000_000.0


async def test_the_config_has_no_problem() -> None:
    """The demo's own config passes its own linter."""
    assert load_config(CONFIG).warnings == ()


# --- on the stage --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what an editor edits: the config, its templates and the catalogue."""
    folder = tmp_path_factory.mktemp("shop")
    shutil.copytree(CONFIG.parent / "slots", folder / "slots")
    for name in ("personalize.yaml", "products.jsonl"):
        shutil.copy(CONFIG.parent / name, folder)
    return folder / "personalize.yaml"


@pytest.fixture(scope="module")
def stage(config: Path) -> Iterator[str]:
    """The whole demo under uvicorn on a free port of this machine."""
    uvicorn = pytest.importorskip("uvicorn", reason="the demo needs the extra [demo]")
    from examples.shop.__main__ import prepare
    from examples.shop.stage import Stage

    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    folder = prepare(port)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PERSONALIZE_SECRET", "not-a-secret-but-long-enough-for-a-test")
        server = uvicorn.Server(uvicorn.Config(Stage(config), log_level="warning"))
        thread = threading.Thread(target=lambda: server.run(sockets=[listening]), daemon=True)
        thread.start()
        for _ in range(600):
            if server.started:
                break
            time.sleep(0.05)
        assert server.started
        yield f"http://127.0.0.1:{port}"
        server.should_exit = True
        thread.join(10)
    listening.close()
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("SHOP_PORT", "SHOP_STORE"):
        importlib.import_module("os").environ.pop(name, None)


async def visit(stage: str, persona: str, *paths: str) -> list[Any]:
    """The persona's landing page (or `paths`), as their browser gets it."""
    played = next(p for p in PERSONAS if p.id == persona)
    async with httpx.AsyncClient(base_url=stage) as browser:
        landing = (await browser.post(f"/stage/api/become/{persona}", headers={"x-stage": "1"})).json()["landing"]
        assert landing == played.landing
        return [await browser.get(path) for path in paths or (landing,)]


def headline(html: str) -> str:
    found = re.search(r"<h1>(.*?)</h1>", html)
    assert found is not None
    return found[1]


async def test_each_persona_meets_another_shop(stage: str) -> None:
    """The five personas see the heroes that their histories call for."""
    seen = {p.id: headline((await visit(stage, p.id))[0].text) for p in PERSONAS}
    assert seen["new"] == seen["refused"] == "A better ordinary morning"
    assert seen["toothpaste"] == "Running low?"
    assert seen["mobile"] in ("The first tracks are yours", "Cold nose, warm hands")
    assert seen["bargain"] == "A market day, every day"


async def test_who_refused_gets_the_plain_page_and_no_cookie(stage: str, shop: Any) -> None:
    """Without consent the home page equals the bare shop's, byte for byte, and no cookie is set."""
    bare = (await shop.get("/", headers={"cookie": "consent=denied"})).content
    (page,) = await visit(stage, "refused")
    assert page.content == bare
    assert "set-cookie" not in page.headers
    for persona in ("new", "mobile", "toothpaste", "bargain"):  # the comparison does tell pages apart
        (other,) = await visit(stage, persona)
        assert other.content != bare


async def test_what_is_running_low_is_recommended(stage: str) -> None:
    """The home page's row, found by a CSS selector alone, shows what is due in the visitor's own rhythm."""
    (page,) = await visit(stage, "toothpaste")
    row = page.text[page.text.index('id="recommended"') : page.text.index('class="story"')]
    assert "Time for another?" in row
    assert {"/p/mint-toothpaste", "/p/coffee-beans"} <= set(re.findall(r'href="(/p/[^"]+)"', row))


async def test_social_proof_is_counted_and_carousels_are_filled(stage: str) -> None:
    """A product page tells today's orders and what was bought together with it."""
    pages = await visit(stage, "bargain", "/p/dark-chocolate")
    assert re.search(r"\d+ people bought this today", pages[0].text)
    assert len(re.findall('class="card"', pages[0].text[pages[0].text.index('data-slot="together"') :])) == 4


async def test_the_stage_explains_every_slot(stage: str) -> None:
    """For each slot of a page the stage tells who won, where that is written, how long it took, and why."""
    async with httpx.AsyncClient(base_url=stage) as browser:
        await browser.post("/stage/api/become/toothpaste", headers={"x-stage": "1"})
        told = (await browser.get("/stage/api/explain", params={"path": "/"})).json()
    slots = {slot["slot"]: slot for slot in told["slots"]}
    assert set(slots) == {"ribbon", "hero", "recommended"}
    hero = slots["hero"]
    assert hero["experience"] == "hero-toothpaste"
    line = int(hero["mark"].removeprefix("personalize.yaml:"))
    assert "hero-toothpaste" in CONFIG.read_text().splitlines()[line - 1]
    assert hero["why"] and hero["took_us"] > 0 and hero["steps"]["inner"]


async def test_a_broken_backend_leaves_the_shops_own_banner(stage: str, shop: Any) -> None:
    """While the CMS hangs, a category page still comes, in the end with the shop's own banner."""
    headers = {"x-stage": "1", "cookie": "consent=denied"}
    async with httpx.AsyncClient(base_url=stage, headers=headers) as browser:
        async with asyncio.timeout(30):  # a page waits 40 ms for the CMS, and a busy machine may need longer
            while "This season, from our editors" not in (await browser.get("/c/books")).text:
                await asyncio.sleep(0.05)
        await browser.post("/stage/api/backend/hangs")
        try:
            for _ in range(150):
                page = (await browser.get("/c/books")).content
                if b"This season" not in page:
                    break
                await asyncio.sleep(0.1)
            assert page == (await shop.get("/c/books", headers=headers)).content
        finally:
            await browser.post("/stage/api/backend/works")


async def test_a_saved_edit_is_live_and_a_slip_is_told(stage: str, config: Path) -> None:
    """A new headline reaches the page; a slip is told with its line and caret, and the last good page stays."""
    good = config.read_text()
    try:
        config.write_text(good.replace("running-low: Running low?", "running-low: Nearly empty?"))
        async with httpx.AsyncClient(base_url=stage) as browser:
            await until(lambda told: told["revision"] > 1, browser)
        assert headline((await visit(stage, "toothpaste"))[0].text) == "Nearly empty?"
        config.write_text(config.read_text().replace("template: hero.html", "template: heros.html"))
        async with httpx.AsyncClient(base_url=stage) as browser:
            told = await until(lambda told: told["problems"], browser)
        problem = told["problems"][0]
        line = int(problem["where"].removeprefix("personalize.yaml:"))
        assert config.read_text().splitlines()[line - 1].strip() == problem["line"].strip()
        assert problem["line"][len(problem["caret"]) - 1 :].startswith(("template", "heros"))
        assert headline((await visit(stage, "toothpaste"))[0].text) == "Nearly empty?"
    finally:
        config.write_text(good)
        async with httpx.AsyncClient(base_url=stage) as browser:
            await until(lambda told: not told["problems"], browser)


async def until(holds: Any, browser: Any) -> Any:
    """The stage's status, once something holds of it."""
    for _ in range(200):
        told = (await browser.get("/stage/api/status")).json()
        if holds(told):
            return told
        await asyncio.sleep(0.05)
    raise AssertionError(f"it never came: {told}")


async def test_foreign_pages_cannot_direct_the_stage(stage: str) -> None:
    """What changes something needs a header that no other site's form or link can send."""
    async with httpx.AsyncClient(base_url=stage) as browser:
        for path in ("become/new", "backend/hangs", "plain/on"):
            assert (await browser.post(f"/stage/api/{path}")).status_code == 403


# --- in a real browser ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chromium(stage: str) -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (apt-get install chromium)")
    opened: list[Any] = []

    with ThreadOfItsOwn() as thread:

        def start() -> Any:
            opened.append(playwright.sync_playwright().start())
            return opened[0].chromium.launch(
                executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
            )

        browser = thread.run(start)
        yield lambda act: thread.run(lambda: act(browser))
        thread.run(browser.close)
        thread.run(lambda: opened[0].stop())


class ThreadOfItsOwn:
    """Playwright's plain calls may not run where an event loop does, and must all come from one thread."""

    def __enter__(self) -> ThreadOfItsOwn:
        from concurrent.futures import ThreadPoolExecutor

        self._pool = ThreadPoolExecutor(1)
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    def run(self, act: Any) -> Any:
        return self._pool.submit(act).result(120)


def on_stage(browser: Any, stage: str, persona: str) -> tuple[Any, Any]:
    """The stage with this persona chosen, and the shop's frame, loaded and explained."""
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.goto(f"{stage}/stage")
    page.wait_for_selector("#slots li")
    with page.expect_response(lambda r: "/api/explain" in r.url):
        page.click(f".person[data-persona={persona}]")
    page.wait_for_selector("#slots li[data-slot=hero]")
    return page, page.frame_locator("#shop")


@pytest.mark.browser
def test_two_personas_see_two_heroes(stage: str, chromium: Any) -> None:
    """In Chromium, the toothpaste buyer and the phone from the campaign see heroes of their own."""

    def act(browser: Any) -> tuple[str, str, bool]:
        page, shop = on_stage(browser, stage, "toothpaste")
        first = shop.locator(".hero h1").inner_text()
        page.context.close()
        page, shop = on_stage(browser, stage, "mobile")
        second = shop.locator(".hero h1").inner_text()
        phone = page.locator("body.phone").count() == 1
        page.context.close()
        return first, second, phone

    first, second, phone = chromium(act)
    assert first == "Running low?"
    assert second in ("The first tracks are yours", "Cold nose, warm hands")
    assert phone


@pytest.mark.browser
def test_who_refused_sees_the_plain_page_and_keeps_no_id(stage: str, chromium: Any) -> None:
    """In Chromium, who refused consent gets the bare shop's HTML, and the browser holds no id cookie."""

    def act(browser: Any) -> tuple[str, set[str]]:
        page, _ = on_stage(browser, stage, "refused")
        html = page.evaluate("fetch('/').then(r => r.text())")
        names = {cookie["name"] for cookie in page.context.cookies()}
        page.context.close()
        return html, names

    async def plain() -> str:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=plain_shop), base_url="http://shop") as client:
            return str((await client.get("/", headers={"cookie": "consent=denied"})).text)

    html, names = chromium(act)
    assert html == asyncio.run(plain())
    assert names == {"consent", "stage_persona"}


@pytest.mark.browser
def test_pointing_at_a_slot_says_why(stage: str, chromium: Any) -> None:
    """In Chromium, the pointer over the hero brings its experience, its line in the file and the reason."""

    def act(browser: Any) -> str:
        page, shop = on_stage(browser, stage, "bargain")
        shop.locator(".hero h1").hover()
        page.wait_for_selector(".tip")
        told: str = page.locator(".tip").inner_text()
        page.context.close()
        return told

    told = chromium(act)
    assert "hero-bargain" in told
    assert re.search(r"personalize\.yaml:\d+", told)
    assert "You like a good price" in told
