"""A test ends: the report says whether a variant may win, `promote` shows it to everybody, `demote` takes it back."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from personalize.cli import main
from personalize.explain import explain, read_url
from personalize.model import DEMOTED, OPERATOR, PROMOTED, Event
from personalize.operators.promotions import Promotions

DAY = 86_400.0
SITE = """
version: 1
store: sqlite
site: {consent: {default: granted}}
goals:
  order: {event: Order Completed, window: 14d}
  churn: {event: Account Closed, direction: decrease, window: 90d}
holdout: {percent: HELD, salt: s}
slots:
  hero:
    match: {path: "/", element: "[data-slot=hero]"}
    experiences:
      - id: winter
        experiment:
          key: hero-1
          coverage: 60%
          goal: order
          guardrails: [churn]
          promote: {probability: 0.95, min_visitors: 40, min_days: 7, approval: APPROVAL}
          variants:
            - {id: control, html: "<h1>one</h1>"}
            - {id: points, html: "<h1>two</h1>"}
"""


def site_text(approval: str = "required", held: int = 0) -> str:
    return SITE.replace("APPROVAL", approval).replace("HELD", str(held))


async def command(*arguments: str) -> Result:
    """What the command line answers; in a thread, as it runs a loop of its own."""
    return await asyncio.to_thread(CliRunner().invoke, main, [*arguments])


async def visited(
    app: Any,
    *,
    visitors: tuple[int, int] = (50, 50),
    orders: tuple[int, int] = (5, 25),
    churned: tuple[int, int] = (2, 2),
    days: float = 8,
) -> None:
    """Put into the real log what so many visitors of each variant did, who first came so many days ago."""
    began = time.time() - days * DAY
    log = app.watcher.history
    for name, count, bought, left in zip(("control", "points"), visitors, orders, churned, strict=True):
        for n in range(count):
            who = f"{name}{n:028}"
            seen = {"slot": "hero", "experience": "winter", "variant": name, "experiment": "hero-1", "held": False}
            log.record(Event(f"v-{who}", "Page Viewed", began, who, {"path": "/", "shown": [seen]}))
            if n < bought:
                log.record(Event(f"o-{who}", "Order Completed", began + 60, who, {"$via": "server"}))
            if n < left:
                log.record(Event(f"c-{who}", "Account Closed", began + 90, who, {"$via": "server"}))
    await log.log.flush()


async def judged(file: Path) -> dict[str, Any]:
    """What `report` says of the one experiment's winner."""
    done = await command("report", str(file), "--json")
    assert done.exit_code == 0, done.output
    (told,) = json.loads(done.output)["promotions"]
    return dict(told)


async def lines(app: Any, name: str) -> list[Event]:
    await app.watcher.history.log.flush()
    return [event for event in await app.watcher.history.store.of_visitor(OPERATOR) if event.name == name]


async def until(holds: Any) -> None:
    """Wait for what other workers do within seconds."""
    async with asyncio.timeout(30):
        while not await holds():
            await asyncio.sleep(0.05)


async def everybody_sees(apps: list[Any], browser: Any, text: bytes) -> None:
    """So do twelve newcomers on each worker."""
    for app in apps:

        async def all_do(app: Any = app) -> bool:
            return all([text in (await browser(app).get()).body for _ in range(12)])

        await until(all_do)


