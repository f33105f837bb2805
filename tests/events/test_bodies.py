"""Cutting a body into its events, and inflating it under a cap."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from personalize.errors import CollectError
from personalize.events import bodies
from personalize.events.bodies import cut_batch, read_batch, read_quickly

Cut = Callable[[str], Awaitable[bodies.Pieces]]

scalars = (
    st.none() | st.booleans() | st.integers() | st.text(alphabet='a"\\[]{},: ', max_size=8) | st.just('"batch": [')
)
values = st.recursive(
    scalars, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(alphabet='ab"\\:[', max_size=4), v, max_size=3)
)
batches = st.lists(values, max_size=5)
envelopes = st.dictionaries(st.sampled_from(["sentAt", "a", 'x"batch"', "\\", "batches"]), values, max_size=3)


def obeys(cut: Cut, envelope: dict[str, Any], batch: list[Any], indent: int | None) -> bool:
    """The law: what is cut out and parsed piece by piece is what parsing the whole gives."""
    keys = list(envelope.items())
    for place in range(len(keys) + 1):
        body = dict(keys[:place]) | {"batch": batch} | dict(keys[place:])
        try:
            around, pieces, others = asyncio.run(cut(json.dumps(body, indent=indent)))
        except CollectError:
            return False
        events = [element for element in batch if isinstance(element, dict | list)]
        parsed = [json.loads(piece) if isinstance(piece, str) else piece for piece in pieces]
        none = [place for place, element in enumerate(batch) if not isinstance(element, dict | list)]
        if (parsed, around, list(others)) != (events, envelope, none):
            return False
    return True


@given(envelopes, batches, st.sampled_from([None, 1]))
@example({"a": ['"batch": [', {"batch": [1]}]}, [{"batch": [{}]}, 1, []], None)
def test_pieces_are_those_of_the_whole(envelope: dict[str, Any], batch: list[Any], indent: int | None) -> None:
    """Wherever "batch" stands among the keys, and whatever stands in texts."""
    assert obeys(cut_batch, envelope, batch, indent)
    assert obeys(lambda text: read_batch(text.encode()), envelope, batch, indent)


def test_the_usual_batch_is_read_quickly() -> None:
    """As the clients write it, with "batch" first; whatever is odd about it is left to the careful way."""
    assert read_quickly('{"batch": [{"a": 1}, {"a": 2}], "sentAt": 5}') == ({"sentAt": 5}, [{"a": 1}, {"a": 2}], ())
    large = '{"a": "' + "x" * 9_000 + '"}'
    assert read_quickly('{"batch":[' + large + "]}") == ({}, [large], ())
    deep = '{"a":' * 5_000 + "1" + "}" * 5_000
    for odd in ('{"batch": []}', '{"batch": [1]}', '{"batch": [{}] x}', '{"batch": [{},]}', '{"batch": [{}', "", deep,
                f'{{"batch": [{deep}]}}', '{"batch": [{}], "batch": [{}]}', '{"a": 1, "batch": [{}]}'):  # fmt: skip
        assert read_quickly(odd) is None


async def _blind_to_strings(body: str) -> bodies.Pieces:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bodies, "_BRACKET", bodies.re.compile(r"[^{}\[\]]*([{}\[\]])", bodies.re.DOTALL))
        return await cut_batch(body)


async def _any_batch(body: str) -> bodies.Pieces:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bodies, "_BATCH", bodies.re.compile(r'batch"\s*:\s*\Z'))
        return await cut_batch(body)


async def _forgets_the_last(body: str) -> bodies.Pieces:
    envelope, texts, others = await cut_batch(body)
    return envelope, texts[:-1], others


async def _counts_no_others(body: str) -> bodies.Pieces:
    envelope, texts, _ = await cut_batch(body)
    return envelope, texts, ()


@pytest.mark.parametrize("wrong", [_blind_to_strings, _any_batch, _forgets_the_last, _counts_no_others])
def test_the_law_finds_planted_mistakes(wrong: Cut) -> None:
    """Each wrong way of cutting breaks it on one of these."""
    cases: list[tuple[dict[str, Any], list[Any]]] = [
        ({}, [{"a": "]}"}, {}]),
        ({"batches": [1], 'x"batch"': [{}]}, [1]),
        ({'a"batch': [{}]}, [{}]),
        ({}, [7, {}]),
    ]
    assert all(obeys(cut_batch, *case, None) for case in cases)
    assert not all(obeys(wrong, *case, None) for case in cases)


async def test_a_long_body_is_cut_in_turns() -> None:
    """Between two slices other tasks run, so that a page does not wait for a batch."""
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    await cut_batch('{"batch": [' + ",".join(["[[[]]]"] * 5_000) + "]}")
    task.cancel()
    assert turns >= 10


@pytest.mark.parametrize("text", ["1" + "0" * 5_000, "-1" + "0" * 5_000, "[1" + "0" * 5_000 + "]"])
def test_numbers_of_any_length_are_read(text: str) -> None:
    """Python itself refuses to read integers of more than 4,300 digits."""
    assert bodies.read_json(text) in (None, [None])
