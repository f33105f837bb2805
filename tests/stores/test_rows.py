"""An event as columns: whatever its properties hold."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from personalize.model import Event
from personalize.stores.rows import row_of

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


def written(properties: dict[str, Any]) -> str:
    return row_of(Event("e", "Page Viewed", 1.0, "v", properties))[4]


@given(st.dictionaries(st.text(max_size=8), VALUES, max_size=6))
def test_properties_are_written_as_json_writes_them(properties: dict[str, Any]) -> None:
    """Also one after the other: nothing is left of what was written before."""
    for _ in range(2):
        assert written(properties) == json.dumps(properties, separators=(",", ":"))


def test_what_holds_itself_is_cut_and_hinders_nothing_after_it() -> None:
    """It can't be written, and takes nothing else with it."""
    round_: dict[str, Any] = {"item": "p1"}
    round_["again"] = round_
    for _ in range(3):
        told = json.loads(written({"a": 1, "round": round_, "b": [2]}))
        assert (told["a"], told["b"], told["round"]["again"]["item"]) == (1, [2], "p1")
        assert written({"a": 1}) == '{"a":1}'
