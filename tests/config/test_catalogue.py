"""The product list: what becomes of each line, and what is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize import ConfigError
from personalize.config import load_products
from personalize.model import Product


@pytest.fixture
def read(tmp_path):
    """Reads products from lines (dicts or bytes)."""

    def of(*lines):
        file = tmp_path / "products.jsonl"
        file.write_bytes(
            b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)
        )
        return load_products(file)

    return of


def problems_of(read, *lines):
    with pytest.raises(ConfigError) as caught:
        read(*lines)
    return [(p.code, p.mark.line, p.message) for p in caught.value.problems]


def test_a_full_line(read):
    """A line's attributes become a Product's fields; the rest is kept as it is."""
    line = {
        "id": "p-1", "title": "Mint toothpaste", "link": "/p/p-1", "image_link": "https://cdn.example/p-1.webp",
        "price": "12.90 EUR", "sale_price": "9.90 EUR", "availability": "out of stock", "brand": "Nane",
        "product_type": "Home > Bath > Toothpaste", "gtin": "123", "custom": [1, {"a": None}],
    }  # fmt: skip
    assert read(line) == {
        "p-1": Product(
            id="p-1", title="Mint toothpaste", link="/p/p-1", image_link="https://cdn.example/p-1.webp", price=12.9,
            sale_price=9.9, currency="EUR", availability="out_of_stock", brand="Nane", category="Toothpaste",
            extra={"product_type": "Home > Bath > Toothpaste", "gtin": "123", "custom": [1, {"a": None}]},
        )
    }  # fmt: skip


def test_a_short_line(read):
    """An id and a title are enough; a number is a price without a currency, and a numeric id is text."""
    products = read(
        b"\xef\xbb\xbf" + b'{"id": 7, "title": "A"}',
        b"",
        {"id": "b", "title": "B", "price": 3, "google_product_category": "X > Y"},
    )
    assert products["7"] == Product(id="7", title="A")
    assert (products["b"].price, products["b"].currency, products["b"].category) == (3.0, "", "Y")


def test_order_is_kept(read):
    """Products keep the order of the file."""
    assert list(read(*({"id": str(i), "title": "x"} for i in (3, 1, 2)))) == ["3", "1", "2"]


NO_ADDRESS = "is no address: it begins with https://, http:// or /"
BAD = [
    (b"{", "the line is not JSON (character 2)"),
    (b"[]", "a line is one product: {...}"),
    (b"null", "a line is one product: {...}"),
    (b'{"id": "\xff"}', "the line is not UTF-8 text"),
    (b'{"id": "a", "title": "A", "price": NaN}', "the line holds something that is no plain JSON"),
    (b"[" * 50_000, "the line holds something that is no plain JSON"),
    (b'{"id": "a", "title": "' + b"x" * 70_000 + b'"}', "the line is longer than 64 KB"),
    ({"title": "A"}, "id is missing"),
    ({"id": "", "title": "A"}, "id must be text"),
    ({"id": True, "title": "A"}, "id must be text"),
    ({"id": "a"}, "title is missing"),
    ({"id": "a", "title": ["A"]}, "title must be text"),
    ({"id": "a", "title": "A", "price": "12,90 EUR"}, 'price is written as "12.90 EUR" or as a number'),
    ({"id": "a", "title": "A", "price": -1}, 'price is written as "12.90 EUR" or as a number'),
    ({"id": "a", "title": "A", "price": 10**400}, 'price is written as "12.90 EUR" or as a number'),
    ({"id": "a", "title": "A", "price": "1 EUR", "sale_price": "1 USD"}, "sale_price is in USD, price in EUR"),
    ({"id": "a", "title": "A", "brand": 5}, "brand must be text"),
    ({"id": "a", "title": "A", "link": "javascript:alert(1)"}, f"link {NO_ADDRESS}"),
    ({"id": "a", "title": "A", "link": "//evil.example"}, f"link {NO_ADDRESS}"),
    ({"id": "a", "title": "A", "image_link": "data:image/png;x"}, f"image_link {NO_ADDRESS}"),
    ({"id": "a", "title": "A", "availability": "in stok"}, 'availability: did you mean "in_stock"?'),
    ({"id": "a", "title": "A", "product_type": 3}, "product_type must be text"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "says"), BAD, ids=[says for _, says in BAD])
def test_bad_lines(read, line, says):
    """A bad line is refused with its number and what is wrong."""
    assert problems_of(read, {"id": "ok", "title": "OK"}, line) == [("PZ318", 2, says)]


def test_lines_that_clash(read):
    """An id that was there before, and a second currency, are refused."""
    first = {"id": "a", "title": "A", "price": "1 EUR"}
    assert problems_of(read, first, first, first | {"id": "b", "price": "1 USD"}) == [
        ("PZ318", 2, 'the id "a" is in line 1 already'),
        ("PZ318", 3, "the price is in USD, the ones above are in EUR"),
    ]


def test_at_most_twenty(read):
    """A list that is wrong throughout gives twenty problems, not a thousand."""
    assert len(problems_of(read, *[b"x"] * 1000)) == 20


def test_files_that_are_none(read, tmp_path):
    """A missing file, a folder and an empty list are refused."""
    assert problems_of(read, b"") == [("PZ317", 0, "the catalogue holds no product")]
    for path in (tmp_path / "none", tmp_path, "/dev/zero"):
        with pytest.raises(ConfigError, match="PZ317"):
            load_products(path)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda s: st.lists(s, max_size=3),
    max_leaves=4,
)


@given(
    st.dictionaries(
        st.sampled_from(["id", "title", "price", "link", "brand", "availability", "product_type", "x"]), plain
    )
    | st.binary(max_size=40)
)
def test_any_line(tmp_path_factory, line):
    """Any line is a product or is refused; nothing else is ever raised."""
    file = tmp_path_factory.getbasetemp() / "any.jsonl"
    file.write_bytes(line if isinstance(line, bytes) else json.dumps(line).encode())
    try:
        assert len(load_products(file)) >= 1
    except ConfigError as error:
        assert error.problems
