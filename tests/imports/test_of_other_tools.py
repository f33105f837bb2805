"""Files as spreadsheets and other tools write them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from personalize.imports.run import Outcome, import_file
from personalize.imports.times import Order, read_time
from personalize.imports.told import Told
from personalize.model import Event
from personalize.profiles import Profiles
from personalize.stores import MemoryStore

NOW = 1_790_000_000.0
ISTANBUL = ZoneInfo("Europe/Istanbul")


async def taken(path: Path, text: str | bytes, **told: Any) -> tuple[list[Event], list[tuple[int, str]]]:
    """The events of a file with this content, and what is said of the rows that were refused."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    store, refused = MemoryStore(), []
    await store.open()
    told = {"timezone": "Europe/Istanbul", "now": NOW, **told}
    outcome = await import_file(
        store, path, Told(**told), path.parent / "notes", refuse=lambda *row: refused.append(row)
    )
    found = await store.read()
    assert outcome == Outcome(new=len(found), refused=len(refused))
    return found, refused


# --- dates -----------------------------------------------------------------------------------------------

TIMES = {
    "28/11/2025 10:05": (2025, 11, 28, 10, 5), "11/28/2025 10:05": (2025, 11, 28, 10, 5),
    "11/28/2025 10:05:07 PM": (2025, 11, 28, 22, 5, 7), "11/28/2025 12:05 am": (2025, 11, 28, 0, 5),
    "2025/11/28 10:05": (2025, 11, 28, 10, 5), "28-11-2025": (2025, 11, 28), "28.11.25 10:05": (2025, 11, 28, 10, 5),
    "5.6.2025": (2025, 6, 5), "6/6/2025": (2025, 6, 6), "28/11/2025, 10:05": (2025, 11, 28, 10, 5),
}  # fmt: skip
ZONED = {
    "2025-11-28 07:05:00 UTC": 0, "2025-11-28 07:05:00.123456 UTC": 0.123456, "2025/11/28 10:05:00 +0300": 0,
    "Fri, 28 Nov 2025 10:05:00 +0300": 0, "Fri, 28 Nov 2025 07:05:00 GMT": 0, "11/28/2025 07:05 UTC": 0,
}  # fmt: skip


@pytest.mark.parametrize("text", TIMES)
def test_a_date_that_can_be_read_in_one_way_is_read(text: str) -> None:
    """In the site's time zone, whichever of day and month comes first."""
    assert read_time(text, "Europe/Istanbul", NOW) == datetime(*TIMES[text], tzinfo=ISTANBUL).timestamp()  # type: ignore[misc]


@pytest.mark.parametrize("text", ZONED)
def test_a_zone_that_is_told_counts(text: str) -> None:
    """As Ruby, databases and e-mail write it."""
    ten = datetime(2025, 11, 28, 10, 5, tzinfo=ISTANBUL).timestamp()
    assert read_time(text, "America/Lima", NOW) == pytest.approx(ten + ZONED[text], abs=1e-3)


@pytest.mark.parametrize(("order", "month"), [("day-first", 6), ("month-first", 5), ("", None)])
def test_a_date_that_can_be_read_in_two_ways_is_asked_about(order: Order, month: int | None) -> None:
    """It is refused, with the option that says what it means."""
    time = read_time("5/6/2025", "UTC", NOW, order)
    if month is None:
        assert time == '"5/6/2025" can be read in two ways; say --dates day-first or --dates month-first'
    else:
        assert time == datetime(2025, month, 11 - month, tzinfo=ZoneInfo("UTC")).timestamp()


