"""A backend's answer, judged and turned into a Fragment.

Bodies are asked for uncoded (`Accept-Encoding: identity`: fragments are small and near). A backend that gzips all the
same is inflated step by step under the same cap; any other coding is refused.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from email.message import Message
from typing import Any

from ..errors import BadFragment, SourceUnavailable
from ..model import Fragment

LARGEST = 256 * 1024  # bytes of a body, decoded
_DEEPEST = 20  # levels of JSON
_NOTHING_THERE = (404, 410)


def judge(status: int, headers: Mapping[str, str]) -> None:
    """Raises SourceUnavailable for an answer that is none, BadFragment for a redirect or a body that is too large."""
    if status in (429, 503):
        raise SourceUnavailable(f"answered {status}", retry_after=_seconds(headers.get("retry-after", "")))
    if 300 <= status < 400:
        raise BadFragment(f"answered {status}, a redirect; redirects are not followed")
    if status != 200:
        raise SourceUnavailable(f"answered {status}", sick=status not in _NOTHING_THERE)
    if headers.get("content-length", "").isdigit() and int(headers["content-length"]) > LARGEST:
        raise BadFragment(f"answered with more than {LARGEST // 1024} KB")


def _seconds(text: str) -> float:
    """Retry-After in seconds (RFC 9110, 10.2.3); a date is taken as the longest pause that is honoured."""
    text = text.strip()
    if text.isdigit():
        return float(text[:6])
    return 60.0 if text else 0.0


class Body:
    """Collects a body's chunks, inflating gzip, and refuses more than 256 KB as soon as it is there."""

    def __init__(self, coding: str) -> None:
        coding = coding.strip().lower()
        if coding not in ("", "identity", "gzip", "x-gzip"):
            raise BadFragment(f"answered with the coding {coding[:40]}; only identity and gzip are read")
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 16) if coding in ("gzip", "x-gzip") else None
        self._parts: list[bytes] = []
        self._room = LARGEST

    def feed(self, chunk: bytes) -> None:
        if self._inflate is not None:
            try:
                chunk = self._inflate.decompress(chunk, self._room + 1)
            except zlib.error as error:
                raise BadFragment(f"answered with broken gzip: {error}") from error
        self._room -= len(chunk)
        if self._room < 0:
            raise BadFragment(f"answered with more than {LARGEST // 1024} KB")
        self._parts.append(chunk)

    def end(self) -> bytes:
        if self._inflate is not None and not self._inflate.eof:
            raise BadFragment("answered with gzip that ends too early")
        return b"".join(self._parts)


def fragment(content_type: str, body: bytes) -> Fragment:
    """text/html is the content itself; application/json is {"html": ...} or values for the slot's template."""
    parsed = Message()
    parsed["content-type"] = content_type
    kind = parsed.get_content_type() if content_type else ""
    try:
        text = body.decode(str(parsed.get_content_charset("utf-8")))
    except (LookupError, UnicodeDecodeError) as error:
        raise BadFragment(f"answered with text that cannot be read: {error}") from error
    if kind == "text/html":
        return Fragment(html=text)
    if kind == "application/json":
        return _of_json(text)
    given = content_type[:80] or "no content type"
    raise BadFragment(f"answered with {given}; text/html or application/json is needed")


def _of_json(text: str) -> Fragment:
    try:
        data: Any = json.loads(text, parse_constant=_refuse)
    except RecursionError as error:
        raise BadFragment(f"answered with JSON nested more than {_DEEPEST} deep") from error
    except ValueError as error:
        raise BadFragment(f"answered with bad JSON: {error}") from error
    if not isinstance(data, dict):
        raise BadFragment("answered with JSON that is no object")
    if _deeper(data, _DEEPEST):
        raise BadFragment(f"answered with JSON nested more than {_DEEPEST} deep")
    html = data.pop("html", None)
    if html is not None and not isinstance(html, str):
        raise BadFragment('answered with an "html" that is no text')
    if "items" in data and not (isinstance(data["items"], list) and all(isinstance(i, dict) for i in data["items"])):
        raise BadFragment('answered with "items" that are no list of objects')
    return Fragment(html=html, values=data)


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def _deeper(value: Any, levels: int) -> bool:
    if isinstance(value, dict | list) and levels == 0:
        return True
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(_deeper(part, levels - 1) for part in parts)
