"""A log moves to another store, whole and in order, also while the site goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner

from personalize.cli import main
from personalize.model import ERASED, Event
from personalize.protocols import Store
from personalize.stores import MemoryStore, open_store
from personalize.upkeep.copying import Copied, copy_log


def batch(first: int, last: int) -> list[Event]:
    return [Event(f"e{n}", "Page Viewed", 1.5 * n, f"v{n % 7}", {"n": n, "text": "ş\x00"}) for n in range(first, last)]


async def told(store: Store) -> list[tuple[object, ...]]:
    return [(e.id, e.name, e.time, e.visitor, e.properties) for e in await store.read(0, 100_000)]


async def test_a_copy_is_the_same_log(tmp_path: Path) -> None:
    """The copy has the same events in the same order; copied again, nothing is added."""
    source, target = MemoryStore(), open_store("sqlite", tmp_path)
    await source.append(batch(0, 3500))
    reached: list[int] = []
    assert await copy_log(source, target, reached.append) == Copied(3500, 0)
    assert reached == [1000, 2000, 3000, 3500]
    assert await told(target) == await told(source)
    assert await copy_log(source, target) == Copied(0, 3500)
    assert await told(target) == await told(source)
    await target.close()


async def test_a_copy_that_was_cut_off_goes_on(tmp_path: Path) -> None:
    """What an earlier run copied is passed over, and what came meanwhile is taken."""
    source, target = MemoryStore(), open_store("sqlite", tmp_path)
    await source.append(batch(0, 1500))
    await target.append(batch(0, 700))
    assert await copy_log(source, target) == Copied(800, 700)
    await source.append(batch(1500, 1600))
    assert await copy_log(source, target) == Copied(100, 1500)
    assert await told(target) == await told(source)
    await target.close()


async def test_who_was_erased_meanwhile_is_erased_in_the_copy(tmp_path: Path) -> None:
    """A copy of a site that goes on loses the lines of who was erased since; what came after the erasure is copied."""
    source, target = MemoryStore(), open_store("sqlite", tmp_path)
    await source.append(batch(0, 5))
    assert not (await copy_log(source, target)).lines_left
    gone = (await source.read())[0].visitor
    await source.append([Event("tombstone", ERASED, 9.0, gone)])
    await source.forget(gone)
    await source.append([Event("later", "Page Viewed", 11.0, gone)])
    for copied in (2, 0):
        assert await copy_log(source, target) == Copied(copied, 6 - copied, lines_left=True)
        assert [event.id for event in await target.of_visitor(gone)] == ["tombstone", "later"]
        assert await told(target) == await told(source)
    await target.close()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    async def make() -> None:
        store = open_store("sqlite:///old.db", tmp_path)
        await store.append(batch(0, 50))
        await store.close()

    asyncio.run(make())
    return tmp_path / "old.db"


def test_the_command_copies_by_address_and_by_config(log: Path, tmp_path: Path) -> None:
    """FROM and TO are addresses or config files; the outcome is told in one line."""
    (tmp_path / "new.yaml").write_text("version: 1\nstore: sqlite:///new.db\n")
    for said in ("50 events copied, 0 were there already", "0 events copied, 50 were there already"):
        ran = CliRunner().invoke(main, ["copy-store", f"sqlite:///{log}", str(tmp_path / "new.yaml")])
        assert (ran.exit_code, ran.stdout.strip()) == (0, said)


@pytest.mark.parametrize(
    ("source", "target", "says"),
    [
        ("sqlite:///{log}", "sqlite:///{log}", "the same store"),
        ("sqlite:////nowhere/at/all.db", "sqlite:///{log}", "there is no log"),
        ("sqlite:///{log}", "oracle://x", "names no store"),
        ("sqlite:///{log}", "memory", "nothing to copy"),
        ("sqlite:///{log}", "postgresql://nobody@127.0.0.1:1/x", "run it again"),
        ("no.yaml", "sqlite:///{log}", "no.yaml"),
    ],
)
def test_what_cannot_be_copied_is_said(log: Path, source: str, target: str, says: str) -> None:
    """A slip is told in plain words, and the exit status is not 0."""
    ran = CliRunner().invoke(main, ["copy-store", source.format(log=log), target.format(log=log)])
    assert ran.exit_code and says in ran.output


async def test_who_is_erased_takes_nobody_elses_lines_out_of_the_copy(tmp_path: Path) -> None:
    """Of a browser that two people used, one of whom erased everything, the copy has what the source has, also where
    the erasure comes many lines later."""
    source, target = MemoryStore(), open_store("sqlite", tmp_path)
    await source.append([Event("first", "Page Viewed", 0.1, "shared"), Event("out", "Signed Out", 0.2, "shared")])
    await source.append([Event("second", "Page Viewed", 0.3, "shared"), *batch(0, 1500)])
    await copy_log(source, target)
    await source.append([Event("tombstone", ERASED, 9.0, "shared")])
    await source.forget("shared", 2, 3)
    for _ in range(2):
        await copy_log(source, target)
        left = [event.id for event in await target.of_visitor("shared")]
        assert left == [event.id for event in await source.of_visitor("shared")] and "first" in left
        assert "second" not in left
    await target.close()
