"""The page about templates says what templates are given."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from personalize.content.templates import FUEL, LARGEST
from personalize.model import Product

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "templates.md"


def test_the_page_names_every_variable_and_bound() -> None:
    """Each product field, each variable and both bounds stand on the page."""
    page = PAGE.read_text("utf-8")
    names = [f.name for f in fields(Product) if f.name != "extra"]
    names += ["parts", "vars", "items", "html", "slot", "experience", "variant", "why", "params"]
    assert [name for name in names if f"`{name}`" not in page] == []
    assert f"{FUEL:,} instructions" in page and f"{LARGEST // 1024} KB of output" in page
