"""One row of a file -> one event of the log, or one for each product that it names. Pure.

Columns (or keys) that mean something of their own:

    event, name, type              the event's name; Segment's ecommerce names, or GA4's
    time, timestamp, date          ISO 8601 (without a zone: the site's) or Unix seconds
    id, event_id, message_id       the row's own id, where it has one
    visitor, anonymous_id, user_id, email, loyalty_id, crm_id, device_id, ids.KIND       who
    traits.NAME                    what is said about them
    type                           of a message of Segment's: what it is
    properties.NAME, and all else  the event's properties; of "User Identified", traits
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from ..conditions import suggestion
from ..config.event_names import canonical_name
from ..events.names import canonical_properties
from ..events.segment import path_of
from ..events.tidy import tidy, tidy_id, tidy_text
from ..model import ERASED, OWN_ID, WITHDRAWN, Event, Party
from ..profiles import external_id
from .times import Order, read_time

_NAMES: Final = ("event", "event_name", "name", "type")
_TIMES: Final = (
    "time", "timestamp", "date", "datetime", "event_time", "event_date", "originalTimestamp", "created_at",
)  # fmt: skip
_IDS: Final = ("id", "event_id", "message_id", "messageId")
_WHO: Final = {
    "user_id": "user_id", "userId": "user_id", "anonymous_id": "anonymous_id", "anonymousId": "anonymous_id",
    "visitor": "anonymous_id", "email": "email", "email_address": "email", "loyalty_id": "loyalty", "crm_id": "crm",
    "device_id": "device",
}  # fmt: skip
_PROPERTIES: Final = (
    "product_id", "products", "items", "quantity", "price", "order_id", "revenue", "total", "value", "currency", "path",
)  # fmt: skip
# However they are spelt: "User ID", "user-id". "Name", "Type" and "ID" mean other things in other systems' files.
_COLUMNS: Final = {
    re.sub(r"[^0-9a-z]", "", name.lower()): name
    for name in ("event", "event_name", *_TIMES, *_WHO, "traits", *_PROPERTIES)
}
# Messages as Segment's and RudderStack's archives and exports hold them, and what of them is only about their way.
_KINDS: Final = {
    "track": "", "identify": "User Identified", "page": "Page Viewed", "screen": "Screen Viewed",
    "group": "Group Joined",
}  # fmt: skip
_OF_THE_WAY: Final = frozenset({
    "type", "context", "integrations", "receivedAt", "sentAt", "channel", "version", "projectId", "writeKey",
    "_metadata",
})  # fmt: skip
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,9})?")
_REFUSED: Final = frozenset({ERASED, WITHDRAWN, "Segment Entered"})  # only the middleware says these


@dataclass(frozen=True, slots=True)
class Told:
    """What holds for a whole file: whose data it is, the event of rows that name none, and how its times are meant."""

    timezone: str
    now: float
    event: str = ""
    party: Party = "first"
    source: str = ""
    dates: Order = ""


def make_events(values: Mapping[str, Any], told: Told) -> list[Event] | str:
    """The events of a row, or the reason why there is none. The same row gives the same event ids on every run."""
    rest = {_column(key): value for key, value in values.items()}
    if len(rest) < len(values):
        for key, value in values.items():
            if value not in ("", None, rest[_column(key)]):
                return f'two columns say "{_column(key)}", and not the same'
    message = _is_message(rest)
    if message:
        rest = _unpacked(rest)
    name = canonical_name(_text(_take(rest, _NAMES)) or told.event)
    if not name:
        return "no event name (a column event, or --event)" + _meant(rest, ("event",))
    if name in _REFUSED:
        return f'"{name}" is an event that only the middleware writes'
    when = _take(rest, _TIMES)
    if when is None:
        return "no time (a column time, timestamp or date)" + _meant(rest, _TIMES)
    time = read_time(when, told.timezone, told.now, told.dates)
    if isinstance(time, str):
        return time
    own = tidy_id(_take(rest, _IDS))
    ids = _ids(rest)
    if not ids:
        return "nobody: no visitor, user_id, anonymous_id, email, loyalty_id, crm_id, device_id or ids.KIND" + _meant(
            rest, _WHO
        )
    visitor = _visitor(ids)
    traits, properties = _split(rest, name)
    if message and name == "Page Viewed":  # no address with its query string
        properties = {"path": path_of(properties)} | {
            key: value for key, value in properties.items() if key in ("title", "category", "name")
        }
    provenance = {"party": told.party, "source": told.source}
    marks: dict[str, Any] = {"$via": "import", "provenance": provenance}
    if traits:
        marks["traits"] = tidy(traits)
    if others := {kind: value for kind, value in ids.items() if _named(kind, value) != visitor}:
        marks["$ids"] = others
    said = [tidy(one) | marks for one in canonical_properties(name, properties)]
    id_ = _event_id(own, name, time, visitor, said[0] if len(said) == 1 else {"each": said})
    events = [Event(f"{id_}/{number}" if number else id_, name, time, visitor, one) for number, one in enumerate(said)]
    if traits and name not in ("User Identified", "Group Joined"):  # said of the person beside what they did
        events.append(Event(f"{id_}/traits", "User Identified", time, visitor, marks))
    return events


def _is_message(rest: Mapping[str, Any]) -> bool:
    kind = rest.get("type")
    if not isinstance(kind, str) or kind.lower() not in _KINDS:
        return False
    return (kind.lower() == "track") == bool(rest.get("event"))


def _unpacked(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message of Segment's as a row: under the event that it stands for, without what is about its way."""
    rest = {
        key: value
        for key, value in message.items()
        if key not in _OF_THE_WAY and not key.startswith(("context.", "integrations."))
    }
    name, context = _KINDS[message["type"].lower()], message.get("context")
    page = context.get("page") if isinstance(context, dict) else {"url": message.get("context.page.url")}
    properties = message.get("properties")
    own = path_of(properties) if isinstance(properties, dict) else ""
    if isinstance(page, dict) and (path := own or path_of(page)):
        rest["properties.path"] = path
    when = rest.pop("originalTimestamp", None)
    rest["timestamp"] = rest.get("timestamp") or when
    for key, place in (("name", "properties.name"), ("category", "properties.category"), ("groupId", "group_id")):
        if name and key in rest:
            rest[place] = rest.pop(key)
    return {**rest, "event": name or rest["event"]}


