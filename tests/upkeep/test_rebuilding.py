"""The folds thrown away and made anew from the log are those of a worker that lived through it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from personalize.cli import main
from personalize.history import History
from personalize.model import OPERATOR, Event, Product
from personalize.observe import LogObserver
from personalize.stores import open_store
from personalize.upkeep.rebuilding import rebuild, started, state_of

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
            {"product_id": ("soap", "milk")[n % 2], "path": "/p", "traits": {"a": n}, "segment": f"s{n % 3}"}
            | ({"$via": "server", "$ids": {"user_id": f"{n % 4}"}} if n % 9 == 0 else {}),
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


async def found_at_a_start(tmp_path: Path) -> dict[str, str]:
    store = open_store("sqlite", tmp_path)
    states = dict((await started(store, PRODUCTS, LogObserver())).states)
    await store.close()
    return states


async def test_rebuilt_equals_lived(tmp_path: Path) -> None:
    """Every fold comes to the state that a living worker has, and that a starting one finds, however large the slices
    are that the log is read in."""
    states = await lived(tmp_path)
    store = open_store("sqlite", tmp_path)
    seen = dict.fromkeys(event.visitor for event in await store.read(0, 1000))
    await store.close()
    assert set(seen) == set(VISITORS)
    at_a_start = await found_at_a_start(tmp_path)
    for size in (1, 7, 2000):
        rebuilt = await made_anew(tmp_path, slice_=size)
        assert rebuilt == at_a_start
        assert rebuilt == states | {"Profiles": rebuilt["Profiles"], "Identity": rebuilt["Identity"]}
        history = History.at("sqlite", tmp_path, PRODUCTS, LogObserver())
        await history.start()
        assert await state_of(history.profiles, VISITORS) == states["Profiles"]
        await history.close()


async def test_what_is_rebuilt_takes_the_place_of_what_was_kept(tmp_path: Path) -> None:
    """What is kept can be thrown away: a rebuild puts the same in its place, and mends what was wrong."""
    await lived(tmp_path)
    store = open_store("sqlite", tmp_path)
    expected = (await rebuild(store, PRODUCTS, LogObserver())).states
    for group, values in (("identity", {"i:v1": b'[[],false,["u:99"]]'}), ("folds", {"head": b"{}"})):
        stands, _ = await store.kept(group, ())  # type: ignore[attr-defined]
        await store.keep(group, stands, 600, values)  # type: ignore[attr-defined]
    assert (await started(store, PRODUCTS, LogObserver())).states != expected
    assert (await rebuild(store, PRODUCTS, LogObserver(), keep="if whole")).kept
    assert (await started(store, PRODUCTS, LogObserver())).states == expected
    await store.close()


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


async def write(tmp_path: Path, *more: Event) -> None:
    store = open_store("sqlite", tmp_path)
    await store.append([*events(0, 60), *more])
    await store.close()


def run(tmp_path: Path, *options: str) -> Any:
    (tmp_path / "p.yaml").write_text("version: 1\n")
    return CliRunner().invoke(main, ["rebuild", str(tmp_path / "p.yaml"), *options])


@pytest.mark.parametrize("options", [[], ["--verify"]])
def test_the_command_tells_what_it_found(tmp_path: Path, options: list[str]) -> None:
    """Events by kind, the pace, each fold's state; with --verify two runs agree, and what a start finds with them."""
    asyncio.run(write(tmp_path))
    ran = run(tmp_path, *options)
    assert ran.exit_code == 0 and "60 events folded" in ran.stdout
    assert "Order Completed" in ran.stdout and "Profiles: state " in ran.stdout
    assert run(tmp_path, "--verify").exit_code == 0


def test_verifying_finds_what_is_kept_wrongly(tmp_path: Path) -> None:
    """A link that the log does not tell of is found, and a rebuild takes it away."""
    asyncio.run(write(tmp_path))
    assert run(tmp_path).exit_code == 0

    async def spoil() -> None:
        store = open_store("sqlite", tmp_path)
        await store.keep("identity", 60, 60, {"i:v1": b'[[],false,["u:99"]]'})  # type: ignore[attr-defined]
        await store.close()

    asyncio.run(spoil())
    wrong = run(tmp_path, "--verify")
    assert wrong.exit_code == 1 and "kept otherwise than the log says: " in wrong.output and "Links" in wrong.output
    assert run(tmp_path).exit_code == run(tmp_path, "--verify").exit_code == 0


def test_what_lines_taught_that_left_is_not_thrown_away_unasked(tmp_path: Path) -> None:
    """Where lines left the log a rebuild would forget what they taught: it says so and changes nothing, until told."""
    asyncio.run(write(tmp_path, Event("gone", "Events Expired", 1.0, OPERATOR)))
    refused = run(tmp_path)
    assert refused.exit_code == 1 and "--from-what-is-left" in refused.output
    assert run(tmp_path, "--from-what-is-left").exit_code == 0


def test_verifying_does_not_call_alike_what_only_lines_that_left_explain(tmp_path: Path) -> None:
    """What is kept may know more than a log that lost lines; that a start would come to the same is then not said."""
    asyncio.run(write(tmp_path))
    assert run(tmp_path).exit_code == 0

    async def leave() -> None:
        store = open_store("sqlite", tmp_path)
        await store.open()
        await store.append([Event("gone", "Events Expired", 1.0, OPERATOR)])
        await store.keep("identity", 60, 61, {"i:v1": b'[[],false,["u:99"]]'})  # type: ignore[attr-defined]
        await store.close()

    asyncio.run(leave())
    done = run(tmp_path, "--verify")
    assert done.exit_code == 0 and "Links: what is kept knows of lines that left the log" in done.output
    assert "a start would too, but for that" in done.output
