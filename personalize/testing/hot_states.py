"""What every hot state must do, as laws: each takes an empty one and a second one on the same place (the same object
where only one process can have it), and raises AssertionError where it is broken. The caller makes and closes them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from ..protocols import HotState

_NOW = 1_700_000_000.123456


def _plain(shown: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    return {key: list(times) for key, times in shown.items()}


async def nothing_is_known_of_a_stranger(one: HotState, other: HotState) -> None:
    """Who was shown nothing has no times."""
    assert _plain(await one.recall("ann")) == {}
    await one.remember("ann", [], _NOW)
    assert _plain(await other.recall("ann")) == {}


async def what_one_remembers_the_other_recalls(one: HotState, other: HotState) -> None:
    """As soon as `remember` has returned, every worker recalls it, with its time to the bit."""
    for n in range(20):
        now = _NOW + n / 7
        await (one, other)[n % 2].remember("ann", ["hero/a"], now)
        assert (await (other, one)[n % 2].recall("ann"))["hero/a"][-1] == now
    assert len((await one.recall("ann"))["hero/a"]) == 20


async def visitors_and_keys_are_apart(one: HotState, other: HotState) -> None:
    """Each visitor has their own keys, each key its own times, whatever stands in their names."""
    names = ["ann", "ann:b", "ann b", "b", "ş\x00\n", "*", ""]
    for n, visitor in enumerate(names):
        await one.remember(visitor, [f"hero/{visitor}", "side 1/x"], _NOW + n)
    for n, visitor in enumerate(names):
        assert _plain(await other.recall(visitor)) == {f"hero/{visitor}": [_NOW + n], "side 1/x": [_NOW + n]}


async def one_showing_counts_once(one: HotState, other: HotState) -> None:
    """The same key at the same time is one showing; times come sorted."""
    for time in (_NOW + 1, _NOW, _NOW + 1):
        await one.remember("ann", ["hero/a", "hero/a"], time)
        await other.remember("ann", ["hero/a"], time)
    assert _plain(await one.recall("ann")) == {"hero/a": [_NOW, _NOW + 1]}


async def one_visitor_takes_bounded_room(one: HotState, other: HotState) -> None:
    """The newest 100 showings are there, and not many more come back."""
    for n in range(300):
        await one.remember("ann", [f"hero/{n % 3}"], _NOW + n)
    times = sorted(time for times in (await other.recall("ann")).values() for time in times)
    assert 100 <= len(times) <= 150 and times[-100:] == [_NOW + n for n in range(200, 300)]


async def at_the_same_time_nothing_is_lost(one: HotState, other: HotState) -> None:
    """Showings of many slots at once are all there."""
    await asyncio.gather(*((one, other)[n % 2].remember("ann", [f"slot{n}/x"], _NOW) for n in range(40)))
    assert _plain(await one.recall("ann")) == {f"slot{n}/x": [_NOW] for n in range(40)}


HOT_STATE_LAWS: tuple[Callable[[HotState, HotState], Awaitable[None]], ...] = (
    nothing_is_known_of_a_stranger,
    what_one_remembers_the_other_recalls,
    visitors_and_keys_are_apart,
    one_showing_counts_once,
    one_visitor_takes_bounded_room,
    at_the_same_time_nothing_is_lost,
)
