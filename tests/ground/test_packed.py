"""Small values by key in bounded memory."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize.packed import Packed

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner), max_leaves=12
)


@given(VALUES)
def test_what_is_taken_out_is_what_was_put(value: Any) -> None:
    """Values keep their types, tuples and lone surrogates among them; and each asker gets a copy of their own."""
    table = Packed(1 << 20)
    table.put("ann", value)
    assert table.get("ann") == value and type(table.get("ann")) is type(value)
    assert [*table.items()] == [("ann", value)] and table.pop("ann") == value
    assert table.size == 0 and len(table) == 0 and table.get("ann") is None and table.pop("ann") is None


@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from(["put", "pop", "discard"]), st.text(max_size=200))))
def test_the_newest_stay_inside_the_room(steps: list[tuple[int, str, str]]) -> None:
    """Whatever is put and taken, what is in the table are the values put last, as many as the room holds; and who goes
    is told."""
    gone: list[str] = []
    table = Packed(5_000, lambda key, value: gone.append(key))
    model: dict[str, str] = {}
    for number, what, value in steps:
        key = str(number)
        model.pop(key, None)
        if what == "put":
            table.put(key, value)
            model[key] = value
        elif what == "pop":
            table.pop(key)
        else:
            table.discard(key)
        for key in gone:
            del model[key]
        gone.clear()
        assert [*table.items()] == [*model.items()] and table.size <= table.room


def test_who_goes_depends_on_the_values_alone() -> None:
    """The same values in the same order leave the same table, whether their texts were one object or many."""
    one, other = Packed(20_000), Packed(20_000)
    for n in range(500):
        item = "product-" + str(n % 3)
        one.put(str(n), (item, item, item))
        other.put(str(n), tuple("product-" + str(n % 3) for _ in range(3)))
    assert [*one.items()] == [*other.items()] and 10 < len(one) < 500


def test_the_garbage_collector_does_not_look_into_it() -> None:
    """However many values there are, not one more container is for it to visit."""
    table = Packed(1 << 20)
    gc.collect()
    before = len(gc.get_objects())
    for n in range(2_000):
        table.put(str(n), {"items": [(n, "p")]})
    assert len(gc.get_objects()) - before < 20


def test_what_it_cannot_keep_is_an_error_and_changes_nothing() -> None:
    """An object of some class is refused, and the old value stays."""
    table = Packed(1 << 20)
    table.put("ann", 1)
    with pytest.raises(ValueError, match="unmarshallable"):
        table.put("ann", object())
    assert table.get("ann") == 1
