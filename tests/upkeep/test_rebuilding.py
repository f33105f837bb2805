"""The folds thrown away and made anew from the log are those of a worker that lived through it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from personalize.cli import main
from personalize.history import History
from personalize.model import Event, Product
from personalize.observe import LogObserver
from personalize.stores import open_store
from personalize.upkeep import rebuild, state_of

PRODUCTS = {"soap": Product("soap", "Soap", price=4.0), "milk": Product("milk", "Milk", price=2.0)}
NAMES = ("Page Viewed", "Product Viewed", "Product Added", "Order Completed", "User Identified", "Segment Entered")
VISITORS = [f"v{n}" for n in range(7)]


def events(first: int, last: int) -> list[Event]:
    return [
        Event(
            f"e{n}",
            NAMES[n % len(NAMES)],
            1000.0 * (n * 31 % 97),
            VISITORS[n * 5 % 7],
            {"product_id": ("soap", "milk")[n % 2], "path": "/p", "traits": {"a": n}, "segment": f"s{n % 3}"},
        )
        for n in range(first, last)
    ]


async def lived(tmp_path: Path, forget_some: bool = False) -> dict[str, str]:
    """The states of a worker that wrote and read while it went; with `forget_some` its folds miss some events."""
    history = History.at("sqlite", tmp_path, PRODUCTS, LogObserver())
    await history.start()
    for begin in range(0, 600, 40):
        for event in events(begin, begin + 40):
            history.record(event)
        if begin == 200 and forget_some:
            history.log._seq += 6  # planted bug
        if begin % 120 == 0:
            await history.log.flush()
            await history.load(VISITORS[begin % 7])
    await history.log.flush()
    states = {type(fold).__name__: await state_of(fold, VISITORS) for fold in history.folds}
    await history.close()
    return states


async def made_anew(tmp_path: Path, **options: Any) -> dict[str, str]:
    store = open_store("sqlite", tmp_path)
    rebuilt = await rebuild(store, PRODUCTS, LogObserver(), **options)
    await store.close()
    assert rebuilt.events == 600 and rebuilt.unreadable == 0
    return dict(rebuilt.states)


async def test_rebuilt_equals_lived(tmp_path: Path) -> None:
    """Every fold comes to the state that a living worker has, however large the slices are that the log is read in."""
    states = await lived(tmp_path)
    store = open_store("sqlite", tmp_path)
    seen = dict.fromkeys(event.visitor for event in await store.read(0, 1000))
    await store.close()
    assert set(seen) == set(VISITORS)
    for size in (1, 7, 2000):
        rebuilt = await made_anew(tmp_path, slice_=size)
        assert {k: v for k, v in rebuilt.items() if k != "Profiles"} == {
            k: v for k, v in states.items() if k != "Profiles"
        }
        history = History.at("sqlite", tmp_path, PRODUCTS, LogObserver())
        await history.start()
        assert await state_of(history.profiles, VISITORS) == states["Profiles"]
        await history.close()


async def test_a_fold_that_missed_an_event_is_caught(tmp_path: Path) -> None:
    """Planted bug: a worker that skipped some events is in another state."""
    states = await lived(tmp_path, forget_some=True)
    rebuilt = await made_anew(tmp_path)
    assert any(states[fold] != rebuilt[fold] for fold in states if fold != "Profiles")


async def test_another_state_is_another_text() -> None:
    """One event more, one trait different: the text that stands for the state differs."""
    base = events(0, 50)
    other = [*base[:10], Event("x", "Product Viewed", 5.0, "v1", {"product_id": "soap"}), *base[10:]]
    seen = set()
    for log in (base, base[:-1], other):
        store = open_store("memory", Path())
        await store.append(log)
        seen.add(tuple((await rebuild(store, PRODUCTS, LogObserver())).states.items()))
    assert len(seen) == 3


@pytest.mark.parametrize("options", [[], ["--verify"]])
def test_the_command_tells_what_it_found(tmp_path: Path, options: list[str]) -> None:
    """Events by kind, the pace, and each fold's state; with --verify two runs agree."""

    async def make() -> None:
        store = open_store("sqlite", tmp_path)
        await store.append(events(0, 60))
        await store.close()

    asyncio.run(make())
    (tmp_path / "p.yaml").write_text("version: 1\n")
    ran = CliRunner().invoke(main, ["rebuild", str(tmp_path / "p.yaml"), *options])
    assert ran.exit_code == 0 and "60 events folded" in ran.stdout
    assert "Order Completed" in ran.stdout and "Profiles: state " in ran.stdout
