"""The kill switch: what is paused is off all pages within seconds, on every worker, and the log says who did it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from personalize.cli import main
from personalize.explain import explain, read_url
from personalize.model import PAUSED, Event
from personalize.testing import call
from personalize.visitor import Preview
from tests.behaviours.conftest import shop

HERO = """
version: 1
timezone: Europe/Istanbul
store: sqlite
slots:
  hero:
    match: {path: "/", element: "[data-slot=hero]"}
    default: {html: "<h1>Default</h1>"}
    experiences:
      - {id: winter, owner: team-1, show: {html: "<h1>Winter</h1>"}, why: It is cold.}
      - {id: other, show: {html: "<h1>Other</h1>"}}
  carousel:
    match: {path: "/", element: "[data-slot=carousel]"}
    experiences:
      - {id: other, show: {html: "<p>Chosen</p>"}}
"""


async def command(*arguments: str) -> Result:
    """What the command line answers; in a thread, as it runs a loop of its own."""
    return await asyncio.to_thread(CliRunner().invoke, main, [*arguments])


async def shows(app: Any, browser: Any, text: bytes) -> bool:
    """Does the text come to be on a newcomer's page?"""
    async with asyncio.timeout(30):
        while text not in (await browser(app).get()).body:
            await asyncio.sleep(0.05)
    return True


async def test_b30_a_paused_experience_is_off_every_worker_and_comes_back(
    site: Any, browser: Any, tmp_path: Path
) -> None:
    """Two workers leave a paused experience out and show the next one; resume undoes it."""
    workers = [await site(HERO), await site(HERO)]
    file = str(tmp_path / "personalize.yaml")
    for app in workers:
        assert b"<h1>Winter</h1>" in (await browser(app).get()).body
    done = await command("pause", file, "winter", "--by", "ann", "--why", "wrong price")
    assert done.exit_code == 0 and "hero/winter is paused" in done.output
    for app in workers:
        assert await shows(app, browser, b"<h1>Other</h1>")
        assert b"<p>Chosen</p>" in (await browser(app).get()).body, "only this experience is paused"
    done = await command("resume", file, "hero/winter")
    assert done.exit_code == 0
    for app in workers:
        assert await shows(app, browser, b"<h1>Winter</h1>")


async def test_b30_a_paused_slot_shows_the_page_and_everything_is_one_word(
    site: Any, browser: Any, tmp_path: Path
) -> None:
    """A paused slot shows the page's own markup, not its default; everything paused is the site as it is."""
    app = await site(HERO)
    file = str(tmp_path / "personalize.yaml")
    await command("pause", file, "hero")
    assert await shows(app, browser, b"<h1>Welcome</h1>")
    assert b"<p>Chosen</p>" in (await browser(app).get()).body
    await command("pause", file, "everything")
    assert await shows(app, browser, b"<p>plain list</p>")
    lifted = await command("resume", file, "everything")
    assert "hero/* is still paused" in lifted.output
    assert await shows(app, browser, b"<p>Chosen</p>")
    assert b"<h1>Welcome</h1>" in (await browser(app).get()).body


async def untouched(app: Any, browser: Any, **asked: Any) -> bool:
    """Does a newcomer who consents come to get just what the site's own app sends?"""
    bare = await call(shop, **asked)
    async with asyncio.timeout(30):
        while True:
            got = await browser(app).get(**asked)
            if (got.status, got.headers, got.body) == (bare.status, bare.headers, bare.body):
                return True
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("targets", [["everything"], ["hero", "carousel"]])
async def test_b30_a_page_of_which_all_is_paused_is_the_apps_own(
    site: Any, browser: Any, stored: Any, tmp_path: Path, targets: list[str]
) -> None:
    """No cookie, no private caching, nothing rewritten, on every worker. Who came with an id is still counted and
    newcomers are not. Resumed, all is as before."""
    workers = [await site(HERO), await site(HERO)]
    file = str(tmp_path / "personalize.yaml")
    known = browser(workers[0])
    personal = await known.get()
    assert "private" in personal.header("cache-control") and personal.all("set-cookie")
    for target in targets:
        assert (await command("pause", file, target)).exit_code == 0
    for app in workers:
        assert await untouched(app, browser)
        assert await untouched(app, browser, method="HEAD")
    before = await stored(workers[0], "Page Viewed")
    assert b"Welcome" in (await known.get()).body
    await browser(workers[0]).get()
    new = (await stored(workers[0], "Page Viewed"))[len(before) :]
    id_ = known.cookies["__Host-pz"].partition(".")[0]
    assert [(view.visitor, view.properties) for view in new] == [(id_, {"path": "/"})]
    for target in targets:
        assert (await command("resume", file, target)).exit_code == 0
    for app in workers:
        assert await shows(app, browser, b"<h1>Winter</h1>")
        assert (await browser(app).get()).all("set-cookie")


