"""An edit of the config's file becomes what is served, and a bad one does not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from personalize import ConfigError, PersonalizeMiddleware
from personalize.checked import load_checked
from personalize.reload import INTERVAL
from personalize.testing import Answer, call

PAGE = b"<body><h1 data-slot=hero>plain</h1></body>"
CONFIG = """\
version: 1
store: memory
slots:
  hero:
    match: {path: "/"}
    consent: none
    default: {%s}
"""


def config(text: str) -> str:
    return CONFIG % f'html: "{text}"'


@pytest.fixture
async def follow(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Wraps an app with a config file and starts; closed at the end."""
    opened: list[PersonalizeMiddleware] = []

    async def start(file: Path) -> PersonalizeMiddleware:
        app = PersonalizeMiddleware(Answer(PAGE), file)
        opened.append(app)
        await app.start()
        return app

    yield start
    for app in opened:
        await app.close()


def save(file: Path, text: str) -> None:
    """At once: who looks at the wrong moment must not find half of it."""
    file.with_name("saved").write_text(text)
    file.with_name("saved").rename(file)


async def until(holds: Callable[[], bool]) -> None:
    """Wait for what takes a second or two, and longer on a busy machine."""
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.05)


async def shows(app: PersonalizeMiddleware, text: bytes) -> bool:
    """Does the text come to be on the page?"""
    async with asyncio.timeout(30):
        while text not in (await call(app, "/")).body:
            await asyncio.sleep(0.05)
    return True


async def test_an_edit_is_live_soon(follow: Any, tmp_path: Path) -> None:
    """Saving in place, and saving by renaming a new file over the old one, as editors do."""
    file = tmp_path / "personalize.yaml"
    file.write_text(config("one"))
    app = await follow(file)
    assert b"one" in (await call(app, "/")).body
    file.write_text(config("two"))
    assert await shows(app, b"two")
    (tmp_path / "new").write_text(config("three"))
    (tmp_path / "new").rename(file)
    assert await shows(app, b"three")


async def test_a_swapped_symlink_is_followed(follow: Any, tmp_path: Path) -> None:
    """Deployments and mounted config maps swap a link and change no file."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "personalize.yaml").write_text(config(name))
    (tmp_path / "live").symlink_to("one")
    app = await follow(tmp_path / "live" / "personalize.yaml")
    assert b"one" in (await call(app, "/")).body
    (tmp_path / "next").symlink_to("two")
    (tmp_path / "next").replace(tmp_path / "live")
    assert await shows(app, b"two")


async def test_a_changed_template_is_live(follow: Any, tmp_path: Path) -> None:
    """What the config names is followed like the config itself."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "hero.html").write_text("first")
    (tmp_path / "personalize.yaml").write_text(CONFIG % "template: hero.html")
    app = await follow(tmp_path / "personalize.yaml")
    assert b"first" in (await call(app, "/")).body
    (tmp_path / "templates" / "hero.html").write_text("second")
    assert await shows(app, b"second")


BAD = {"half": "slots: [", "empty": "", "key": "version: 1\nslotz: {}\n", "nul": "\0\1\2"}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
async def test_a_bad_edit_leaves_the_last_good_one_and_says_why_once(
    follow: Any, tmp_path: Path, bad: str, caplog: Any
) -> None:
    """Half-written, empty, wrong or binary: the site serves on, one warning names the file, and a mend is taken."""
    file = tmp_path / "personalize.yaml"
    file.write_text(config("good"))
    app = await follow(file)
    with caplog.at_level(logging.WARNING, logger="personalize"):
        save(file, bad)
        await until(lambda: app.watcher.rejected is not None)
        await asyncio.sleep(2 * INTERVAL)  # and looks again
    assert b"good" in (await call(app, "/")).body
    assert isinstance(app.watcher.rejected, ConfigError)
    said = [r.getMessage() for r in caplog.records if "rejected" in r.getMessage()]
    assert len(said) == 1 and "personalize.yaml" in said[0] and "PZ" in said[0]
    file.write_text(config("mended"))
    assert await shows(app, b"mended") and app.watcher.rejected is None


async def test_a_removed_file_leaves_the_last_good_one(follow: Any, tmp_path: Path) -> None:
    """A file that is gone for a moment takes nothing down, and its return is seen."""
    file = tmp_path / "personalize.yaml"
    file.write_text(config("good"))
    app = await follow(file)
    file.unlink()
    await until(lambda: app.watcher.rejected is not None)
    assert b"good" in (await call(app, "/")).body
    file.write_text(config("back"))
    assert await shows(app, b"back")