async def test_b40_two_variants_a_goal_and_the_winner_promoted(
    site: Any, browser: Any, stored: Any, clock: Any, tmp_path: Path
) -> None:
    """The report says that a variant is ready and how to promote it; then every worker shows it to everybody, also who
    saw the other and who took no part; exposures name no experiment; `demote` brings the old variants back."""
    clock.now = time.time()
    workers = [await site(site_text()), await site(site_text())]
    file = tmp_path / "personalize.yaml"
    app, other = workers
    old = {"control": b"<h1>one</h1>", "points": b"<h1>two</h1>"}
    visitors: dict[str, Any] = {}
    for _ in range(100):
        if len(visitors) == 3:
            break
        visitor = browser(app)
        body = (await visitor.get()).body
        visitors[next((name for name, text in old.items() if text in body), "outside")] = visitor
    assert set(visitors) == {"control", "points", "outside"}
    await visited(app)

    told = await judged(file)
    assert told["ready"] and told["variant"] == "points" and told["probability"] > 0.999 and told["promoted"] is None
    said = (await command("report", str(file))).output
    assert f"hero-1: points is ready to promote: run `personalize promote {file} hero-1`" in said
    before = json.loads((await command("report", str(file), "--json")).output)["experiments"]

    done = await command("promote", str(file), "hero-1", "--by", "ann", "--why", "it sells")
    assert done.exit_code == 0 and "points of hero-1 is promoted" in done.output
    clock.now = time.time()
    await everybody_sees(workers, browser, old["points"])
    for visitor in visitors.values():
        visitor.app = other
        assert old["points"] in (await visitor.get()).body
    shown = (await stored(app, "Page Viewed"))[-1].exposures[0]
    assert (shown["variant"], shown.get("experiment")) == ("points", None)

    late = time.time() + 60  # somebody of the control sees the winner, and buys
    app.watcher.history.record(Event("late", "Order Completed", late, f"control{49:028}", {"$via": "server"}))
    await app.watcher.history.log.flush()
    after = json.loads((await command("report", str(file), "--json")).output)
    assert after["experiments"] == before
    assert after["promotions"][0]["promoted"]["by"] == "ann"
    assert "points was promoted by ann" in (await command("report", str(file))).output

    explained = await explain(other.engine, read_url("/"), time.time())
    first = explained.slots[0].steps.inner[0]
    assert first.what == "hero/winter is still an experiment" and not first.held
    assert first.saw.startswith("points was promoted by ann on ") and first.saw.endswith(": it sells")

    assert (await command("demote", str(file), "winter", "--by", "bob")).exit_code == 0
    control = visitors["control"]

    async def is_back() -> bool:
        return old["control"] in (await control.get()).body

    await until(is_back)
    assert old["points"] in (await visitors["points"].get()).body
    assert b"Welcome" in (await visitors["outside"].get()).body
    told_history = json.loads((await command("history", str(file), "--json")).output)
    assert [(c["what"], c["target"], c["by"]) for c in told_history if c["what"] != "config"] == [
        ("promoted", "hero-1", "ann"), ("demoted", "hero-1", "bob"),
    ]  # fmt: skip
    assert "to variant points" in (await command("history", str(file))).output


async def test_b40_what_is_promoted_while_it_is_paused_is_shown_to_nobody_and_said(
    site: Any, browser: Any, tmp_path: Path
) -> None:
    """The kill switch holds; `promote` says so instead of that everybody sees it, and a resume shows it."""
    app = await site(site_text())
    file = str(tmp_path / "personalize.yaml")
    await visited(app)
    await command("pause", file, "winter", "--by", "eve")
    said = (await command("promote", file, "hero-1")).output
    assert "to everybody" not in said and said.endswith(
        "points of hero-1 is promoted. Nobody sees it before it is resumed:\nhero/winter is still paused, by eve.\n"
    )
    await everybody_sees([app], browser, b"Welcome")
    await command("resume", file, "winter")
    await everybody_sees([app], browser, b"<h1>two</h1>")


@pytest.mark.parametrize(
    ("changed", "missing", "values"),
    [
        ({"orders": (20, 21)}, "probability", "0.95 is asked for"),
        ({"visitors": (39, 42), "orders": (2, 30)}, "min_visitors", "39 visitors; 40 are asked for"),
        ({"days": 6.5}, "min_days", "6.5 days; 7 are asked for"),
        ({"visitors": (150, 50), "orders": (5, 40)}, "sample_ratio", "0.001 is asked for"),
        ({"churned": (2, 20)}, "guardrail churn", "more is harm"),
    ],
)
async def test_b40_a_variant_that_is_not_ready_is_not_promoted(
    site: Any, browser: Any, tmp_path: Path, changed: dict[str, Any], missing: str, values: str
) -> None:
    """Each thing that is asked for stops it alone, and is said with its values; --force does it nevertheless."""
    app = await site(site_text())
    file = tmp_path / "personalize.yaml"
    await visited(app, **changed)
    told = await judged(file)
    unmet = [criterion for criterion in told["criteria"] if not criterion["met"]]
    assert [criterion["name"] for criterion in unmet] == [missing] and values in unmet[0]["said"]
    assert not told["ready"] and "is not ready to be promoted" in (await command("report", str(file))).output
    refused = await command("promote", str(file), "hero-1")
    assert refused.exit_code == 1 and unmet[0]["said"] in " ".join(refused.output.replace("│", " ").split())
    assert await lines(app, PROMOTED) == []
    assert (await command("promote", str(file), "hero-1", "--force", "--variant", "points")).exit_code == 0
    (line,) = await lines(app, PROMOTED)
    assert line.properties["variant"] == "points" and unmet[0]["said"] in line.properties["why"]
    await everybody_sees([app], browser, b"<h1>two</h1>")