@lru_cache(maxsize=4096)
def _column(name: str) -> str:
    return name if "." in name else _COLUMNS.get(re.sub(r"[^0-9a-z]", "", name.lower()), name)


def _meant(rest: Mapping[str, Any], known: Iterable[str]) -> str:
    """A near miss among the columns that are there; one that is known for what it is, such as revenue, is none."""
    strange = [column for column in list(rest)[:100] if len(column) < 50 and column not in _COLUMNS.values()]
    near = ((column, suggestion(column, known)) for column in strange)
    return next((f"; {hint.removesuffix('?')} where it says \"{column}\"?" for column, hint in near if hint), "")


# --- who -------------------------------------------------------------------------------------------------


def _ids(rest: dict[str, Any]) -> dict[str, str]:
    """Ids by kind, taken out of the row; of e-mail addresses only the hash stays."""
    ids: dict[str, str] = {}
    nested = rest.pop("ids", None)
    given = {**(nested if isinstance(nested, dict) else {})}
    for column in list(rest):
        kind = _WHO.get(column) or (column.removeprefix("ids.") if column.startswith("ids.") else "")
        if kind:
            given[kind] = rest.pop(column)
    for kind, value in given.items():
        text = tidy_id(value)
        if text and re.fullmatch(r"[a-z][a-z0-9_]{0,29}", kind):
            ids[kind] = external_id("email", text).partition(":")[2] if kind == "email" else text
    return ids


def _visitor(ids: Mapping[str, str]) -> str:
    """The id that the event stands under: the browser's own, else the user's, else the first other."""
    kind = next((k for k in ("anonymous_id", "user_id") if k in ids), next(iter(ids)))
    if kind == "anonymous_id" and "user_id" in ids and not OWN_ID.fullmatch(ids[kind]):
        kind = "user_id"
    return _named(kind, ids[kind])


def _named(kind: str, value: str) -> str:
    if kind == "anonymous_id":
        return value if OWN_ID.fullmatch(value) else f"a:{value}"
    return f"u:{value}" if kind == "user_id" else f"{kind}:{value}"


# --- what ------------------------------------------------------------------------------------------------


def _split(rest: Mapping[str, Any], name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    traits: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    for column, value in rest.items():
        if column in ("traits", "properties") and isinstance(value, dict):
            (traits if column == "traits" else properties).update(value)
        elif column.startswith("traits."):
            traits[column.removeprefix("traits.")] = _value(value)
        elif column.startswith("properties.") or name != "User Identified":
            properties[column.removeprefix("properties.")] = _listed(column, value)
        else:
            traits[column] = _value(value)
    # What only the middleware and the collector write about themselves cannot be imported.
    properties = {k: v for k, v in properties.items() if not k.startswith("$") and k not in ("shown", "counted", "gpc")}
    return traits, properties


def _listed(column: str, value: Any) -> Any:
    """An order's products in one cell: JSON, or ids with "|" between them."""
    if column.removeprefix("properties.") not in ("products", "items") or not isinstance(value, str):
        return _value(value)
    try:
        products = json.loads(value)
    except (ValueError, RecursionError):
        products = None
    return products if isinstance(products, list) else [part.strip() for part in value.split("|") if part.strip()]


def _value(value: Any) -> Any:
    """A cell that is a plain number, true or false is that; what has a leading zero or a plus is a text."""
    if not isinstance(value, str):
        return value
    text = tidy_text(value.strip())
    if text in ("true", "false"):
        return text == "true"
    if _NUMBER.fullmatch(text):
        return float(text) if "." in text else int(text)
    return text


def _event_id(own: str, name: str, time: float, visitor: str, properties: Mapping[str, Any]) -> str:
    """Its own id, or the order's as the collector makes it, or a hash of all that the row says but for whose data it is
    (so that a file imported again under another name counts once)."""
    order = tidy_id(properties.get("order_id"))
    if name == "Order Completed" and order:
        return f"o:{order}"
    if own:
        return f"i:{own}"
    said = {key: value for key, value in properties.items() if key != "provenance"}
    content = json.dumps([name, time, visitor, said], sort_keys=True, separators=(",", ":"))
    return f"i:{hashlib.sha256(content.encode()).hexdigest()[:40]}"


def _take(rest: dict[str, Any], names: tuple[str, ...]) -> Any:
    """The first of these columns; it is no property then."""
    return next((rest.pop(name) for name in names if rest.get(name) not in (None, "")), None)


def _text(value: Any) -> str:
    return tidy_text(value).strip()[:200] if isinstance(value, str) else ""