@pytest.mark.parametrize("order", ["day-first", "month-first"])
@pytest.mark.parametrize("mark", ["/", "-", "."])
def test_what_is_said_of_dates_holds_for_all_of_a_file(order: Order, mark: str) -> None:
    """A row that can't be read so is refused and told: the option may be wrong, and then others would be read wrongly
    without a word."""
    days = ["5", "6"] if order == "day-first" else ["6", "5"]
    assert read_time(mark.join([*days, "2025"]), "UTC", NOW, order) == datetime(2025, 6, 5, tzinfo=UTC).timestamp()
    days = ["28", "5"] if order == "day-first" else ["5", "28"]
    assert read_time(mark.join([*days, "2025"]), "UTC", NOW, order) == datetime(2025, 5, 28, tzinfo=UTC).timestamp()
    other = mark.join([*days[::-1], "2025"])
    assert read_time(other, "UTC", NOW, order) == f'"{other}" is not {order}, as --dates says'


@pytest.mark.parametrize("text", ["25-06-05", "25-11-28 10:05", "11-12-13"])
def test_a_date_that_may_begin_with_its_year_is_asked_about(text: str) -> None:
    """Two digits with a dash may be a year, a day or a month."""
    time = read_time(text, "UTC", NOW)
    assert isinstance(time, str) and "may begin with its year" in time
    assert read_time(f"20{text}", "UTC", NOW) == datetime.fromisoformat(f"20{text}").replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    "text", ["31/31/2025", "28/11/2025 25:00", "28/11/2025 13:00 PM", "0/0/0", "1/2/3/4", "12/2025", "x" * 999, "nan"]
)
def test_what_is_no_date_is_refused(text: str) -> None:
    """With what to write instead."""
    said = read_time(text, "UTC", NOW, "day-first")
    assert isinstance(said, str) and ("is no time" in said or "before 1980" in said)


# --- tables ----------------------------------------------------------------------------------------------


async def test_what_excel_adds_to_a_table_is_no_row(tmp_path: Path) -> None:
    """The line that names the delimiter, rows of delimiters alone, and delimiters after the last cell."""
    text = "sep=;\r\nEvent;Event Date;User ID;Revenue\r\n;;;\r\nOrder Completed;1/25/2026 10:00;7;1.234,50;;\r\n;;;\r\n"
    for coded in (text.encode("utf-8-sig"), text.encode("utf-16"), text.encode()):
        (event,), refused = await taken(tmp_path / "orders.csv", coded)
        assert (event.name, event.visitor, event.properties["revenue"]) == ("Order Completed", "u:7", 1234.5)
        assert refused == []


async def test_two_columns_that_mean_the_same_must_say_the_same(tmp_path: Path) -> None:
    """Nobody could tell which of them counts; an empty one says nothing."""
    text = "event,time,user_id,User ID\nA,2026-01-01,1,2\nA,2026-01-01,1,1\nB,2026-01-01,1,\n"
    found, refused = await taken(tmp_path / "a.csv", text)
    assert [event.visitor for event in found] == ["u:1", "u:1"]
    assert len(refused) == 1 and refused[0][0] == 2 and "and not the same" in refused[0][1]


@pytest.mark.parametrize(
    ("name", "start", "said"),
    [
        ("a.xlsx", b"PK\x03\x04", "save the sheet as CSV"), ("a.xls", b"\xd0\xcf\x11\xe0", "save the sheet as CSV"),
        ("a.csv.gz", b"\x1f\x8b", "unpack it first"), ("a.csv", b"event,time\rA,1\r", "must end with a line feed"),
    ],
)  # fmt: skip
async def test_a_file_of_another_kind_is_told_as_what_it_is(tmp_path: Path, name: str, start: bytes, said: str) -> None:
    """And what to do about it."""
    found, refused = await taken(tmp_path / name, start + b"\0" * 50 if b"event" not in start else start)
    assert found == [] and len(refused) == 1 and said in refused[0][1]


async def test_an_amount_in_brackets_counts_for_nothing(tmp_path: Path) -> None:
    """It is negative where accountants write it, and stays as it is."""
    (event,), _ = await taken(tmp_path / "a.csv", "event,time,user_id,revenue\nOrder Completed,2026-01-01,1,(12.50)\n")
    assert event.properties["revenue"] == "(12.50)"