async def test_b30_while_all_is_paused_segments_still_remember_who_came(
    site: Any, browser: Any, stored: Any, tmp_path: Path
) -> None:
    """A campaign's visitor, known by an id, is in its segment once the pause is over."""
    came = "segments:\n  campaign: {all: [{utm.campaign: spring}], remember_for: 30d}\n"
    app = await site(f"{HERO}{came}".replace("{id: winter,", "{id: winter, when: campaign,"))
    file, known = str(tmp_path / "personalize.yaml"), browser(app)
    assert b"<h1>Other</h1>" in (await known.get()).body
    assert (await command("pause", file, "everything")).exit_code == 0
    assert await untouched(app, browser)
    assert b"Welcome" in (await known.get(query="utm_campaign=spring")).body
    (entered,) = await stored(app, "Segment Entered")
    assert entered.properties == {"segment": "campaign"}
    assert (await command("resume", file, "everything")).exit_code == 0
    async with asyncio.timeout(30):
        while b"<h1>Winter</h1>" not in (await known.get()).body:
            await asyncio.sleep(0.05)


async def test_b30_while_all_is_paused_an_editor_still_sees_why(site: Any, browser: Any, tmp_path: Path) -> None:
    """A preview shows what would be there, and the header that asks for reasons is answered."""
    app = await site(HERO)
    file = str(tmp_path / "personalize.yaml")
    token = app.engine.previews.make(Preview(), 1_790_000_000.0, 60)
    await command("pause", file, "everything", "--by", "ann")
    assert await untouched(app, browser)
    asked = await browser(app).get(headers=((b"x-personalize-explain", token.encode()),))
    assert json.loads(asked.header("x-personalize-explain"))["slots"][0] == {"slot": "hero", "reason": "paused"}
    told = await explain(app.engine, read_url("/", cookies=["consent=granted"]), 1_790_000_000.0)
    assert told.slots[0].steps.inner[0].saw.startswith("paused by ann on ")


async def test_b30_a_pause_outlives_the_process_and_an_edit(site: Any, browser: Any, tmp_path: Path) -> None:
    """A worker that starts later knows of the pause, and so does the engine of an edited config."""
    await site(HERO)
    await command("pause", str(tmp_path / "personalize.yaml"), "winter")
    app = await site(HERO)
    assert b"<h1>Other</h1>" in (await browser(app).get()).body
    (tmp_path / "personalize.yaml").write_text(HERO.replace("<h1>Other</h1>", "<h1>Another</h1>"))
    assert await shows(app, browser, b"<h1>Another</h1>")


async def test_b30_explain_tells_who_paused_and_why(site: Any, tmp_path: Path) -> None:
    """The slot's tree begins with the pause, and the paused experience says that it is."""
    app = await site(HERO)
    await command("pause", str(tmp_path / "personalize.yaml"), "winter", "--by", "ann", "--why", "wrong price")
    await app.watcher.history.log.flush()
    told = await explain(app.engine, read_url("/", cookies=["consent=granted"]), 1_790_000_000.0)
    hero = told.slots[0]
    assert hero.experience == "other"
    first = hero.steps.inner[0]
    assert first.what == "hero/winter is not paused" and not first.held
    assert first.saw.startswith("paused by ann on ") and first.saw.endswith(": wrong price")
    assert any("no: it is paused" in step.saw for step in hero.steps.inner)
    shown = await command("explain", str(tmp_path / "personalize.yaml"), "/")
    assert "paused by ann" in shown.output


async def test_b30_explain_says_that_the_slot_is_paused_and_not_that_nothing_fits(site: Any, tmp_path: Path) -> None:
    """In the headline, in the record's reason, and by the word that `pause` takes."""
    app, file = await site(HERO), str(tmp_path / "personalize.yaml")
    for target, said in (("hero", "hero/*"), ("everything", "everything")):
        await command("pause", file, target)
        shown = await command("explain", file, "/", "--consent", "personalization_storage")
        assert "hero: the page as it is, since it is paused" in shown.output
        assert f"{said} is not paused" in shown.output
        told = json.loads((await command("explain", file, "/", "--json")).output)
        assert {slot["slot"]: slot["reason"] for slot in told["slots"]}["hero"] == "paused"
    assert app is not None


