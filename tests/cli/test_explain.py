"""`personalize explain`: every fact can be given, and one record is behind all that is told of a decision."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from personalize import PersonalizeMiddleware
from personalize.cli import main
from personalize.model import Event
from personalize.testing import Answer, call
from personalize.visitor import Preview

CONFIG = """\
version: 1
timezone: Europe/Istanbul
site: {geo_headers: [CF-IPCountry]}
segments: {loyal: {all: [{visits: {gte: 5}}]}}
slots:
  hero:
    match: {path: "/"}
    experiences:
      - {id: bought, when: {bought: true}, show: {html: x}, why: You bought here before.}
      - {id: seats, when: {custom.seats: {gte: 10}}, show: {html: x}, why: Your team is large.}
      - {id: plan, when: {custom.account.plan: pro}, show: {html: x}, why: You are on the pro plan.}
      - {id: phone, when: {device.type: mobile}, show: {html: x}, why: You are on a phone.}
      - {id: winter, when: {utm.campaign: winter}, show: {html: x}, why: You followed our winter campaign.}
      - {id: turks, when: {country: TR}, show: {html: x}, why: You are in Turkey.}
      - {id: often, when: loyal, show: {html: x}, why: You come often.}
      - {id: christmas, when: {time.date: "2026-12-25"}, show: {html: x}, why: It is Christmas.}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "personalize.yaml").write_text(CONFIG)
    return tmp_path / "personalize.yaml"


def explain(file: Path, *options: str, url: str = "/") -> Any:
    """The hero as it is explained."""
    result = CliRunner().invoke(main, ["explain", str(file), url, *options, "--json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.output)
    return {**told["slots"][0], "identity": told["identity"]}


@pytest.mark.parametrize(
    ("shown", "options", "url"),
    [
        ("seats", ("--attribute", "seats=12"), "/"),
        (None, ("--attribute", "seats=9"), "/"),
        (None, ("--attribute", 'seats="12 or so"'), "/"),
        ("plan", ("--attribute", 'account={"plan": "pro", "seats": 3}'), "/"),
        ("plan", ("--attribute", "account.plan=pro", "--attribute", "account.seats=3"), "/"),
        ("plan", ("--attribute", "custom.account.plan=pro"), "/"),
        ("phone", ("--device", "mobile"), "/"),
        ("phone", ("--header", "User-Agent: Mozilla/5.0 (iPhone; CPU iPhone OS 18_0) Mobile/15E148 Safari/604.1"), "/"),
        ("winter", (), "/?utm_campaign=winter"),
        ("turks", ("--header", "CF-IPCountry: TR"), "/"),
        ("often", ("--as", "loyal"), "/"),
        ("christmas", ("--at", "2026-12-25 12:00"), "/"),
        (None, ("--at", "2026-12-26 00:00"), "/"),
    ],
)
def test_every_fact_can_be_given(file: Path, shown: str | None, options: tuple[str, ...], url: str) -> None:
    """What the site knows, device, campaign, country, segment and moment: each by an option or by the address."""
    at = () if "--at" in options else ("--at", "2026-06-01")
    consent = ("--consent", "personalization_storage")
    told = explain(file, *options, *at, *consent, url=url)
    assert told["experience"] == shown
    assert explain(file, *options, *at, "--consent", "none", url=url)["reason"] == "consent"
    assert explain(file, *options, *at, "--cookie", "consent=denied", url=url)["reason"] == (
        "experience" if "--as" in options else "consent"
    )


def test_somebody_of_the_log_has_their_own_profile(file: Path) -> None:
    """`--visitor` takes any id of theirs, with all that is known; without their consent nothing of it is used."""

    async def write() -> None:
        app = PersonalizeMiddleware(Answer(b"<html></html>"), file)
        await app.start()
        for id_, visitor in (("1", "u:ann"), ("2", "0" * 32)):
            app.watcher.history.record(Event(id_, "Order Completed", 1_790_000_000.0, visitor, {"revenue": 9}))
        await app.close()

    asyncio.run(write())
    for name in ("ann", "u:ann", "0" * 32):
        assert explain(file, "--visitor", name)["experience"] == "bought"
    assert explain(file, "--visitor", "bob")["experience"] != "bought"
    assert explain(file, "--visitor", "ann", "--consent", "analytics_storage")["reason"] == "consent"
    assert explain(file, "--visitor", "ann", "--cookie", "consent=denied")["reason"] == "consent"
    robot = explain(file, "--visitor", "ann", "--device", "bot")
    assert robot["experience"] != "bought" and robot["identity"]["inner"][0] == {
        "what": "is not a bot", "held": False, "saw": "", "mark": None, "inner": [],
    }  # fmt: skip


def test_whom_the_log_does_not_know_is_said(file: Path) -> None:
    """An id that never came is not taken for somebody's, whatever is granted; one that came is not complained of."""

    async def write() -> None:
        app = PersonalizeMiddleware(Answer(b"<html></html>"), file)
        await app.start()
        app.watcher.history.record(Event("1", "Order Completed", 1_790_000_000.0, "u:ann", {}))
        await app.close()

    asyncio.run(write())
    said = "the log knows nothing of u:bob"
    for options in (("--visitor", "bob"), ("--visitor", "u:bob", "--consent", "none")):
        assert said in CliRunner().invoke(main, ["explain", str(file), "/", *options]).output
    for options in (("--visitor", "ann"), ("--as", "loyal")):
        assert "knows nothing" not in CliRunner().invoke(main, ["explain", str(file), "/", *options]).output


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--consent", "none"), "hero: the page as it is, since consent is missing"),
        (("--device", "bot", "--consent", "personalization_storage"), "hero: the page as it is, since this is a bot"),
        (("--consent", "personalization_storage"), "hero: the page as it is, since no experience fits"),
        (("--as", "loyal"), "hero: often"),
    ],
)
def test_a_slot_is_told_in_words(file: Path, options: tuple[str, ...], said: str) -> None:
    """What it shows, or why it shows nothing of its own."""
    at = ("--at", "2026-06-01")
    assert said in CliRunner().invoke(main, ["explain", str(file), "/", *options, *at]).output


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--attribute", "seats"), "write NAME=VALUE"),
        (("--attribute", "=1"), "write NAME=VALUE"),
        (("--attribute", "a..b=1"), "write NAME=VALUE"),
        (("--attribute", "a=1", "--attribute", "a.b=1"), '"a" has a value already'),
        (("--consent", "cookies"), "there is no purpose"),
        (("--device", "fridge"), "fridge"),
        (("--at", "soon"), "is no time"),
    ],
)
def test_a_wrong_option_is_told(file: Path, options: tuple[str, ...], said: str) -> None:
    """With exit status 2 and what to write instead."""
    result = CliRunner().invoke(main, ["explain", str(file), "/", *options])
    assert result.exit_code == 2 and said in result.output