async def test_what_an_order_says_of_a_person_is_a_trait(tmp_path: Path) -> None:
    """A column traits.NAME counts in rows of any event."""
    head = "event,time,user_id,order_id,revenue,traits.tier\n"
    found, _ = await taken(tmp_path / "a.csv", head + "Order Completed,2026-01-01,1,o1,5,gold\n", source="tills")
    store = MemoryStore()
    await store.open()
    await store.append(found)
    profile = await Profiles(store, {}).load("u:1")
    assert profile is not None and profile.traits == {"tier": "gold"} and profile.provenance["tier"].source == "tills"


# --- JSON ------------------------------------------------------------------------------------------------

ROWS = [{"event": "A", "time": 1_780_000_000, "user_id": "7", "properties": {"n": [n, {"]": "}"}]}} for n in range(5)]
LISTS = {
    "on one line": json.dumps(ROWS),
    "a row a line": "[\n" + ",\n".join(map(json.dumps, ROWS)) + "\n]\n",
    "indented": json.dumps(ROWS, indent=2),
    "commas at the ends of lines": ",\r\n".join(map(json.dumps, ROWS)) + ",\r\n",
    "marked": "\ufeff" + json.dumps(ROWS, indent="\t") + "\n\n",
}


@pytest.mark.parametrize("name", LISTS)
async def test_rows_may_be_a_list(tmp_path: Path, name: str) -> None:
    """However the list is laid out."""
    found, refused = await taken(tmp_path / "a.json", LISTS[name])
    assert refused == [] and [event.properties["n"][0] for event in found] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("indent", [None, 2])
async def test_a_broken_element_costs_itself_alone(tmp_path: Path, indent: int | None) -> None:
    """Also one that is never closed, and a list that is cut off."""
    texts = [json.dumps(row, indent=indent) for row in ROWS]
    texts[1] = texts[1][:-1] + " x"
    texts[3] = texts[3][:20]
    text = "[\n" + ",\n".join(texts) + ',\n7,\n{"event": '
    found, refused = await taken(tmp_path / "a.json", text)
    assert [event.properties["n"][0] for event in found] == [0, 2, 4]
    assert len(refused) == 4 and all("JSON" in said for _, said in refused)


# --- messages --------------------------------------------------------------------------------------------


async def test_an_archive_of_segments_messages_is_understood(tmp_path: Path) -> None:
    """What each message is stands in its `type`; what is about its way is left out."""
    common = {
        "userId": "7", "timestamp": "2026-01-01T10:00:00.123Z", "originalTimestamp": "2026-01-01T10:00:00Z",
        "receivedAt": "2026-01-01T10:00:01Z", "context": {"ip": "192.0.2.7", "page": {"path": "/a"}},
        "integrations": {}, "channel": "server",
    }  # fmt: skip
    messages = [
        {"type": "track", "event": "Product Viewed", "properties": {"product_id": "soap"}},
        {"type": "identify", "traits": {"plan": "gold"}},
        {"type": "page", "name": "Home", "properties": {"url": "https://shop.example/b?mail=a@b", "title": "T"}},
        {"type": "screen", "name": "Start"},
        {"type": "group", "groupId": "g", "traits": {"name": "Acme"}},
    ]
    lines = [json.dumps({**common, "messageId": f"m{n}", **message}) for n, message in enumerate(messages)]
    found, refused = await taken(tmp_path / "archive.jsonl", "\n".join(lines))
    ours = {"$via", "provenance"}
    told = [(event.name, {key: event.properties[key] for key in event.properties.keys() - ours}) for event in found]
    assert refused == [] and told == [
        ("Product Viewed", {"path": "/a", "product_id": "soap"}),
        ("User Identified", {"path": "/a", "traits": {"plan": "gold"}}),
        ("Page Viewed", {"path": "/b", "title": "T", "name": "Home"}),
        ("Screen Viewed", {"path": "/a", "name": "Start"}),
        ("Group Joined", {"path": "/a", "group_id": "g", "traits": {"name": "Acme"}}),
    ]
