"""What every store must do that keeps values beside its log, as laws (see protocols.KeepingStore): each takes an empty
store and raises AssertionError where it is broken. The caller makes the store, and closes it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from ..errors import StoreError
from ..model import Event
from ..protocols import KeepingStore, Store


class KeepingLog(Store, KeepingStore, Protocol):
    """A log that keeps values, too."""


async def _refuses(call: Awaitable[object]) -> None:
    try:
        await call
    except StoreError:
        return
    raise AssertionError("no StoreError was raised")


_KEYS: Final = ("i:ann", "i:Ann", "p:u:42", "ş\0 \\0\n", "*", "", "x" * 500)


async def nothing_is_kept_at_first(store: KeepingLog) -> None:
    """A group that nobody wrote to stands at 0 and has no values."""
    await store.open()
    assert await store.kept("folds") == (0, {})
    assert await store.kept("folds", ["a", "b"]) == (0, {})
    assert await store.kept("folds", []) == (0, {})


async def what_is_kept_is_read_back(store: KeepingLog) -> None:
    """Values come back to the byte, by key or all of them, each group's apart; None removes one, and `alone` every
    other one."""
    await store.open()
    values = {key: bytes([n]) * n for n, key in enumerate(_KEYS)}
    assert await store.keep("one", 0, 7, values)
    assert await store.keep("two", 0, 5, {"i:ann": b"other", "big": b"\0\xff" * 500_000})
    assert await store.kept("one") == (7, values)
    assert await store.kept("one", [*_KEYS[2:4], "nobody"]) == (7, {key: values[key] for key in _KEYS[2:4]})
    assert await store.kept("two", ["big"]) == (5, {"big": b"\0\xff" * 500_000})
    many = {f"k{n}": b"%d" % n for n in range(2000)}
    assert await store.keep("many", 0, 1, many)
    assert (await store.kept("many", [*many, "nobody"]))[1] == many
    assert await store.keep("one", 7, 9, {"i:ann": None, "nobody": None, "*": b"new"})
    left = {key: value for key, value in values.items() if key != "i:ann"} | {"*": b"new"}
    assert await store.kept("one") == (9, left)
    assert await store.keep("one", 9, 9, {"only": b"x", "gone": None}, alone=True)
    assert await store.kept("one") == (9, {"only": b"x"})
    assert (await store.kept("two"))[0] == 5 and len((await store.kept("many"))[1]) == 2000


async def a_group_moves_only_from_where_it_stands(store: KeepingLog) -> None:
    """Who does not know where a group stands changes nothing; of many who try from the same place one succeeds."""
    await store.open()
    assert not await store.keep("folds", 3, 4, {"a": b"wrong"}, alone=True)
    assert await store.kept("folds") == (0, {})
    assert await store.keep("folds", 0, 10, {"a": b"1"})
    assert not await store.keep("folds", 0, 11, {"a": None, "b": b"wrong"})
    assert await store.kept("folds") == (10, {"a": b"1"})
    tried = [store.keep("folds", 10, 20 + n, {"a": b"%d" % n}) for n in range(20)]
    won = [n for n, done in enumerate(await asyncio.gather(*tried)) if done]
    assert len(won) == 1
    assert await store.kept("folds") == (20 + won[0], {"a": b"%d" % won[0]})


async def what_is_kept_stays_as_long_as_the_log(store: KeepingLog) -> None:
    """A closed store keeps nothing and gives nothing; opened again, values are as they were. Events and values do not
    touch each other."""
    await store.open()
    await store.append([Event("a", "Page Viewed", 1.0, "ann")])
    assert await store.keep("folds", 0, 1, {"a": b"1"})
    await store.close()
    await _refuses(store.keep("folds", 1, 2, {}))
    await _refuses(store.kept("folds"))
    await store.open()
    assert await store.kept("folds") == (1, {"a": b"1"})
    assert [e.id for e in await store.read()] == ["a"] and await store.last() == 1
    if hasattr(store, "forget"):
        await store.forget("ann")
    assert await store.kept("folds") == (1, {"a": b"1"})


KEEPING_LAWS: tuple[Callable[[KeepingLog], Awaitable[None]], ...] = (
    nothing_is_kept_at_first,
    what_is_kept_is_read_back,
    a_group_moves_only_from_where_it_stands,
    what_is_kept_stays_as_long_as_the_log,
)
