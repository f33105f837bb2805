"""What a request says besides who it is from. Each function is pure; dicts that come back are shared: read only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Final
from urllib.parse import unquote_to_bytes
from zoneinfo import ZoneInfo

_MOST_QUERY_BYTES: Final = 4096
_MOST_QUERY_FIELDS: Final = 64
_LONGEST_VALUE: Final = 256
_LONGEST_LANGUAGES: Final = 512
_UTM: Final = {f"utm_{part}": part for part in ("source", "medium", "campaign", "term", "content", "id")}
_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TAG: Final = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,3}")
_QUALITY: Final = re.compile(r"[01](?:\.[0-9]{0,3})?")
_COUNTRY: Final = re.compile(rb"[A-Za-z]{2}")
_NO_COUNTRY: Final = frozenset({"XX", "ZZ", "AP", "EU"})  # what geo services say for "unknown" or a region
_REFERRER: Final = re.compile(
    rb"https?://(?:[^/?#@\\\s]*@)?(\[[0-9A-Fa-f:.]+\]|[^/?#@:\\\s\[\]]+)(?::[0-9]*)?(?:[/?#]|$)", re.IGNORECASE
)


def query_of(query: bytes) -> Mapping[str, str]:
    """The query's fields, the first value of each: of at most 64 fields in the first 4,096 bytes."""
    return _query(query[:_MOST_QUERY_BYTES]) if query else {}


@lru_cache(maxsize=1024)
def _query(query: bytes) -> Mapping[str, str]:
    fields: dict[str, str] = {}
    for part in query.split(b"&", _MOST_QUERY_FIELDS)[:_MOST_QUERY_FIELDS]:
        name, _, value = part.partition(b"=")
        if part:
            fields.setdefault(_text(name), _text(value))
    return fields


def _text(raw: bytes) -> str:
    return unquote_to_bytes(raw.replace(b"+", b" ")).decode("utf-8", "replace")


def utm_of(query: bytes) -> Mapping[str, str]:
    """{"source", "medium", "campaign", "term", "content", "id"}: those that the query has, cut to 256 characters."""
    return _utm(query[:_MOST_QUERY_BYTES]) if b"utm_" in query else {}


@lru_cache(maxsize=1024)
def _utm(query: bytes) -> Mapping[str, str]:
    fields = query_of(query)
    return {part: fields[field][:_LONGEST_VALUE] for field, part in _UTM.items() if field in fields}


@lru_cache(maxsize=1024)
def referrer_of(referrer: bytes) -> Mapping[str, str]:
    """{"host": name} of the page that led here, in lower case and without port; {} where none is told.
    Paths and queries of other sites are left alone on purpose."""
    found = _REFERRER.match(referrer[:2048])
    return {"host": found[1].decode("latin-1").lower()[:_LONGEST_VALUE]} if found else {}


def host_of(host: str) -> str:
    """The Host header's name in lower case, without port."""
    name, _, port = host.rpartition(":")
    if name and (port.isdigit() or not port) and (":" not in name or name.endswith("]")):
        host = name
    return host.lower()[:_LONGEST_VALUE]


def locale_of(accepted: bytes) -> str | None:
    """The most wanted language tag ("tr-TR") of an Accept-Language header (RFC 9110, 12.5.4); None if none is named."""
    return _locale(accepted[:_LONGEST_LANGUAGES])


@lru_cache(maxsize=1024)
def _locale(accepted: bytes) -> str | None:
    best, best_quality = None, 0.0
    for part in accepted.decode("latin-1").split(","):
        tag, _, parameters = part.partition(";")
        tag = tag.strip()
        quality = _quality(parameters)
        if quality > best_quality and _TAG.fullmatch(tag):
            best, best_quality = tag, quality
    return None if best is None else _canonical(best)


def _quality(parameters: str) -> float:
    name, _, value = parameters.partition(";")[0].partition("=")
    if not name.strip():
        return 1.0
    found = _QUALITY.fullmatch(value.strip())
    return min(1.0, float(found[0])) if found and name.strip().lower() == "q" else 0.0


def _canonical(tag: str) -> str:
    """Case as RFC 5646 2.1.1 writes it: language small, script capitalized, region large."""
    first, *rest = tag.split("-")
    shaped = [p.upper() if len(p) == 2 else p.title() if len(p) == 4 and p.isalpha() else p.lower() for p in rest]
    return "-".join([first.lower(), *shaped])


def language_of(accepted: bytes) -> str | None:
    """The language alone ("tr") of the most wanted tag."""
    locale = _locale(accepted[:_LONGEST_LANGUAGES])
    return None if locale is None else locale.partition("-")[0]


def country_of(headers: Mapping[bytes, bytes], geo_headers: Iterable[bytes]) -> str | None:
    """Two capital letters (ISO 3166-1) from the first of the geo headers that names a country; else None."""
    for header in geo_headers:
        value = headers.get(header)
        if value is not None and _COUNTRY.fullmatch(value := value.strip()):
            country = value.decode("ascii").upper()
            if country not in _NO_COUNTRY:
                return country
    return None


@lru_cache(maxsize=64)
def time_of(minute: int, zone: ZoneInfo) -> Mapping[str, int | str]:
    """{"hour", "minute", "weekday" ("mon"), "date" ("2026-12-01")} in `zone`; `minute` counts from 1970."""
    local = datetime.fromtimestamp(minute * 60, zone)
    return {
        "hour": local.hour,
        "minute": local.minute,
        "weekday": _WEEKDAYS[local.weekday()],
        "date": local.date().isoformat(),
    }
