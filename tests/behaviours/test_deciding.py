"""Behaviours of deciding: who sees what, and that it can be told why."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from personalize.cli import main
from personalize.explain import explain, read_url
from personalize.model import Event


async def command(arguments: list[str]) -> Result:
    """What the command line answers; in a thread, as it runs a loop of its own."""
    return await asyncio.to_thread(CliRunner().invoke, main, arguments)


HERO = """
version: 1
timezone: Europe/Istanbul
store: memory
segments:
  back: {all: [{visits: {gte: 2}}]}
slots:
  hero:
    match: {path: "/", element: "[data-slot=hero]"}
    experiences:
      - {id: back, when: back, show: {html: "<h1>Good to see you again</h1>"}, why: You were here before.}
      - {id: new, when: {new: true}, show: {html: "<h1>Hello</h1>"}}
"""


async def test_b10_one_visit_gives_a_trace_of_every_step(site: Any, browser: Any, clock: Any) -> None:
    """A visit can be told as identify, differentiate, interact and customise, each with what it saw."""
    app = await site(HERO)
    visitor = browser(app)
    await visitor.get()
    clock.now += 7200
    response = await visitor.get()
    assert b"Good to see you again" in response.body

    cookies = [f"{n}={v}" for n, v in visitor.cookies.items()]
    told = await explain(app.engine, read_url("https://shop.example/", cookies=cookies), clock.now)
    assert told.identity.held and any("valid id" in s.what and s.held for s in told.identity.inner)  # identify
    assert "back" in told.segments  # differentiate
    (hero,) = told.slots
    assert hero.experience == "back" and hero.why == "You were here before."  # interact
    assert hero.state == "inline" and hero.mark.line == 11  # customise: what was put in, written where
    text = json.dumps(told.as_json())
    assert "visits" in text and "new" in text, "the losing experience is told too"


async def test_b27_parts_combine_without_a_new_template(site: Any, browser: Any) -> None:
    """Image, headline and offer are parts; two experiences combine them differently in one template."""
    app = await site(
        """
version: 1
store: memory
parts:
  headlines: {points: Earn points all week, low: Running low?}
  offers: {star: One star on us}
slots:
  hero:
    match: {path: "/", element: "[data-slot=hero]"}
    template: hero.html
    experiences:
      - id: a
        when: {utm.campaign: winter}
        show: {parts: {image: snow.webp, headline: headlines.points, offer: offers.star}}
      - {id: b, show: {parts: {image: mint.webp, headline: headlines.low}}}
""",
        {"hero.html": '<img src="{{ image }}"><h1>{{ headline }}</h1>{% if offer %}<p>{{ offer }}</p>{% endif %}'},
    )
    winter = (await browser(app).get(query="utm_campaign=winter")).body
    plain = (await browser(app).get()).body
    assert b'<img src="snow.webp"><h1>Earn points all week</h1><p>One star on us</p>' in winter
    assert b'<img src="mint.webp"><h1>Running low?</h1></section>' in plain


async def test_b30_an_edit_is_checked_explained_live_and_rolled_back(site: Any, browser: Any, tmp_path: Path) -> None:
    """A new experience is validated and previewed, live soon, and gone as soon."""
    app = await site(HERO)
    file = tmp_path / "personalize.yaml"
    assert (await command(["check", str(file)])).exit_code == 0
    edited = HERO.replace("<h1>Hello</h1>", "<h1>Hi, winter</h1>")

    draft = tmp_path / "draft.yaml"
    draft.write_text(edited.replace("when: back", "when: bakc"))
    refused = await command(["check", str(draft)])
    assert refused.exit_code == 1 and "bakc" in refused.output and "back" in refused.output

    draft.write_text(edited)
    preview = await command(["explain", str(draft), "/", "--as", "back"])
    assert preview.exit_code == 0 and re.search(r"hero.*back", preview.output)

    assert b"<h1>Hello</h1>" in (await browser(app).get()).body
    file.write_text(edited)
    assert await shows(app, browser, b"Hi, winter")
    file.write_text(edited + "  broken: [")
    async with asyncio.timeout(30):
        while app.watcher.rejected is None:
            await asyncio.sleep(0.05)
    assert b"Hi, winter" in (await browser(app).get()).body, "a bad edit leaves the last good one serving"
    file.write_text(HERO)
    assert await shows(app, browser, b"<h1>Hello</h1>") and app.watcher.rejected is None


async def shows(app: Any, browser: Any, text: bytes) -> bool:
    """Does the text come to be on a newcomer's page?"""
    async with asyncio.timeout(30):
        while text not in (await browser(app).get()).body:
            await asyncio.sleep(0.05)
    return True


