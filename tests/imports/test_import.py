"""Importing events: what is read, what is refused with its line, and that a file counts once however often it comes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize.history import History
from personalize.imports.files import read_rows
from personalize.imports.run import Outcome, import_file
from personalize.imports.told import Told, make_events
from personalize.model import Event
from personalize.observe import LogObserver
from personalize.profiles import Profiles
from personalize.stores import MemoryStore

TOLD = Told("Europe/Istanbul", 1_790_000_000.0, source="tills")
HEAD = "event,time,user_id,product_id,price\n"


async def run(path: Path, store: MemoryStore, told: Told = TOLD) -> tuple[Outcome, list[tuple[int, str]]]:
    refused: list[tuple[int, str]] = []
    await store.open()
    outcome = await import_file(store, path, told, path.parent / "notes", refuse=lambda *row: refused.append(row))
    return outcome, refused


async def test_b05_a_store_and_a_crm_become_profiles(tmp_path: Path) -> None:
    """Rows of a till (CSV) and of a CRM (JSON lines) are the same person's, with the origin of each trait."""
    till = tmp_path / "till.csv"
    till.write_text(
        "event;time;user_id;loyalty_id;products;revenue\nOrder Completed;2026-05-01 10:00;7;0012;soap|milk;6.50\n"
    )
    crm = tmp_path / "crm.jsonl"
    crm.write_text(json.dumps({"event": "User Identified", "time": 1_780_000_000, "loyalty_id": "0012",
                               "traits": {"crm_stage": "opportunity"}}) + "\n")  # fmt: skip
    store = MemoryStore()
    assert await run(till, store) == (Outcome(new=1), [])
    assert await run(crm, store, Told("UTC", 1_790_000_000.0, party="second", source="crm")) == (Outcome(new=1), [])
    profiles = Profiles(store, {})
    for event in await store.read():
        profiles.apply(event)
    profile = await profiles.load("u:7")
    assert profile.orders == [(1_777_618_800.0, 6.5, ("soap", "milk"))], "10:00 in Istanbul"
    assert profile.traits == {"crm_stage": "opportunity"}
    assert (profile.provenance["crm_stage"].party, profile.provenance["crm_stage"].source) == ("second", "crm")


async def test_each_refused_row_is_told_with_its_line(tmp_path: Path) -> None:
    """Whatever is wrong with a row, it is named by its line, and the rest is taken."""
    path = tmp_path / "events.csv"
    path.write_bytes(
        HEAD.encode()
        + b"Product Viewed,2026-05-01,7,p1,\n"  # 2
        + b"Product Viewed,yesterday,7,p1,\n"  # 3
        + b"Product Viewed,2026-05-01,,p1,\n"  # 4
        + b"Product Viewed,2026-05-01,7\n"  # 5
        + b",2026-05-01,7,p1,\n"  # 6
        + b"Visitor Erased,2026-05-01,7,p1,\n"  # 7
        + b"Product Viewed,2099-05-01,7,p1,\n"  # 8
        + b"Product Viewed,,7,p1,\n"  # 9
        + b"Product Viewed,2026-05-01,7,\x81\x00,\n"  # 10
        + b'Product Viewed,2026-05-01,7,"p\nq",\n'  # 11 and 12
        + b"Product Viewed,2026-05-01,7,caf\xe9,1\n"  # 13
    )
    store = MemoryStore()
    outcome, refused = await run(path, store)
    assert [line for line, _ in refused] == [3, 4, 5, 6, 7, 8, 9, 10]
    assert outcome == Outcome(new=3, refused=8)
    assert [e.properties["product_id"] for e in await store.read()] == ["p1", "p\nq", "café"]