async def test_an_edit_made_while_another_is_read_is_not_lost(
    follow: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody saves twice, and the second time just after the file was read: what was saved last is what is served."""
    file = tmp_path / "personalize.yaml"
    file.write_text(config("one"))
    app = await follow(file)
    edits = [config("three")]

    def read(path: Path) -> Any:
        found = load_checked(path)
        if edits:
            save(file, edits.pop())
        return found

    monkeypatch.setattr("personalize.reload.load_checked", read)
    save(file, config("two"))
    assert await shows(app, b"three")


def left() -> list[str]:
    """The names of what else runs on this loop."""
    return sorted(task.get_name() for task in asyncio.all_tasks() - {asyncio.current_task()})


async def test_closing_leaves_nothing_behind(tmp_path: Path) -> None:
    """Neither what looks after the log, nor an engine that an edit retired, is still at work after the close."""
    file = tmp_path / "personalize.yaml"
    file.write_text(config("one"))
    before = left()
    app = PersonalizeMiddleware(Answer(PAGE), file)
    await app.start()
    save(file, config("two"))
    assert await shows(app, b"two")
    assert {"personalize bandits", "personalize lists", "personalize retire"} <= set(left())
    await app.close()
    assert left() == before


@pytest.mark.parametrize("turns", [1, 2, 5, 10, 20, 40])
async def test_a_close_in_the_middle_of_a_start_is_a_close(tmp_path: Path, turns: int) -> None:
    """Wherever the start has come to, nothing begins after the close, and the log is closed."""
    file = tmp_path / "personalize.yaml"
    file.write_text(config("one").replace("memory", "sqlite:///log.db"))
    before = left()
    app = PersonalizeMiddleware(Answer(PAGE), file)
    starting = asyncio.ensure_future(app.start())
    for _ in range(turns):
        await asyncio.sleep(0)
    await app.close()
    await starting
    assert left() == before and not app.watcher.started


async def test_what_was_learned_outlives_an_edit(follow: Any, tmp_path: Path) -> None:
    """A new engine reads the same history: the log goes on, the visitor stays known."""
    file = tmp_path / "personalize.yaml"
    file.write_text(config("one").replace("consent: none", "consent: personalization_storage"))
    app = await follow(file)
    first = await call(app, "/", cookies={"consent": "granted"}, scheme="https")
    cookies = {"consent": "granted", **first.cookies}
    history = app.watcher.history
    file.write_text(config("two"))
    assert await shows(app, b"two")
    again = await call(app, "/", cookies=cookies, scheme="https")
    assert app.watcher.history is history and "__Host-pz" not in again.cookies, "no second id"
    await history.log.flush()
    assert len({e.visitor for e in await history.store.read() if e.name == "Page Viewed"}) == 1


async def test_another_store_needs_a_restart_and_says_so(
    follow: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The rest of such an edit is live; the log stays where it is, and the operator reads why, without an address."""
    file = tmp_path / "personalize.yaml"
    file.write_text(config("one"))
    app = await follow(file)
    with caplog.at_level(logging.WARNING, "personalize"):
        told = config("two").replace("store: memory", "store: postgresql://ann:secret@db/shop\nhot: sqlite")
        file.write_text(told)
        assert await shows(app, b"two")
    assert app.observer.states["config"].startswith("stale store and hot changed")
    assert "needs a restart" in caplog.text and "secret" not in caplog.text
    assert not (tmp_path / ".personalize" / "hot.db").exists()
    file.write_text(config("three"))
    assert await shows(app, b"three")
    assert app.observer.states["config"].startswith("live")


def test_a_config_that_cannot_serve_is_refused_at_start(tmp_path: Path) -> None:
    """At start there is no last good one: every problem is raised, those that only the page floor can tell too."""
    file = tmp_path / "personalize.yaml"
    file.write_text('version: 1\nslots:\n  hero:\n    match: {path: "/", element: "p:last-child"}\n')
    with pytest.raises(ConfigError) as refused:
        PersonalizeMiddleware(Answer(PAGE), file)
    (problem,) = refused.value.problems
    assert problem.code == "PZ319" and problem.mark.line == 4 and "last-child" in problem.message
