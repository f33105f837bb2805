"""Segments whose members are kept elsewhere: read in the background, asked in memory, kept when they can't be read."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from personalize import ConfigError, PersonalizeMiddleware, load_config
from personalize.history.lists import FileLookup, HttpLookup, Listing, Lists, listed_id, listings
from personalize.model import Event
from personalize.testing import Answer, call

PAGE = b"<!doctype html><html><body><div data-slot=hero>plain</div></body></html>"
HERO: dict[str, Any] = {
    "match": {"path": "/"},
    "experiences": [{"id": "vip", "when": "vip", "show": {"html": "<b>VIP</b>"}}],
}


class Said:
    def __init__(self) -> None:
        self.states: list[str] = []

    def count(self, name: str, n: int = 1) -> None: ...

    def changed(self, part: str, state: str, detail: str = "") -> None:
        self.states.append(f"{part} {state}")

    def failed(self, where: str, error: BaseException) -> None: ...


async def read(lookup: Any) -> list[str]:
    return [id_ async for id_ in lookup.members("vip")]


@pytest.mark.parametrize(("text", "expected"), [
    ("42\nu:43\n\n", ["42", "u:43"]),
    ("name,user_id\nAnn,42\nBob,\n", ["u:42"]),
    ("\ufeffemail\nA@x.org\n", ["email:" + hashlib.sha256(b"a@x.org").hexdigest()]),
    ("loyalty_id;x\n0012;1\n", ["loyalty:0012"]),
    ("loyalty_id\n0012\n", ["loyalty:0012"]),
    ("", []),
])  # fmt: skip
async def test_b05_a_file_of_ids_is_a_segment(tmp_path: Path, text: str, expected: list[str]) -> None:
    """One id a line, or the column of a CSV that names its kind."""
    (tmp_path / "vip.csv").write_text(text)
    assert await read(FileLookup(tmp_path / "vip.csv")) == expected


def test_an_id_is_written_as_the_log_writes_it() -> None:
    """A plain id is a user's, an address stands for its hash, and what has a kind keeps it."""
    assert [listed_id(t) for t in (" 42 ", "a" * 32, "loyalty:9", "")] == ["u:42", "a" * 32, "loyalty:9", ""]
    mail = "email:" + hashlib.sha256(b"a@x.org").hexdigest()
    assert listed_id("A@x.org") == listed_id("email:A@x.org") == listed_id(mail) == mail
    assert listed_id("u:a@x.org") == "u:a@x.org", "a user whose id is an address"
    assert listed_id("x" * 150) == listed_id("u:" + "x" * 150) == "u:" + hashlib.sha256(b"x" * 150).hexdigest()


@pytest.mark.parametrize(("head", "body", "expected"), [
    ("200 OK\r\nContent-Type: text/plain", "42\nu:43\n", ["42", "u:43"]),
    ("200 OK\r\nContent-Type: application/json", '["42", 43]', ["42", "43"]),
    ("200 OK\r\nContent-Type: application/json", '{"members": ["42"]}', ["42"]),
    ("200 OK\r\nContent-Type: application/json", '{"other": 1}', None),
    ("302 Found\r\nLocation: http://127.0.0.1:1/", "", None),
    ("500 Oops", "42", None),
])  # fmt: skip
async def test_b05_an_address_answers_with_the_members(head: str, body: str, expected: list[str] | None) -> None:
    """Text or JSON; a failure, a redirect or another shape is an error and no list."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {head}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    lookup = HttpLookup(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/vip")
    if expected is None:
        with pytest.raises(ValueError):
            await read(lookup)
    else:
        assert await read(lookup) == expected
    server.close()


class Crm:
    """A site's own lookup, as a plugin."""

    fails = False

    def __init__(self, options: dict[str, Any]) -> None:
        self.ids = options["ids"]

    async def members(self, segment: str) -> AsyncIterator[str]:
        for id_ in self.ids:
            yield id_
        if Crm.fails:
            raise RuntimeError("the CRM is down")


def config(members: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"version": 1, "store": "memory", "site": {"consent": {"default": "granted"}},
            "segments": {"vip": {"members": members, **more}}, "slots": {"hero": HERO}}  # fmt: skip


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> str:
    import sys
    import types

    module = types.ModuleType("a_crm")
    module.Crm = Crm  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "a_crm", module)
    monkeypatch.setattr(Crm, "fails", False)
    return "a_crm:Crm"