@pytest.mark.parametrize(
    ("text", "line"), [("{", 1), ("[7]", 1), ('{"a": 1}', 1), ("[" * 100_000, 1), ("{}\n" * 2 + "x", 3)]
)
async def test_lines_that_are_no_events_are_refused(tmp_path: Path, text: str, line: int) -> None:
    """Broken, deep and wrong JSON is refused line by line."""
    path = tmp_path / "events.jsonl"
    path.write_text(text)
    outcome, refused = await run(path, MemoryStore())
    assert refused[-1][0] == line and outcome.new == 0


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
async def test_a_file_may_be_in_any_usual_encoding(tmp_path: Path, encoding: str) -> None:
    """With or without a byte order mark, in UTF-8, UTF-16, UTF-32 or an older encoding, names come out right."""
    path = tmp_path / "events.csv"
    path.write_text(f"{HEAD}Product Viewed,2026-05-01,7,café,1\n", encoding=encoding)
    store = MemoryStore()
    assert await run(path, store) == (Outcome(new=1), [])
    assert (await store.read())[0].properties["product_id"] == "café"


async def test_a_file_counts_once_however_often_it_comes(tmp_path: Path) -> None:
    """A second import, under another name, in another order and with more rows, adds only what is new."""
    rows = [f"Product Viewed,2026-05-{day:02},7,p{day},1\n" for day in range(1, 20)]
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    first.write_text(HEAD + "".join(rows))
    second.write_text(HEAD + "".join(reversed(rows)) + "Product Viewed,2026-06-01,7,p1,1\n")
    store = MemoryStore()
    assert (await run(first, store))[0] == Outcome(new=19)
    assert (await run(first, store, Told("Europe/Istanbul", 1_790_000_999.0, source="again")))[0] == Outcome(known=19)
    assert (await run(second, store))[0] == Outcome(new=1, known=19)


class Failing(MemoryStore):
    """A store that goes away after some appends."""

    def __init__(self, appends: int) -> None:
        super().__init__()
        self.left = appends

    async def append(self, events: object) -> tuple[int, int]:
        if not self.left:
            raise OSError("gone")
        self.left -= 1
        return await super().append(events)  # type: ignore[arg-type]


async def test_an_import_that_was_cut_off_goes_on(tmp_path: Path) -> None:
    """The next run begins after the last stored batch; a file that was changed meanwhile begins anew."""
    path = tmp_path / "events.jsonl"
    lines = [json.dumps({"event": "Product Viewed", "time": 1_780_000_000 + n, "user_id": 7}) for n in range(2500)]
    path.write_text("\n".join(lines) + "\n")
    store = Failing(2)
    with pytest.raises(OSError, match="gone"):
        await run(path, store)
    store.left = -1
    assert (await run(path, store))[0] == Outcome(new=500, skipped=2000)
    assert (await run(path, store))[0] == Outcome(known=2500), "it was finished, so it is read again"
    other = Failing(1)
    with pytest.raises(OSError, match="gone"):
        await run(path, other)
    other.left = -1
    path.write_text("\n".join(lines[1:]))
    assert (await run(path, other))[0] == Outcome(new=1500, known=999)


def test_an_address_is_kept_as_its_hash() -> None:
    """No e-mail address that identifies a row gets into the log."""
    (event,) = make_events({"event": "Email Opened", "time": "1780000000", "email": " Ann@Example.org"}, TOLD)
    assert isinstance(event, Event)
    assert event.visitor == "email:" + hashlib.sha256(b"ann@example.org").hexdigest()
    assert "example" not in str(event).lower()


def test_a_row_cannot_forge_what_the_middleware_writes() -> None:
    """Marks of the collector and exposures are no columns."""
    row = {"event": "Page Viewed", "time": 1_780_000_000, "user_id": "7", "$via": "server", "shown": [{"slot": "x"}]}
    (event,) = make_events(row, TOLD)
    assert isinstance(event, Event) and not event.exposures and event.properties["$via"] == "import"