async def test_b41_a_best_practice_starts_as_a_test_against_none(
    site: Any, browser: Any, stored: Any, clock: Any, tmp_path: Path
) -> None:
    """Social proof can be split against showing none, and the linter asks for that where it is not."""
    config = """
version: 1
store: memory
slots:
  carousel:
    match: {path: "/", element: "[data-slot=carousel]"}
    template: proof.html
    experiences:
      - id: proof
        %s
"""
    split = """experiment:
          key: proof-1
          variants:
            - {id: none, show: page}
            - {id: shown, show: {source: proof, metric: bought, item: p1, min_count: 1}}"""
    bare = "show: {source: proof, metric: bought, item: p1, min_count: 1}"
    app = await site(config % split, {"proof.html": "<p>{{ count }} bought</p>"})
    order = {"products": [{"product_id": "p1"}]}
    app.watcher.history.record(Event("o1", "Order Completed", clock.now - 60, "somebody", order))
    await app.watcher.history.log.flush()
    seen = [b"bought" in (await browser(app).get()).body for _ in range(60)]
    assert 10 < sum(seen) < 50, "about half of the newcomers"
    exposures = [e for view in await stored(app, "Page Viewed") for e in view.exposures]
    assert {e["variant"] for e in exposures} == {"none", "shown"} and len(exposures) == 60

    (tmp_path / "bare.yaml").write_text(config % bare)
    assert "PZ404" in (await command(["check", str(tmp_path / "bare.yaml")])).output
    assert "PZ404" not in (await command(["check", str(tmp_path / "personalize.yaml")])).output


async def test_b43_the_sites_cap_counts_every_slot(site: Any, browser: Any, clock: Any) -> None:
    """Three experiences a day, whichever the slot: the first page shows two, the next one the last that is left, and a
    day later all is shown again."""
    slots = {
        name: {"match": {"path": "/"}, "experiences": [{"id": name, "show": {"html": f"<b>{name}-ad</b>"}}]}
        for name in ("hero", "carousel")
    }
    app = await site({"version": 1, "store": "memory", "site": {"cap": {"max": 3, "within": "1d"}}, "slots": slots})
    visitor = browser(app)
    seen = []
    for pause in (0, 60, 60, 86_400):
        clock.now += pause
        page = (await visitor.get()).body
        seen.append([name for name in ("hero", "carousel") if f"{name}-ad".encode() in page])
    assert seen == [["hero", "carousel"], ["hero"], [], ["hero", "carousel"]]


LIBRARY = """
version: 1
timezone: Europe/Istanbul
store: sqlite
parts:
  headlines: {low: Running low?}
slots:
  hero:
    match: {path: "/", element: "[data-slot=hero]"}
    template: hero.html
    experiences:
      - {id: low, owner: anna, when: {visits: {gte: 2}}, delay: 30m, show: {parts: {headline: headlines.low}}}
      - {id: hello, owner: bo, status: %s, show: {html: "<h1>Hello</h1>"}}
"""
AGAIN = """
      - id: again
        experiment: {key: k, iteration: 3, goal: order, variants: [{id: a, show: page}, {id: b, html: B}]}
goals: {order: {event: Order Completed}}
"""


async def test_b26_a_trigger_library_lists_signal_message_owner_and_status(site: Any, tmp_path: Path) -> None:
    """`personalize triggers` lists each experience with its signal, the parts of its message, owner and status."""
    app = await site(LIBRARY % "draft", {"hero.html": "<h1>{{ headline }}</h1>"})
    await app.watcher.history.log.flush()
    file = str(tmp_path / "personalize.yaml")
    assert (await command(["pause", file, "low", "--by", "cem"])).exit_code == 0
    told = json.loads((await command(["triggers", file, "--json"])).output)["triggers"]
    low, hello = told
    assert (low["slot"], low["experience"], low["owner"], low["status"]) == ("hero", "low", "anna", "paused")
    assert "visits" in low["signal"] and "1800 s" in low["signal"] and low["message"] == "headline: headlines.low"
    assert (hello["signal"], hello["status"], hello["message"]) == ("everyone", "draft", "html: <h1>Hello</h1>")
    drawn = (await command(["triggers", file])).output
    assert "hero/low" in drawn and "anna" in drawn and "paused" in drawn


async def test_b26_which_try_an_experiment_is_stands_in_the_library_and_in_its_report(
    site: Any, tmp_path: Path, browser: Any
) -> None:
    """`iteration` is told by `personalize triggers` and above the experiment's effects, in words and in JSON."""
    app = await site(LIBRARY % "draft" + AGAIN, {"hero.html": "<h1>{{ headline }}</h1>"})
    await browser(app).get()
    file = str(tmp_path / "personalize.yaml")
    assert "experiment k, iteration 3" in (await command(["triggers", file])).output
    told = json.loads((await command(["triggers", file, "--json"])).output)["triggers"]
    assert [one["iteration"] for one in told] == [None, None, 3]
    assert "What k (iteration 3) did" in (await command(["report", file])).output
    (effects,) = json.loads((await command(["report", file, "--json"])).output)["experiments"]
    assert effects["iteration"] == 3


async def test_b31_triggers_shipped_are_counted_per_week_and_owner(site: Any, tmp_path: Path) -> None:
    """Each week says how many triggers every owner brought live, and how many live ones were changed."""
    app = await site(LIBRARY % "draft", {"hero.html": "<h1>{{ headline }}</h1>"})
    await app.watcher.history.log.flush()
    await app.close()
    app = await site(LIBRARY.replace("gte: 2", "gte: 3") % "live")
    await app.watcher.history.log.flush()
    weeks = json.loads((await command(["triggers", str(tmp_path / "personalize.yaml"), "--json"])).output)["shipped"]
    assert {(w["owner"], w["new"], w["changed"]) for w in weeks} == {("anna", 1, 1), ("bo", 1, 0)}
    assert len({w["week"] for w in weeks}) == 1 and re.fullmatch(r"\d{4}-W\d\d", weeks[0]["week"])
