"""A log and a hot state of somebody else's, written from what the protocols say and run through the laws."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from personalize import PersonalizeMiddleware
from personalize.checked import load_checked
from personalize.errors import ConfigError, StoreError
from personalize.model import Event
from personalize.protocols import Line
from personalize.stores import open_store
from personalize.testing import HOT_STATE_LAWS, STORE_LAWS, Answer, call


class Lines:
    """A log of one process: a JSON line for each event. It can neither forget, nor trim, nor keep."""

    def __init__(self, base: Path) -> None:
        self._file = base / "log.jsonl"
        self._closed = False

    async def open(self) -> None:
        self._closed = False

    async def append(self, events: Sequence[Event]) -> tuple[int, int]:
        stored = self._all()
        known = {event.id for event in stored}
        new: list[str] = []
        for event in events:
            id_ = _text(event.id)
            if id_ not in known:
                known.add(id_)
                time = event.time if abs(event.time) < 1e308 else 0.0
                row = [id_, _text(event.name), time, _text(event.visitor), _plain(event.properties)]
                new.append(json.dumps(row) + "\n")
        with self._file.open("a", encoding="utf-8") as file:
            file.write("".join(new))
        return len(new), len(stored) + len(new)

    async def read(self, after: int = 0, limit: int = 1000) -> list[Event]:
        return self._all()[after : after + limit]

    async def lines(self, after: int = 0, limit: int = 1000) -> list[Line]:
        return [
            (e.seq, e.id, e.name, e.time, e.visitor, json.dumps(e.properties)) for e in await self.read(after, limit)
        ]

    async def of_visitor(self, visitor: str, after: int = 0, limit: int | None = None) -> list[Event]:
        return [event for event in self._all()[after:] if event.visitor == visitor][:limit]

    async def last(self) -> int:
        return len(self._all())

    async def close(self) -> None:
        self._closed = True

    def _all(self) -> list[Event]:
        if self._closed:
            raise StoreError("closed")
        lines = self._file.read_text("utf-8").splitlines() if self._file.exists() else []
        return [Event(*json.loads(line), seq) for seq, line in enumerate(lines, 1)]


class Folder:
    """Hot state in a folder: a file for each visitor."""

    def __init__(self, base: Path) -> None:
        self._base = base / "hot"
        self._base.mkdir(exist_ok=True)

    async def remember(self, visitor: str, keys: Sequence[str], time: float) -> None:
        with self._of(visitor).open("a", encoding="utf-8") as file:
            file.write("".join(json.dumps([time, key]) + "\n" for key in keys))

    async def recall(self, visitor: str) -> Mapping[str, Sequence[float]]:
        file = self._of(visitor)
        lines = set(file.read_text("utf-8").splitlines()) if file.exists() else set()
        found: dict[str, list[float]] = {}
        for time, key in sorted(map(json.loads, lines))[-100:]:
            found.setdefault(key, []).append(time)
        return found

    async def close(self) -> None:
        pass

    def _of(self, visitor: str) -> Path:
        return self._base / (visitor.encode().hex() or "nobody")


def _text(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _plain(value: Any, depth: int = 20) -> Any:
    """What JSON has, as the laws ask for it."""
    if value is None or isinstance(value, bool | str) or (isinstance(value, int) and value.bit_length() < 14_000):
        return value
    if isinstance(value, float):
        return value if abs(value) < 1e308 else None
    if isinstance(value, int) or depth == 0:
        return None
    if isinstance(value, Mapping):
        return {str(key): _plain(inner, depth - 1) for key, inner in value.items()}
    return [_plain(inner, depth - 1) for inner in value] if isinstance(value, list | tuple | set) else str(value)


HERE = __name__


@pytest.mark.parametrize("law", STORE_LAWS, ids=lambda law: law.__name__)
async def test_a_log_of_ones_own_keeps_the_laws(law: Callable[[Any], Awaitable[None]], tmp_path: Path) -> None:
    """Sixty lines are a store; what it can't do is not asked of it."""
    store = open_store(f"{HERE}:Lines", tmp_path)
    assert isinstance(store, Lines)
    await law(store)


@pytest.mark.parametrize("law", HOT_STATE_LAWS, ids=lambda law: law.__name__)
async def test_a_hot_state_of_ones_own_keeps_the_laws(
    law: Callable[[Any, Any], Awaitable[None]], tmp_path: Path
) -> None:
    """Twenty lines are a hot state."""
    await law(Folder(tmp_path), Folder(tmp_path))


async def test_a_site_runs_on_stores_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`store` and `hot` take import strings: pages are personalized, a cap holds, and the log is where it was put."""
    monkeypatch.setenv("PERSONALIZE_SECRET", "a secret of this test that is long enough")
    file = tmp_path / "personalize.yaml"
    file.write_text(f"""
version: 1
store: {HERE}:Lines
hot: {HERE}:Folder
site: {{consent: {{default: granted}}}}
slots:
  hero:
    match: {{path: "/"}}
    experiences:
      - {{id: offer, cap: {{max: 2, within: 1h}}, show: {{html: offer}}}}
""")
    app = PersonalizeMiddleware(Answer(b"<html><body><div data-slot=hero>own</div></body></html>"), file)
    await app.start()
    app.watcher.history.hot.patience = 10.0  # type: ignore[attr-defined]
    cookies: dict[str, str] = {}
    shown = []
    for _ in range(4):
        response = await call(app, "/", cookies=cookies, scheme="https")
        cookies |= response.cookies
        shown.append(b">offer<" in response.body)
    await app.close()
    assert shown == [True, True, False, False]
    assert sum("Page Viewed" in line for line in (tmp_path / "log.jsonl").read_text().splitlines()) == 4
    assert len(list((tmp_path / "hot").iterdir())) == 1


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("no_such_shop.stores:Log", 'no module "no_such_shop"'),
        (f"{HERE}:Log", "has no"),
        (f"{HERE}:Folder", "has no open, append"),
        (f"{HERE}:_text", "could not be made"),
    ],
)
def test_what_is_no_store_is_told_with_its_place(name: str, says: str, tmp_path: Path) -> None:
    """A slip in an import string is found when the config is checked."""
    file = tmp_path / "personalize.yaml"
    file.write_text(f"version: 1\nstore: {name}\n")
    with pytest.raises(ConfigError) as caught:
        load_checked(file)
    (problem,) = caught.value.problems
    assert problem.code == "PZ321" and problem.mark.line == 2 and says in problem.message


def test_checking_makes_them_with_the_configs_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever checks a config from elsewhere finds nothing new where they stand."""
    elsewhere, folder = tmp_path / "elsewhere", tmp_path / "shop"
    for made in (elsewhere, folder):
        made.mkdir()
    monkeypatch.chdir(elsewhere)
    (folder / "personalize.yaml").write_text(f"version: 1\nstore: {HERE}:Lines\nhot: {HERE}:Folder\n")
    load_checked(folder / "personalize.yaml")
    assert not list(elsewhere.iterdir()) and (folder / "hot").is_dir()