async def test_a_row_that_names_several_products_is_an_event_for_each(tmp_path: Path) -> None:
    """As the collector does it; a second run adds nothing, and an order stays one event with all of its lines."""
    lines = [{"item_id": "soap", "price": 2}, {"item_id": "milk", "price": 3}]
    rows = [
        {"event": "add_to_cart", "time": 1_780_000_000, "user_id": "7", "items": lines},
        {"event": "add_to_cart", "time": 1_780_000_000, "user_id": "7", "items": [lines[0], {"item_id": "tea"}]},
        {"event": "purchase", "time": 1_780_000_001, "user_id": "7", "transaction_id": "1", "items": lines},
    ]
    path = tmp_path / "ga4.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    store = MemoryStore()
    assert (await run(path, store))[0] == Outcome(new=5)
    assert (await run(path, store))[0] == Outcome(known=5)
    events = await store.read()
    assert [e.properties.get("product_id") for e in events] == ["soap", "milk", "soap", "tea", None]
    assert [line["product_id"] for line in events[-1].properties["products"]] == ["soap", "milk"]


async def test_an_unclosed_quote_costs_its_line_alone(tmp_path: Path) -> None:
    """What csv takes for one long cell is read again line by line, also at the end of the file."""
    good = "Product Viewed,2026-05-01,7,p{},1\n"
    path = tmp_path / "events.csv"
    for broken in ('Product Viewed,2026-05-01,7,"p,1\n', 'Product Viewed,2026-05-01,7,"p" x,1\n'):
        rows = [good.format(1), broken, *(good.format(n) for n in range(2, 40)), broken, good.format(40)]
        path.write_text(HEAD + "".join(rows) + 'Product Viewed,2026-05-01,7,"a ""b""\nc",1\n')
        store = MemoryStore()
        outcome, refused = await run(path, store)
        assert outcome == Outcome(new=41, refused=2) and [line for line, _ in refused] == [3, 42]
        assert [e.properties["product_id"] for e in await store.read()][-1] == 'a "b"\nc'


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("event,time,usr_id", 'did you mean "user_id" where it says "usr_id"?'),
        ("evnt,time,user_id", 'did you mean "event" where it says "evnt"?'),
        ("event,tiem,user_id", 'did you mean "time" where it says "tiem"?'),
    ],
)
async def test_a_misspelt_column_is_told(tmp_path: Path, head: str, said: str) -> None:
    """With the name that was meant; capitals, spaces and hyphens are no mistakes."""
    path = tmp_path / "events.csv"
    path.write_text(f"{head}\nSigned In,2026-05-01,7\n")
    _, refused = await run(path, MemoryStore())
    assert refused[0][1].endswith(said)
    path.write_text("event,time,user_id,revenue\n,2026-05-01,7,5\n")
    _, refused = await run(path, MemoryStore())
    assert refused[0][1] == "no event name (a column event, or --event)", "revenue is no misspelt event"
    path.write_text("Event;Time;User-ID;Price\nProduct Added;28.11.2025 18:05;7;1.234,50 TL\n")
    store = MemoryStore()
    assert (await run(path, store))[0] == Outcome(new=1)
    (event,) = await store.read()
    assert (event.visitor, event.properties["price"]) == ("u:7", 1234.5)
    assert event.time == 1_764_342_300.0, "18:05 in Istanbul"
    path.write_text("Time,User ID,Name,ID\n2026-05-01,7,Ann,5\n")
    assert (await run(path, store, replace(TOLD, event="User Identified")))[0] == Outcome(new=1)
    assert (await store.read())[-1].properties["traits"] == {"Name": "Ann", "ID": 5}


@pytest.mark.parametrize("head", ["a,b,a", ",".join(f"c{n}" for n in range(200_000))])
async def test_columns_that_are_double_or_countless_refuse_the_file(tmp_path: Path, head: str) -> None:
    """Nobody could tell what its rows say."""
    path = tmp_path / "events.csv"
    path.write_text(head + "\n1,2,3\n")
    outcome, refused = await run(path, MemoryStore())
    assert outcome == Outcome(refused=1) and refused[0][0] == 1


async def test_a_header_that_is_no_csv_is_refused(tmp_path: Path) -> None:
    """A table whose lines end with a carriage return alone is told as such."""
    path = tmp_path / "old.csv"
    path.write_bytes(b"event,time,user_id\rSigned In,2026-01-01,7\r")
    outcome, refused = await run(path, MemoryStore())
    assert outcome == Outcome(refused=1) and [line for line, _ in refused] == [1]


