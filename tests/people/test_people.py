"""People of the log on the command line: imported, exported, and how many are known."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from personalize.cli import main
from personalize.model import Event
from personalize.stores import SqliteStore

CONFIG = """
version: 1
segments:
  gold: {all: [{traits.tier: gold}]}
  buyers: {all: [{bought: {times: {gte: 1}, within: 3650d}}]}
"""


def told(name: str, time: int, **more: Any) -> dict[str, Any]:
    return {"event": name, "time": time, **more}


ROWS = [
    told("User Identified", 1_780_000_000, user_id="1", email="a@x.org", traits={"tier": "gold", "email": "a@x.org"}),
    told("User Identified", 1_780_000_001, user_id="2", traits={"tier": "gold", "email": " ＝cmd()"}),
    told("User Identified", 1_780_000_002, user_id="3", traits={"tier": "silver"}),
    told("Email Opened", 1_780_000_003, email="A@X.org "),
    told("Order Completed", 1_780_000_004, loyalty_id="9", user_id="3", products=["soap"], revenue=5),
    told("User Identified", 1_780_000_005, user_id="2", loyalty_id="9"),
    told("Product Viewed", 1_780_000_006, anonymous_id="f" * 32, user_id="1", product_id="soap"),
    told("Product Viewed", 1_780_000_007, anonymous_id="e" * 32, product_id="soap"),
]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a config, in which eight rows were imported."""
    monkeypatch.chdir(tmp_path)
    Path("personalize.yaml").write_text(CONFIG)
    Path("crm.jsonl").write_text("\n".join(map(json.dumps, ROWS)))
    result = run("import", "crm.jsonl")
    assert (result.exit_code, result.stdout) == (0, "8 new, 0 already known, 0 refused\n")
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def test_b06_a_segments_members_are_exported(site: Path) -> None:
    """As CSV or JSON lines, one person a line, with the traits that were asked for."""
    lines = [json.loads(line) for line in run("export", "segment", "gold", "--format", "jsonl").stdout.splitlines()]
    assert {line["user_id"] for line in lines} == {"1", "2"}
    first = next(line for line in lines if line["user_id"] == "1")
    assert "f" * 32 in first["ids"] and "email" not in first and first["visits"] == 1
    rows = list(csv.DictReader(io.StringIO(run("export", "segment", "gold", "--trait", "email").stdout)))
    assert {row["user_id"]: row["email"] for row in rows} == {"1": "a@x.org", "2": "' ＝cmd()"}, "no formula gets out"
    (buyer,) = csv.DictReader(io.StringIO(run("export", "segment", "buyers").stdout))
    assert (buyer["user_id"], buyer["orders"], buyer["spent"]) == ("3", "1", "5.0")


def test_an_unknown_segment_is_said(site: Path) -> None:
    """A wrong name is answered with those there are."""
    result = run("export", "segment", "golden")
    assert result.exit_code == 2 and 'did you mean "gold"?' in result.stderr


def test_b06_who_withdrew_is_exported_no_more(site: Path) -> None:
    """Consent withdrawn, or Sec-GPC on the last visit, keeps a person out of every export, also when the till tells of
    them later; a browser that comes with consent again brings them back."""
    async def tell(*events: Event) -> None:
        store = SqliteStore(site / ".personalize" / "log.db")
        await store.append(events)
        await store.close()

    browser = "f" * 32
    withdrawn = Event("w", "Consent Withdrawn", 1_780_000_100.0, browser, {"how": "off"})
    asyncio.run(tell(withdrawn, Event("g", "Page Viewed", 1_780_000_100.0, "u:2", {"path": "/", "gpc": True})))
    assert run("export", "segment", "gold").stdout == ""
    till = Event("t", "Order Completed", 1_780_000_200.0, browser, {"$via": "import", "revenue": 5.0})
    crm = Event("c", "Signed In", 1_780_000_201.0, "u:1", {"$via": "server"})
    asyncio.run(tell(till, crm))
    assert run("export", "segment", "gold").stdout == "", "what others tell of them is no consent"
    asyncio.run(tell(Event("p", "Page Viewed", 1_780_000_300.0, browser, {"path": "/"})))
    (back,) = csv.DictReader(io.StringIO(run("export", "segment", "gold").stdout))
    assert back["user_id"] == "1"