async def test_one_record_is_behind_the_tree_and_the_sentence(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The editor's tree, the page's header, the decision for apps, the flag and the visitor's own page name the same
    experience; its sentence is one, and the tree's gates are those that were asked."""
    monkeypatch.setenv("PERSONALIZE_WRITE_KEYS", "key")
    monkeypatch.setenv("PERSONALIZE_SECRET", "a secret that is long enough to sign with")
    page = b"<html><body><div data-slot=hero>old</div></body></html>"
    app = PersonalizeMiddleware(Answer(page), file, clock=lambda: 1_780_000_000.0)
    await app.start()
    try:
        token = app.engine.previews.make(Preview(), 1_780_000_000.0, 60)
        head = [(b"cf-ipcountry", b"TR"), (b"x-personalize-explain", token.encode())]
        cookies = {"consent": "granted"}
        for _ in range(2):
            seen = await call(app, "/", headers=head, cookies=cookies, scheme="https")
            cookies |= seen.cookies
            await app.watcher.history.log.flush()
        told = json.loads(seen.header("x-personalize-explain") or "")["slots"][0]
        record = json.loads(
            (await call(app, "/_personalize/v1/explain", query=b"url=/", headers=head, cookies=cookies)).body
        )["slots"][0]
        body = json.dumps({"url": "/"}).encode()
        decided = json.loads(
            (
                await call(
                    app, "/_personalize/v1/decide", method="POST", headers=head[:1], cookies=cookies, body=body,
                    scheme="https",
                )
            ).body
        )["slots"][0]  # fmt: skip
        own = (await call(app, "/_personalize/me", cookies=cookies, scheme="https")).text
    finally:
        await app.close()
    for one in (told, record, decided):
        assert (one["experience"], one["reason"]) == ("turks", "experience")
    assert record["why"] == decided["why"] == "You are in Turkey." and "You are in Turkey." in own
    tree = {step["what"]: step for step in record["steps"]["inner"]}
    names = [what for what in tree if what.startswith("experience ")]
    assert names == [f"experience {id}" for id in (
        "bought", "seats", "plan", "phone", "winter", "turks", "often", "christmas"
    )]  # fmt: skip
    assert [name for name in names if tree[name]["held"]] == ["experience turks"]
    for name in names[:5]:
        failed = [gate for gate in tree[name]["inner"] if not gate["held"]]
        assert failed and all(gate["saw"] or gate["inner"] for gate in failed), name
    assert 'country = "TR"' in [gate["saw"] for gate in tree["experience turks"]["inner"]]