@settings(max_examples=100)
@given(
    st.dictionaries(
        st.sampled_from([
            "event", "time", "user_id", "email", "traits", "ids", "products", "price", "id", "x", "userId", "type",
            "context", "properties", "context.page.url", "name",
        ]),
        st.sampled_from(["track", "Page", "identify", "5/6/2026", 1_780_000_000, {"page": {"url": "http://[x"}}])
        | st.recursive(
            st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
            max_leaves=6,
        ),
    )
)
def test_any_row_is_an_event_or_a_reason(row: dict[str, object]) -> None:
    """Whatever a row holds, nothing is raised, and the same row gives the same event."""
    assert make_events(row, TOLD) == make_events(dict(row), TOLD)


def test_reading_names_where_a_record_ends(tmp_path: Path) -> None:
    """A record over several lines has the number of its last, and the rows after it theirs."""
    path = tmp_path / "x.csv"
    path.write_text('a,b\n1,"x\ny"\n2,z\n')
    assert [(row.line, row.values["a"]) for row in read_rows(path)] == [(3, "1"), (4, "2")]


async def test_b45_rows_of_what_was_erased_are_left_out_and_said(tmp_path: Path) -> None:
    """A file of before somebody erased everything, imported after it: no row under any of their ids is written, each is
    told with its line, and nobody else's is missing; what they did since is taken."""
    history = History.at("sqlite", tmp_path, {}, LogObserver())
    browser, linked = "a" * 32, {"$via": "server", "$ids": {"user_id": "7", "loyalty": "0012"}}
    history.record(Event("login", "Signed In", 1_770_000_000.0, browser, linked))
    await history.log.flush()
    assert await history.erase(Event("gone", "Visitor Erased", 1_780_000_000.0, browser))
    path = tmp_path / "till.csv"
    path.write_text(
        "event,time,user_id,loyalty_id,visitor,items\n"
        "Product Viewed,1775000000,7,,,p1\n"
        "Product Viewed,1775000000,,0012,,p2|p3\n"
        "Product Viewed,1775000000,8,,,p4\n"
        f"Product Viewed,1775000000,8,,{browser},p5\n"
        "Product Viewed,1785000000,7,,,p6\n"
    )
    told: list[tuple[int, str]] = []
    outcome = await import_file(history.store, path, TOLD, tmp_path, refuse=lambda *row: told.append(row))
    assert outcome == Outcome(new=2, erased=3)
    assert told == [
        (line, f"{id_} had everything of that time erased")
        for line, id_ in ((2, "u:7"), (3, "loyalty:0012"), (5, browser))
    ]
    assert [e.visitor for e in await history.store.read() if e.name == "Product Viewed"] == ["u:8", "u:7"]
    await history.close()


@pytest.mark.parametrize("source", ["crm", "visitor"])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_b46_what_a_visitor_removed_comes_back_with_no_file(when: str, source: str, tmp_path: Path) -> None:
    """Whatever time its rows tell, and however the file is named: a trait that the visitor removed stays away."""
    store, said = MemoryStore(), {"provenance": {"party": "first", "source": "visitor"}}
    await store.open()
    await store.append(
        [
            Event("crm", "User Identified", 1_770_000_000.0, "u:7", {"$via": "import", "traits": {"tier": "gold"}}),
            Event("own", "User Identified", 1_780_000_000.0, "u:7", {"traits": {"tier": None}, **said}),
        ]
    )
    path = tmp_path / f"{source}.csv"
    time = {"before": 1_775_000_000, "after": 1_785_000_000}[when]
    path.write_text(f"event,time,user_id,traits.tier\nUser Identified,{time},7,gold\n")
    assert await run(path, store, replace(TOLD, source=source)) == (Outcome(new=1), [])
    assert (await Profiles(store, {}).load("u:7")).traits == {}
