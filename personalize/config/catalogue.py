"""The product list: one JSON object a line, with the attributes of Google's product data specification."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from ..model import Mark, Problem, Product
from .problems import did_you_mean, quoted

MOST_REPORTED = 20
LONGEST_LINE = 64 * 1024  # bytes
_PRICE = re.compile(r"(\d+(?:\.\d+)?)(?:\s*([A-Z]{3}))?")
_ADDRESS = re.compile(r"(?:https?://|/(?!/)|[\w.-]+/)\S*|[\w.-]+", re.I)
AVAILABILITY = ("in_stock", "out_of_stock", "preorder", "backorder")
_FIELDS = frozenset({"id", "title", "link", "image_link", "price", "sale_price", "availability", "brand"})
_TEXTS = ("link", "image_link", "brand", "product_type", "google_product_category")


class _BadLine(ValueError):
    """What is wrong with a line, for whoever made the list."""


def load_products(path: str | Path) -> dict[str, Product]:
    """The products of a JSON lines file by id, in the file's order; attributes without a field are in `extra`.

    Raises ConfigError: PZ317 for a file that cannot be read or holds no product, PZ318 for each bad line (20 at most).
    """
    products: dict[str, Product] = {}
    lines: dict[str, int] = {}
    problems: list[Problem] = []
    currency = ""
    for number, raw in _lines(Path(path)):
        try:
            product = _product(raw)
            if product.id in lines:
                raise _BadLine(f"the id {quoted(product.id)} is in line {lines[product.id]} already")
            if product.currency and currency and product.currency != currency:
                raise _BadLine(f"the price is in {product.currency}, the ones above are in {currency}")
        except _BadLine as error:
            problems.append(_problem(path, number, raw, str(error)))
            if len(problems) == MOST_REPORTED:
                break
            continue
        currency = currency or product.currency
        lines[product.id] = number
        products[product.id] = product
    if problems:
        raise ConfigError(problems)
    if not products:
        raise ConfigError([Problem(Mark(str(path), 0, 0), "PZ317", "the catalogue holds no product")])
    return products


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        if path.exists() and not path.is_file():
            raise OSError("not an ordinary file")
        with path.open("rb") as file:
            number = 0
            while line := file.readline(LONGEST_LINE + 2):
                number += 1
                if number == 1:
                    line = line.removeprefix(b"\xef\xbb\xbf")
                if line.strip():
                    yield number, line
                if not line.endswith(b"\n") and len(line) > LONGEST_LINE:
                    return  # the rest of an overlong line; it was reported
    except FileNotFoundError:
        raise ConfigError([Problem(Mark(str(path), 0, 0), "PZ317", "there is no such catalogue file")]) from None
    except (OSError, ValueError):
        raise ConfigError([Problem(Mark(str(path), 0, 0), "PZ317", "the catalogue file cannot be read")]) from None


def _problem(path: str | Path, number: int, raw: bytes, message: str) -> Problem:
    shown = raw[:200].decode("utf-8", "replace").rstrip("\r\n")
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in shown)
    return Problem(Mark(str(path), number, 1), "PZ318", message, source_line=shown)


def _product(line: bytes) -> Product:
    if len(line) > LONGEST_LINE:
        raise _BadLine(f"the line is longer than {LONGEST_LINE // 1024} KB")
    raw = _object(line)
    price, currency = _price(raw, "price")
    sale, sale_currency = _price(raw, "sale_price")
    if sale_currency and currency and sale_currency != currency:
        raise _BadLine(f"sale_price is in {sale_currency}, price in {currency}")
    for key in _TEXTS:
        if not isinstance(raw.get(key, ""), str):
            raise _BadLine(f"{key} must be text")
    for key in ("link", "image_link"):
        if raw.get(key) and not _ADDRESS.fullmatch(raw[key]):
            raise _BadLine(f"{key} is no address: it begins with https://, http:// or /")
    category = raw.get("product_type") or raw.get("google_product_category") or ""
    return Product(
        id=_id(raw),
        title=_title(raw),
        link=raw.get("link", ""),
        image_link=raw.get("image_link", ""),
        price=price or 0.0,
        sale_price=sale,
        currency=currency or sale_currency,
        availability=_availability(raw),
        brand=raw.get("brand", ""),
        category=category.rpartition(">")[2].strip(),
        extra={key: value for key, value in raw.items() if key not in _FIELDS},
    )


def _object(line: bytes) -> Mapping[str, Any]:
    try:
        raw = json.loads(line.strip().decode("utf-8"), parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise _BadLine("the line is not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise _BadLine(f"the line is not JSON (character {error.pos + 1})") from None
    except (ValueError, RecursionError):
        raise _BadLine("the line holds something that is no plain JSON") from None
    if not isinstance(raw, dict):
        raise _BadLine("a line is one product: {...}")
    return raw


def _no_constant(name: str) -> float:
    raise ValueError(name)


def _id(raw: Mapping[str, Any]) -> str:
    value = raw.get("id")
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        raise _BadLine("id is missing" if value is None else "id must be text")
    return value


def _title(raw: Mapping[str, Any]) -> str:
    value = raw.get("title")
    if not isinstance(value, str) or not value.strip():
        raise _BadLine("title is missing" if value is None else "title must be text")
    return value


def _price(raw: Mapping[str, Any], key: str) -> tuple[float | None, str]:
    """(amount, currency) of "12.90 EUR" or a number; (None, "") where there is none."""
    value = raw.get(key)
    if value is None:
        return None, ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        amount, currency = float(value) if abs(value) < 1e15 else math.inf, ""
    elif isinstance(value, str) and len(value) < 40 and (found := _PRICE.fullmatch(value.strip())):
        amount, currency = float(found[1]), found[2] or ""
    else:
        amount, currency = -1.0, ""
    if not 0 <= amount < 1e15:
        raise _BadLine(f'{key} is written as "12.90 EUR" or as a number')
    return amount, currency


def _availability(raw: Mapping[str, Any]) -> str:
    value = raw.get("availability", "in_stock")
    known = value.strip().lower().replace(" ", "_") if isinstance(value, str) else ""
    if known not in AVAILABILITY:
        raise _BadLine(f"availability: {did_you_mean(str(value), AVAILABILITY, 'one of')}")
    return known
