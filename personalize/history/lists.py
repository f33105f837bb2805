"""Segments whose members are kept elsewhere: read again and again in the background, asked in memory.

Rule 1  No request waits for a list: until it was read for the first time, nobody is in it.
Rule 2  A list that can't be read stays as it was, and that is said once.

An id in a list is written as the log writes it: a browser's own (32 digits), "u:42", "loyalty:12"; a plain "42" is the
user 42, and an e-mail address stands for its SHA-256.
"""

from __future__ import annotations

import asyncio
import csv
import json
import time
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..events.tidy import tidy_id
from ..model import OWN_ID
from ..plugins import load_object
from ..profiles import external_id
from ..protocols import Observer, SegmentLookup
from .ending import end

if TYPE_CHECKING:
    from ..config import Config
    from ..config.members import Members

_LOOK: Final = 1.0  # seconds between two looks at what is due
_PATIENCE: Final = 60.0  # seconds that reading one list may take
_AGAIN: Final = 30.0  # seconds after which a failed list is tried again, if it is not due before
_PARTS: Final = 256
_A_TURN: Final = 500  # ids between two turns of other tasks
_MOST_JSON: Final = 64 * 1024 * 1024  # bytes
_ID_COLUMNS: Final = {
    "id": "", "visitor": "", "user_id": "user", "email": "email", "loyalty_id": "loyalty", "crm_id": "crm",
    "device_id": "device",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Listing:
    """One list: what it was made from (a list that stays the same over a reload is kept), and how it is read."""

    made_from: Any
    every: float
    lookup: SegmentLookup


def listings(config: Config) -> dict[str, Listing]:
    """The lists of a config's segments, by segment. Raises PluginError."""
    found = {name: segment.members for name, segment in config.segments.items() if segment.members is not None}
    return {
        name: Listing((members, str(config.base)), members.every, _lookup(config, name, members))
        for name, members in found.items()
    }


def _lookup(config: Config, name: str, members: Members) -> SegmentLookup:
    if members.file is not None:
        return FileLookup(config.base / members.file)
    if members.url is not None:
        return HttpLookup(members.url)
    assert members.use is not None
    made: SegmentLookup = load_object(members.use, config.mark("segments", name, "members", "use"))(members.options)
    return made


class Lists:
    """The members of listed segments. Outlives a change of config; `follow` takes the new one's lists."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._listings: dict[str, Listing] = {}
        self._members: dict[str, Ids] = {}
        self._due: dict[str, float] = {}  # monotonic seconds
        self._sick: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    def follow(self, found: Mapping[str, Listing]) -> None:
        """These are the lists now. One that stays the same keeps its members."""
        for name in [n for n, old in self._listings.items() if n not in found or found[n].made_from != old.made_from]:
            self._members.pop(name, None)
            self._due.pop(name, None)
        self._listings = dict(found)

    def of(self, ids: Collection[str]) -> frozenset[str]:
        """The listed segments that any of these ids of one person is in."""
        return frozenset(name for name, members in self._members.items() if members.any_of(ids))

    def __bool__(self) -> bool:
        return bool(self._listings)

    def start(self) -> None:
        """Read the lists in the background, on the running loop."""
        loop = asyncio.get_running_loop()
        if self._task is None or self._task.get_loop() is not loop or self._task.done():
            self._task = loop.create_task(self._run(), name="personalize lists")

    async def close(self) -> None:
        task, self._task = self._task, None
        await end(task)

    async def refresh(self) -> None:
        """Read every list that is due."""
        now = time.monotonic()
        due = [(name, listing) for name, listing in self._listings.items() if now >= self._due.get(name, 0.0)]
        await asyncio.gather(*(self._read(name, listing) for name, listing in due))

    async def _run(self) -> None:
        while True:
            await self.refresh()
            await asyncio.sleep(_LOOK)

    async def _read(self, name: str, listing: Listing) -> None:
        wait = listing.every
        try:
            async with asyncio.timeout(_PATIENCE):
                members = await _taken(listing.lookup.members(name))
        except Exception as error:  # a plugin may raise whatever it likes; the list stays as it was
            wait = min(wait, _AGAIN)
            if name not in self._sick:
                self._sick.add(name)
                self._observer.changed(f"segment {name}", "unread", f"its members stay as they were; {error!r}")
        else:
            if self._listings.get(name) is listing:
                before, self._members[name] = self._members.get(name), members
                if before is not None:
                    await before.clear()
            if name in self._sick:
                self._sick.discard(name)
                self._observer.changed(f"segment {name}", "ok", f"{len(members)} members")
        self._due[name] = time.monotonic() + wait


class Ids:
    """A set of ids that may be a million: in parts, so that neither growing nor leaving takes one long step."""

    def __init__(self) -> None:
        self._parts: tuple[set[str], ...] = tuple(set() for _ in range(_PARTS))

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def add(self, id_: str) -> None:
        self._parts[hash(id_) % _PARTS].add(id_)

    def any_of(self, ids: Iterable[str]) -> bool:
        return any(id_ in self._parts[hash(id_) % _PARTS] for id_ in ids)

    async def clear(self) -> None:
        for part in self._parts:
            part.clear()
            await asyncio.sleep(0)


async def _taken(told: AsyncIterator[str]) -> Ids:
    """Other tasks get their turn, however many there are."""
    ids = Ids()
    number = 0
    async for text in told:
        if id_ := listed_id(text):
            ids.add(id_)
        number += 1
        if number % _A_TURN == 0:
            await asyncio.sleep(0)
    return ids


def listed_id(text: str) -> str:
    """An id in a list as the log writes it; "" for none."""
    text = text.strip()
    if not text or OWN_ID.fullmatch(text):
        return text
    kind, colon, value = text.partition(":")
    if colon:
        return external_id(kind, tidy_id(value))
    return external_id("email", text) if "@" in text else f"u:{tidy_id(text)}"


class FileLookup:
    """A file of ids: one a line, or a CSV whose header names a column id, user_id, email, loyalty_id, crm_id or
    device_id."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def members(self, segment: str) -> AsyncIterator[str]:
        """Raises OSError and UnicodeDecodeError."""
        for id_ in await asyncio.to_thread(lambda: list(self._read())):
            yield id_

    def _read(self) -> Iterator[str]:
        with self._path.open(encoding="utf-8-sig", newline="") as file:
            head = file.readline()
            delimiter = max(",;\t|", key=head.count)
            first = next(csv.reader([head], delimiter=delimiter), [])
            rows = csv.reader(file, delimiter=delimiter)
            column = next((n for n, name in enumerate(first) if name.strip() in _ID_COLUMNS), None)
            kind = "" if column is None else _ID_COLUMNS[first[column].strip()]
            if column is None and first:
                yield first[0]
            for row in rows:
                if len(row) > (column or 0) and (id_ := row[column or 0].strip()):
                    yield {"": id_, "user": f"u:{id_}"}.get(kind) or external_id(kind, id_)


class HttpLookup:
    """An address that answers with ids: one a line, or in JSON a list, or {"members": [...]}."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def members(self, segment: str) -> AsyncIterator[str]:
        """Raises httpx.HTTPError, and ValueError for an answer that is no list of ids. Redirects are not followed."""
        import httpx

        async with httpx.AsyncClient(timeout=10.0) as client, client.stream("GET", self._url) as answer:
            if answer.status_code != 200:
                raise ValueError(f"it answered {answer.status_code}")
            if "json" not in answer.headers.get("content-type", ""):
                async for line in answer.aiter_lines():
                    yield line
                return
            body = bytearray()
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > _MOST_JSON:
                    raise ValueError("more than 64 MB of JSON; answer with one id a line")
        found = json.loads(body)
        found = found.get("members") if isinstance(found, dict) else found
        if not isinstance(found, list):
            raise ValueError("neither a list nor {members: [...]}")
        for id_ in found:
            yield str(id_)