def test_b06_who_signed_out_is_exported_too(site: Path) -> None:
    """A user of whom all was told under a browser's id, and who signed out there since, stays in the segment; the
    browser, a stranger's now, is not."""
    browser = "d" * 32

    async def tell() -> None:
        store = SqliteStore(site / ".personalize" / "log.db")
        await store.open()
        login = {"$via": "server", "$ids": {"user_id": "9"}, "traits": {"tier": "gold"}}
        await store.append([
            Event("login", "User Identified", 1_780_000_100.0, browser, login),
            Event("page", "Page Viewed", 1_780_000_101.0, browser, {"path": "/"}),
            Event("out", "Signed Out", 1_780_000_102.0, browser),
            Event("next", "Page Viewed", 1_780_000_103.0, browser, {"path": "/"}),
        ])  # fmt: skip
        await store.close()

    asyncio.run(tell())
    found = {row["user_id"]: row for row in csv.DictReader(io.StringIO(run("export", "segment", "gold").stdout))}
    assert found.keys() == {"1", "2", "9"} and found["9"]["ids"] == f"{browser}|u:9"


def test_b08_the_share_of_known_visitors_and_refused_links_are_told(site: Path) -> None:
    """`identity` counts whom the site knows by name, names what was refused, and undoes a link."""
    found = json.loads(run("identity", "--json").stdout)
    assert (found["visitors"], found["resolved"], found["users"], found["refused"]) == (3, 2, 2, 1)
    assert set(found["conflicts"][0]["users"]) == {"u:2", "u:3"}
    assert "66.7%" in run("identity").stdout
    after = json.loads(run("identity", "--json", "--unlink", "f" * 32).stdout)
    assert after["resolved"] == 1
    run("identity", "--merge", "2", "u:3")
    assert len(run("export", "segment", "buyers").stdout.splitlines()) == 2


def test_an_id_that_the_log_never_told_of_is_refused(site: Path) -> None:
    """A misspelt id changes nothing and is named; an e-mail address is found though the log keeps its hash only."""
    for missing, option in (("loyalty:99", "--unlink"), ("email:b@x.org", "--unlink"), ("u:33", "--merge 2")):
        result = run("identity", *option.split(), missing)
        assert result.exit_code == 2 and f'the log knows no "{missing}"' in result.stderr
    assert run("identity", "--unlink", "email:a@x.org").exit_code == 0


def test_refused_rows_are_told_and_make_the_status_one(site: Path) -> None:
    """A script hears that something was left out; a person sees which lines."""
    Path("bad.csv").write_text("event,time,user_id\nX,never,1\nX,2026-01-01,1\n")
    result = run("import", "bad.csv")
    assert result.exit_code == 1 and 'bad.csv:2: "never" is no time' in result.stderr
    assert result.stdout == "1 new, 0 already known, 1 refused\n"


def test_b45_one_person_is_exported_and_erased_by_whoever_keeps_the_log(site: Path) -> None:
    """Who asks by mail gets what their own page would give, by any of their ids; erased, nothing of them comes back and
    everybody else stays."""
    told = json.loads(run("export", "person", "1").stdout)
    assert told["profile"]["traits"]["tier"] == "gold" and told["segments"] == ["gold"]
    assert {event["name"] for event in told["events"]} == {"User Identified", "Email Opened", "Product Viewed"}
    by_mail = json.loads(run("export", "person", "email:A@x.org").stdout)
    assert by_mail["events"] == told["events"]
    assert run("export", "person", "1", "-o", "one.json").stdout == ""
    assert json.loads(Path("one.json").read_text())["events"] == told["events"]
    others = run("export", "segment", "buyers", "--format", "jsonl").stdout
    refused = CliRunner().invoke(main, ["erase", "email:a@x.org"], input="n\n")
    assert refused.exit_code == 1 and "Aborted" in refused.stderr and run("export", "person", "1").exit_code == 0
    erased = run("erase", "email:a@x.org", "--yes")
    assert erased.exit_code == 0 and "is erased, with 3 events" in erased.stdout, erased.output
    for id_ in ("1", "email:a@x.org"):
        nobody = run("export", "person", id_)
        assert nobody.exit_code == 2 and "the log knows nothing of" in nobody.stderr
    assert run("import", "crm.jsonl").exit_code == 0
    assert run("export", "person", "1").exit_code == 2
    assert run("export", "segment", "buyers", "--format", "jsonl").stdout == others
    assert run("erase", "nobody", "--yes").exit_code == 2


def test_b45_a_very_long_id_is_found_as_it_is_written(site: Path) -> None:
    """The log has a digest of it; whoever keeps the log need not know that."""
    long = "x" * 150
    Path("long.csv").write_text(f"event,time,user_id,loyalty_id\nX,2026-01-01,{long},{long}\n")
    assert run("import", "long.csv").exit_code == 0
    for id_ in (long, f"u:{long}", f"loyalty:{long}"):
        assert run("export", "person", id_).exit_code == 0
    assert run("identity", "--unlink", f"loyalty:{long}").exit_code == 0
    assert run("erase", long, "--yes").exit_code == 0
    assert run("export", "person", long).exit_code == 2
