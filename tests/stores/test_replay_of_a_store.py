"""A log in PostgreSQL is replayed as the same log in SQLite is."""

from __future__ import annotations

import asyncio
from pathlib import Path

from personalize.replay.replayed import Replayed
from personalize.replay.replayers import replay_log
from personalize.stores import open_store
from tests.behaviours.test_replaying_together import CONFIG, week


async def recorded(folder: Path, url: str) -> tuple[Path, Path]:
    """A week's log in a store, the config that it belongs to, and a proposed one."""
    folder.mkdir()
    files = folder / "personalize.yaml", folder / "new.yaml"
    for file, visits in zip(files, "23", strict=True):
        file.write_text(CONFIG.replace("BACK", visits).replace("store: sqlite:///log.db", f"store: {url}"))
    store = open_store(url, folder)
    await store.open()
    await store.append(week())
    await store.close()
    return files


def replayed(files: tuple[Path, Path], processes: int) -> Replayed:
    return replay_log(*files, 0.0, processes, lambda *at: None)


def test_b30_a_replay_of_postgres_comes_to_what_one_of_sqlite_does(tmp_path: Path, postgres: str) -> None:
    """The same events, joined and parted ids among them: the same answer to the last example, by one process and by
    two."""
    of_sqlite = asyncio.run(recorded(tmp_path / "sqlite", "sqlite:///log.db"))
    of_postgres = asyncio.run(recorded(tmp_path / "postgres", postgres))
    expected = replayed(of_sqlite, 1).as_json()
    assert expected["changed_views"] > 20 and len(expected["changes"]) >= 3
    assert replayed(of_postgres, 1).as_json() == expected
    assert replayed(of_postgres, 2).as_json() == expected