async def test_b31_the_history_says_who_changed_what_when(site: Any, browser: Any, tmp_path: Path) -> None:
    """Pauses with who and why, and each config that went live with what is new, changed or gone in it; two workers
    write an edit down once."""
    workers = [await site(HERO), await site(HERO)]
    file = tmp_path / "personalize.yaml"
    await command("pause", str(file), "winter", "--by", "ann", "--why", "wrong price")
    edited = HERO.replace("<h1>Winter</h1>", "<h1>Snow</h1>").replace(
        'id: other, show: {html: "<p>', 'id: new, show: {html: "<p>'
    )
    file.write_text(edited)
    await command("resume", str(file), "winter", "--by", "bob")
    for app in workers:
        assert await shows(app, browser, b"<h1>Snow</h1>")
        await app.watcher.history.log.flush()
    told = json.loads((await command("history", str(file), "--json")).output)
    live = [line for line in told if line["what"] == "config"]
    assert live[-1]["details"] == [
        "changed: hero/winter (owner team-1)",
        "new: carousel/new, live",
        "gone: carousel/other",
    ]
    assert [(line["what"], line["by"], line["why"]) for line in told if line["what"] != "config"] == [
        ("paused", "ann", "wrong price"),
        ("resumed", "bob", ""),
    ]
    assert [line["target"] for line in live].count(live[-1]["target"]) == 1
    text = (await command("history", str(file))).output
    assert "hero/winter" in text and "ann" in text and "wrong price" in text


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("wintr", 'did you mean "winter"?'),
        ("hero/wintr", 'did you mean "hero/winter"?'),
        ("other", "could be any of hero/other, carousel/other"),
    ],
)
async def test_b30_what_is_not_there_or_not_clear_is_not_paused(
    site: Any, tmp_path: Path, name: str, said: str
) -> None:
    """A name that means nothing, or two things, is refused, and the log stays as it was."""
    app = await site(HERO)
    refused = await command("pause", str(tmp_path / "personalize.yaml"), name)
    assert refused.exit_code == 2 and said in " ".join(refused.output.replace("│", " ").split())
    await app.watcher.history.log.flush()
    assert not app.watcher.history.pauses.held
    assert (await command("resume", str(tmp_path / "personalize.yaml"), "winter")).exit_code == 1


async def test_b31_the_history_tells_what_changed_beside_experiences(site: Any, browser: Any, tmp_path: Path) -> None:
    """A segment, a slot's default, the holdout: whatever a config says is told when it changes, and nothing more."""
    segments = "segments: {{gold: {{all: [{{orders.total: {{gte: {}}}}}]}}, new: {{all: [{{visits: {{lt: 2}}}}]}}}}\n"
    file = tmp_path / "personalize.yaml"
    app = await site(HERO + segments.format(100))
    edited = HERO.replace("<h1>Default</h1>", "<h1>Own</h1>") + segments.format(200) + "holdout: {percent: 1}\n"
    for text in (edited, edited + "# a remark"):
        file.write_text(text)
        revision = app.watcher.revision
        async with asyncio.timeout(30):
            while app.watcher.revision == revision:
                await asyncio.sleep(0.05)
        await app.watcher.history.log.flush()
    told = json.loads((await command("history", str(file), "--json")).output)
    assert [line["details"] for line in told] == [
        ["3 experiences"],
        ["changed: segments/gold", "new: holdout", "changed: slots/hero"],
        ["nothing but its text changed"],
    ]


async def test_b30_an_experiment_is_paused_by_its_key(site: Any, browser: Any, tmp_path: Path) -> None:
    """Who runs a test knows it by its key; all of it is off, and comes back by the same word."""
    variants = "variants: [{id: a, html: <h1>A</h1>}, {id: b, html: <h1>A</h1>}]"
    app = await site(HERO.replace('show: {html: "<h1>Winter</h1>"}', f"experiment: {{key: winter-7, {variants}}}"))
    file = str(tmp_path / "personalize.yaml")
    assert "hero/winter is paused" in (await command("pause", file, "winter-7")).output
    assert await shows(app, browser, b"<h1>Other</h1>")
    assert "hero/winter is resumed" in (await command("resume", file, "winter-7")).output
    assert await shows(app, browser, b"<h1>A</h1>")


async def test_b49_nobody_pauses_over_http(site: Any, browser: Any, monkeypatch: Any) -> None:
    """The collector takes no such event, with a write key or without, and a visitor's event of that name pauses
    nothing."""
    from personalize.testing import call

    monkeypatch.setenv("PERSONALIZE_WRITE_KEYS", "key")
    app = await site(HERO)
    body = json.dumps({"userId": "x", "event": PAUSED, "properties": {"target": "*"}}).encode()
    head = [(b"authorization", b"Bearer key"), (b"content-type", b"application/json")]
    await call(app, "/_personalize/v1/track", method="POST", headers=head, body=body)
    app.watcher.history.record(Event("1", PAUSED, 1.0, "somebody", {"target": "*"}))
    await app.watcher.history.log.flush()
    assert not app.watcher.history.pauses.held
    assert b"Winter" in (await browser(app).get()).body