async def test_b05_a_listed_user_gets_the_segments_page(plugin: str) -> None:
    """A user of the list gets the page of its segment once the login is known, and no longer after the logout."""
    members = {"use": plugin, "options": {"ids": ["42"]}}
    app = PersonalizeMiddleware(Answer(PAGE), config(members))
    await app.start()
    history = app.watcher.history
    await history.lists.refresh()
    first = await call(app, "/", scheme="https")
    cookie = dict(first.headers)[b"set-cookie"].decode().partition(";")[0].partition("=")[2]
    name = cookie.partition(".")[0]
    assert b"plain" in first.body
    history.record(Event("l", "Signed In", 1.0, name, {"$via": "server", "$ids": {"user_id": "42"}}))
    await history.log.flush()
    assert b"VIP" in (await call(app, "/", scheme="https", cookies={"__Host-pz": cookie})).body
    history.record(Event("o", "Signed Out", 2.0, name, {}))
    await history.log.flush()
    assert b"plain" in (await call(app, "/", scheme="https", cookies={"__Host-pz": cookie})).body
    await app.close()


async def test_b50_a_sites_own_model_that_cannot_be_read_stays_as_it_was_and_is_flagged(plugin: str) -> None:
    """A lookup that fails keeps the members it gave before, is said once, and is well again when it answers."""
    said = Said()
    lists = Lists(said)
    found = listings(load_config(config({"use": plugin, "every": 0.001, "options": {"ids": ["42"]}})))
    lists.follow(found)
    assert lists.of({"u:42"}) == frozenset(), "not read yet"
    await lists.refresh()
    Crm.fails = True
    for _ in range(3):
        await asyncio.sleep(0.005)
        await lists.refresh()
        assert lists.of({"x", "u:42"}) == {"vip"}
    Crm.fails = False
    await asyncio.sleep(0.005)
    await lists.refresh()
    assert said.states == ["segment vip unread", "segment vip ok"]


async def test_a_reload_keeps_what_stays_the_same(plugin: str) -> None:
    """A list that an edit did not touch keeps its members; a changed one starts empty; one that is gone is gone."""
    lists = Lists(Said())
    same = config({"use": plugin, "options": {"ids": ["42"]}})
    lists.follow(listings(load_config(same)))
    await lists.refresh()
    lists.follow(listings(load_config(same)))
    assert lists.of({"u:42"}) == {"vip"}
    lists.follow(listings(load_config(config({"use": plugin, "options": {"ids": ["43"]}}))))
    assert lists.of({"u:42", "u:43"}) == frozenset()
    await lists.refresh()
    assert lists.of({"u:43"}) == {"vip"}
    lists.follow({})
    assert lists.of({"u:43"}) == frozenset() and not lists


@pytest.mark.parametrize("members", [
    {}, {"file": "a", "url": "https://x.example/"}, {"url": "ftp://x.example/"}, {"every": "1h"}, {"files": "a"},
])  # fmt: skip
def test_a_list_without_one_place_is_refused(members: dict[str, Any]) -> None:
    """Exactly one of file, url and use, said with the place in the config."""
    with pytest.raises(ConfigError):
        load_config(config(members))


async def test_a_plugin_that_is_not_there_is_refused_at_start() -> None:
    """A wrong import string is an error of the config, not of the first visitor."""
    with pytest.raises(ConfigError, match="no_such_module"):
        PersonalizeMiddleware(Answer(PAGE), config({"use": "no_such_module:Crm"}))


async def test_a_list_that_hangs_holds_up_no_other(tmp_path: Path) -> None:
    """Lists are read at the same time: one whose address never answers leaves the others to be read."""
    (tmp_path / "vip.txt").write_text("42\n")
    silent = await asyncio.start_server(lambda reader, writer: asyncio.sleep(60), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    members = {"slow": {"url": f"http://127.0.0.1:{port}/ids"}, "vip": {"file": "vip.txt"}}
    config = {"version": 1, "segments": {name: {"members": found} for name, found in members.items()}, "slots": {}}
    lists = Lists(Said())
    found = listings(load_config(config))
    found["vip"] = type(found["vip"])(1, 60.0, FileLookup(tmp_path / "vip.txt"))
    lists.follow(found)
    reading = asyncio.create_task(lists.refresh())
    try:
        async with asyncio.timeout(30):
            while not lists.of(("u:42",)):
                await asyncio.sleep(0.01)
        assert lists.of(("u:42",)) == {"vip"} and not reading.done()
    finally:
        reading.cancel()
        silent.close()


async def test_a_long_list_lets_others_have_their_turn() -> None:
    """While fifty thousand ids are taken in, and when they are replaced, another task gets hundreds of turns."""
    turns = 0

    class Many:
        async def members(self, segment: str) -> AsyncIterator[str]:
            for number in range(50_000):
                yield str(number)

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    lists = Lists(Said())
    lists.follow({"vip": Listing(1, 0.0, Many())})
    task = asyncio.create_task(other())
    try:
        for least in (50_000 // 1_000, 50_000 // 1_000 + 100):
            before = turns
            await lists.refresh()
            assert turns - before >= least
        assert lists.of(("u:49999",)) == {"vip"} and not lists.of(("u:50000",))
    finally:
        task.cancel()