async def test_b40_what_the_config_asks_nothing_of_is_promoted_by_name_only(site: Any, tmp_path: Path) -> None:
    """Without `promote` in the config anything would be a winner: the variant has to be named, and the log says so."""
    rule = "          promote: {probability: 0.95, min_visitors: 40, min_days: 7, approval: APPROVAL}\n"
    app = await site(SITE.replace(rule, "").replace("HELD", "0"))
    await visited(app, orders=(0, 0))
    file = str(tmp_path / "personalize.yaml")
    refused = await command("promote", file, "hero-1")
    assert refused.exit_code == 1 and "hero-1 has no `promote` in the config" in refused.output
    assert "with a probability of 0.500" in refused.output and not await lines(app, PROMOTED)
    assert (await command("promote", file, "hero-1", "--variant", "points")).exit_code == 0
    (line,) = await lines(app, PROMOTED)
    assert line.properties["variant"] == "points" and line.properties["why"] == "it was named"


async def test_b40_one_of_several_workers_promotes_by_itself_and_never_again(
    site: Any, browser: Any, tmp_path: Path
) -> None:
    """With `approval: none` three workers that look at once write one line; what a person took back stays back."""
    text = site_text("none")
    workers = [await site(text), await site(text), await site(text)]
    app = workers[0]
    await visited(app)
    histories = [each.watcher.history for each in workers]
    await asyncio.gather(*(history.promoter.look(history.record) for history in histories))
    for history in histories:
        await history.log.flush()
    (line,) = await lines(app, PROMOTED)
    assert (line.properties["by"], line.properties["variant"]) == ("results", "points")
    assert "is the best with a probability of 1.000; 0.95 is asked for" in line.properties["why"]
    await everybody_sees(workers, browser, b"<h1>two</h1>")
    assert (await command("demote", str(tmp_path / "personalize.yaml"), "hero-1")).exit_code == 0
    (_,) = await lines(app, DEMOTED)
    for history in histories:

        async def knows(history: Any = history) -> bool:
            return not history.promotions.held

        await until(knows)
        await history.store.keep("promotions", (await history.store.kept("promotions", ()))[0], 0, {})  # an hour later
        await history.promoter.look(history.record)
        await history.log.flush()
    assert len(await lines(app, PROMOTED)) == 1


async def test_b40_the_report_promises_nothing_of_what_was_taken_back(site: Any, tmp_path: Path) -> None:
    """With `approval: none` the site promotes what is ready, but not what a person demoted: then a person does."""
    app, file = await site(site_text("none")), str(tmp_path / "personalize.yaml")
    await visited(app)
    assert "the site promotes it within the hour or so" in (await command("report", file)).output
    assert (await command("promote", file, "hero-1")).exit_code == 0
    assert (await command("demote", file, "hero-1", "--by", "ann")).exit_code == 0
    said = (await command("report", file)).output
    assert "the site promotes it" not in said
    assert f"points is ready, but was taken back: run `personalize promote {file} hero-1`" in said


async def test_b31_a_promotion_stands_in_the_library_and_in_its_week(site: Any, tmp_path: Path) -> None:
    """`personalize triggers` names the variant that everybody gets, and counts the promotion for its owner; demoted,
    only the week still tells of it."""
    app = await site(site_text().replace("id: winter", "id: winter\n        owner: anna"))
    await visited(app)
    file = str(tmp_path / "personalize.yaml")
    assert (await command("promote", file, "hero-1", "--by", "ann")).exit_code == 0
    told = json.loads((await command("triggers", file, "--json")).output)
    (winter,) = told["triggers"]
    assert (winter["status"], winter["promoted"]) == ("live", "points")
    assert [(week["owner"], week["promoted"]) for week in told["shipped"] if week["promoted"]] == [("anna", 1)]
    assert "live, points promoted" in (await command("triggers", file)).output
    await command("demote", file, "hero-1")
    told = json.loads((await command("triggers", file, "--json")).output)
    assert told["triggers"][0]["promoted"] is None and sum(week["promoted"] for week in told["shipped"]) == 1


