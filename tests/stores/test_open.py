"""The config's `store:` becomes a store."""

from __future__ import annotations

from pathlib import Path

import pytest

from personalize.model import Event
from personalize.stores import MemoryStore, PostgresStore, SqliteStore, beside, open_hot_state, open_store


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite", "{base}/.personalize/log.db"),
        ("sqlite:///shop.db", "{base}/shop.db"),
        ("sqlite:///data/shop.db", "{base}/data/shop.db"),
        ("sqlite:////var/lib/shop.db", "/var/lib/shop.db"),
    ],
)
def test_a_sqlite_url_names_a_file(tmp_path: Path, url: str, path: str) -> None:
    """Three slashes are relative to the config's folder, four are absolute, and nothing is made yet."""
    store = open_store(url, tmp_path)
    assert isinstance(store, SqliteStore)
    assert str(store.path) == path.format(base=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_memory(tmp_path: Path) -> None:
    """A log in memory touches no file."""
    assert isinstance(open_store("memory", tmp_path), MemoryStore)


@pytest.mark.parametrize(
    "url", ["postgresql://ann@db/shop", "postgres://db/shop", "postgresql+asyncpg://ann:secret@db:6432/shop"]
)
def test_a_postgresql_url_names_a_database(tmp_path: Path, url: str) -> None:
    """libpq's urls, and SQLAlchemy's for the same driver; nothing is connected yet, and a password is never shown."""
    store = open_store(url, tmp_path)
    assert isinstance(store, PostgresStore)
    assert store.where.startswith("postgresql://db") and "secret" not in store.where


@pytest.mark.parametrize("rest", ["ann:se/cret@db/shop", "ann:s@se/cret@db/shop"])
def test_a_slash_in_a_password_is_told_without_it(tmp_path: Path, rest: str) -> None:
    """Where a password holds what an address reads otherwise, it is told how to write it, and no part of it."""
    with pytest.raises(ValueError, match="%2F") as caught:
        open_store(f"postgresql://{rest}", tmp_path)
    assert "cret" not in str(caught.value)


@pytest.mark.parametrize("port", ["abc", "99999", "0", "5432,c:x"])
def test_a_port_is_a_number(tmp_path: Path, port: str) -> None:
    """A slip in a port is found before anything is connected."""
    with pytest.raises(ValueError, match="1 to 65535"):
        open_store(f"postgresql://ann@[::1],db:{port}/shop", tmp_path)


@pytest.mark.parametrize(
    ("store", "hot"),
    [
        ("memory", "memory"),
        ("sqlite", "sqlite"),
        ("sqlite:///data/shop.db", "sqlite:///data/shop-hot.db"),
        ("sqlite:////var/shop", "sqlite:////var/shop-hot"),
        ("postgresql://ann@db/shop?options=-csearch_path%3Da", "postgresql://ann@db/shop?options=-csearch_path%3Da"),
    ],
)
def test_hot_state_is_beside_the_log(store: str, hot: str) -> None:
    """Without `hot` it is where the log is, so that `store` is all that has to be written."""
    assert beside(store) == hot


@pytest.mark.parametrize("url", ["redis://cache", "rediss://:secret@cache", "valkey://cache"])
def test_redis_keeps_no_log(tmp_path: Path, url: str) -> None:
    """Redis is for hot state; the message says so and repeats no password."""
    with pytest.raises(ValueError, match="write it as `hot`") as caught:
        open_store(url, tmp_path)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("module", "url"), [("asyncpg", "postgresql://db/shop"), ("redis", "redis://cache")])
def test_a_missing_driver_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, url: str) -> None:
    """Without its extra a store is refused with what to install."""
    monkeypatch.setattr("personalize.stores.postgres_lines.find_spec", lambda name: None)
    monkeypatch.setattr("personalize.stores.redis.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"install the extra"):
        open_store(url, tmp_path) if module == "asyncpg" else open_hot_state(url, tmp_path)


@pytest.mark.parametrize(
    "url", ["", "mysql://x", "postgresql://", "sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:x", "Mem"]
)
def test_what_names_no_store_is_refused(tmp_path: Path, url: str) -> None:
    """The message says what could be written instead."""
    with pytest.raises(ValueError, match="sqlite"):
        open_store(url, tmp_path)


async def test_memory_keeps_the_newest_events() -> None:
    """A bounded log forgets its oldest events everywhere at once and never gives a seq twice."""
    store = MemoryStore(limit=10)
    await store.open()
    for n in range(25):
        await store.append([Event(f"e{n}", "X", 0.0, f"v{n % 2}")])
    found = await store.read()
    assert [e.id for e in found] == [f"e{n}" for n in range(15, 25)]
    assert [e.seq for e in found] == list(range(16, 26))
    assert [e.id for e in await store.of_visitor("v0")] == ["e16", "e18", "e20", "e22", "e24"]
    assert [e.id for e in await store.read(20, 3)] == ["e20", "e21", "e22"]
    assert (await store.append([Event("e0", "X", 0.0, "v0")]))[0] == 1