async def test_b40_a_running_site_looks_by_itself(
    site: Any, browser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody runs a command: the site that serves finds the winner in its log, and shows it."""
    monkeypatch.setattr("personalize.operators.promoter._LOOK", (0.05, 0.1))
    monkeypatch.setattr("personalize.operators.promoter._EVERY", 0.0)
    workers = [await site(site_text("none")), await site(site_text("none"))]
    await visited(workers[0])
    await everybody_sees(workers, browser, b"<h1>two</h1>")
    assert len(await lines(workers[0], PROMOTED)) == 1


@pytest.mark.parametrize(("approval", "days"), [("required", 8), ("none", 3)])
async def test_b40_nobody_is_promoted_without_approval_or_too_early(site: Any, approval: str, days: int) -> None:
    """A worker leaves alone what a person has to agree to, and what is not ready."""
    app = await site(site_text(approval))
    await visited(app, days=days)
    await app.watcher.history.promoter.look(app.watcher.history.record)
    assert await lines(app, PROMOTED) == []


async def test_b37_who_is_held_out_stays_so_when_a_variant_wins(site: Any, browser: Any, tmp_path: Path) -> None:
    """The winner is personalization, too: it is measured against the site as it is."""
    app = await site(site_text(held=100))
    done = await command("promote", str(tmp_path / "personalize.yaml"), "hero-1", "--variant", "points", "--force")
    assert done.exit_code == 0

    async def knows() -> bool:
        return bool(app.watcher.history.promotions.held)

    await until(knows)
    assert b"Welcome" in (await browser(app).get()).body


async def test_b40_a_promotion_outlives_the_process_and_goes_with_its_variant(
    site: Any, browser: Any, tmp_path: Path
) -> None:
    """A worker that starts later shows the winner; a config without that variant goes on as it is written."""
    await site(site_text())
    file = str(tmp_path / "personalize.yaml")
    await command("promote", file, "hero-1", "--variant", "points", "--force")
    app = await site(site_text())
    await everybody_sees([app], browser, b"<h1>two</h1>")
    changed = site_text().replace("id: points", "id: stars").replace("coverage: 60%", "force: control")
    app = await site(changed)
    await everybody_sees([app], browser, b"<h1>one</h1>")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["promote", "hero-2"], 2, 'did you mean "hero-1"?'),
        (["promote", "hero-1", "--variant", "pints"], 2, 'did you mean "points"?'),
        (["promote", "hero-1"], 1, "it was shown to nobody yet"),
        (["promote", "hero-1", "--force"], 1, "say which one by --variant"),
        (["demote", "hero-1"], 1, "hero-1 is not promoted; promoted: nothing"),
    ],
)
async def test_b40_what_is_not_there_is_not_promoted(
    site: Any, tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    """A slip is refused with what was meant, and the log stays as it was."""
    app = await site(site_text())
    refused = await command(arguments[0], str(tmp_path / "personalize.yaml"), *arguments[1:])
    assert refused.exit_code == code and said in " ".join(refused.output.replace("│", " ").split())
    assert await lines(app, PROMOTED) == []


async def test_b49_nobody_promotes_over_http(site: Any, browser: Any) -> None:
    """A visitor's event of that name promotes nothing."""
    app = await site(site_text())
    said = {"target": "hero-1", "variant": "points"}
    app.watcher.history.record(Event("1", PROMOTED, 1.0, "somebody", said))
    await app.watcher.history.log.flush()
    assert not app.watcher.history.promotions.held


async def test_the_test_of_winners_can_fail(
    site: Any, browser: Any, stored: Any, clock: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Figures that go on after the promotion are noticed."""
    monkeypatch.setattr(Promotions, "until", lambda self: {})
    with pytest.raises(AssertionError, match="hero-1"):
        await test_b40_two_variants_a_goal_and_the_winner_promoted(site, browser, stored, clock, tmp_path)
