"""A request's body, as a client sent it, to the texts of its events.

The body is cut at the brackets of JSON, and each event is parsed by itself: one that is too large, too deep or broken
costs no other, and no single step holds the event loop for long (measured in benchmarks/collector.py).

Rule 1  What is refused as a whole (CollectError) is what cannot be cut into events: no JSON object, or too much of it.
Rule 2  Text is read leniently where JSON's writers differ: bytes that are no UTF-8 become U+FFFD, NaN becomes null.
"""

from __future__ import annotations

import asyncio
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..asgi import Receive
from ..errors import CollectError

MOST_OF_A_BODY: Final = 500 * 1024  # bytes, compressed or not
MOST_OF_AN_EVENT: Final = 32 * 1024
_MOST_OF_A_FRAME: Final = 64 * 1024  # characters around the events
_MOST_BRACKETS: Final = 100_000
GZIP: Final = b"\x1f\x8b"  # how a gzip body begins
_MOST_MEMBERS: Final = 64  # of a gzip body (RFC 1952, 2.2)
_PATIENCE: Final = 30.0  # seconds in which a body must come
_QUICK: Final = 128 * 1024  # characters that are parsed without a pause: under five milliseconds
_SLICE: Final = 2_000  # brackets between two turns of other tasks: about a millisecond

# Up to the next bracket that is not in a string. Possessive, so that broken text costs no more than its length.
_BRACKET: Final = re.compile(r'(?:[^"{}\[\]]++|"(?:[^"\\]++|\\.)*+")*+([{}\[\]])', re.DOTALL)
_BEGIN: Final = re.compile(r'[ \t\r\n]*\{[ \t\r\n]*"batch"[ \t\r\n]*:[ \t\r\n]*\[[ \t\r\n]*')
_BETWEEN: Final = re.compile(r"[ \t\r\n]*([,\]])[ \t\r\n]*")
_CHARSET: Final = re.compile(rb"charset=\"?([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)
_BATCH: Final = re.compile(r'(?<!\\)"batch"\s*:\s*\Z')


async def read_body(receive: Receive, headers: Mapping[bytes, bytes], most: int = MOST_OF_A_BODY) -> bytes | None:
    """The whole body, decoded, of `most` bytes; None if the client left before its end. Raises CollectError."""
    declared = headers.get(b"content-length", b"0")
    if declared.isdigit() and len(declared) < 20 and int(declared) > most:
        raise _too_large(most)
    try:
        async with asyncio.timeout(_PATIENCE):
            body = await _gathered(receive, most)
    except TimeoutError:
        raise CollectError(408, "too_slow", "the body did not come in time") from None
    if body is None:
        return None
    coding = headers.get(b"content-encoding", b"").strip().lower()
    if not coding and body.startswith(GZIP):
        coding = b"gzip"  # some say so in the query only, and some proxies take the header away
    body = inflated(body, coding, most)
    return _as_utf8(body, headers.get(b"content-type", b""))


async def _gathered(receive: Receive, most: int) -> bytes | None:
    chunks: list[bytes] = []
    length = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunk = message.get("body", b"")
        length += len(chunk)
        if length > most:
            raise _too_large(most)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


def _as_utf8(body: bytes, content_type: bytes) -> bytes:
    """JSON is UTF-8; what is in UTF-16, has a byte order mark, or is in the older charset that its header names is
    made that."""
    coding: str = json.detect_encoding(body)
    if coding == "utf-8":
        named = _CHARSET.search(content_type)
        if named is None or named[1].lower() in (b"utf-8", b"utf8"):
            return body
        try:
            body.decode()
            return body
        except UnicodeDecodeError:
            coding = named[1].decode("ascii")
    try:
        return body.decode(coding, "replace").encode("utf-8", "replace") or body
    except LookupError:
        return body


def inflated(body: bytes, coding: bytes, most: int = MOST_OF_A_BODY) -> bytes:
    """Undo the content coding, under the cap: a bomb of a few kilobytes stops at the cap's first byte too many."""
    if coding in (b"", b"identity"):
        return body
    if coding not in (b"gzip", b"x-gzip", b"deflate"):
        raise CollectError(415, "unsupported_encoding", "bodies may be sent as they are, with gzip or with deflate")
    out = b""
    for _ in range(_MOST_MEMBERS):
        # 32 + 15: a gzip or a zlib head, whichever is there; -15: neither, as some understand "deflate".
        raw = coding == b"deflate" and not (len(body) > 1 and body[0] & 15 == 8 and (body[0] << 8 | body[1]) % 31 == 0)
        machine = zlib.decompressobj(-15 if raw else 47)
        try:
            out += machine.decompress(body, most + 1 - len(out))
        except zlib.error:
            raise CollectError(400, "bad_encoding", "the body is not what its Content-Encoding says") from None
        if len(out) > most:
            raise _too_large(most)
        body = machine.unused_data
        if not machine.eof or not body.startswith(GZIP):
            break
    if not machine.eof or body:
        raise CollectError(400, "bad_encoding", "the compressed body is cut off, or something follows it")
    return out


def _too_large(most: int) -> CollectError:
    return CollectError(413, "too_large", f"a body may have {most // 1024} KB here; a batch is sent in parts")


def _bad_json() -> CollectError:
    return CollectError(400, "bad_json", "the body is not a JSON object")


# --- a batch -------------------------------------------------------------------------------------------


Piece = dict[str, Any] | str  # an event, parsed, or its text where it is still to be parsed
Pieces = tuple[dict[str, Any], list[Piece], Sequence[int]]


async def read_batch(body: bytes) -> Pieces:
    """What stands around the batch (its keys but "batch"), the events in it, and the places of elements that
    are no events at all (numbers, texts). Raises CollectError."""
    text = body.decode("utf-8", "replace")
    read = read_quickly(text) if len(text) <= _QUICK else None
    return await cut_batch(text) if read is None else read


def read_quickly(text: str) -> Pieces | None:
    """The usual batch, of moderate length and without a fault, event by event at the parser's own speed. None for any
    other, which is then cut with care."""
    found = _BEGIN.match(text)
    if found is None:
        return None
    events: list[Piece] = []
    position = found.end()
    try:
        while text[position] == "{":
            event, end = _DECODER.raw_decode(text, position)
            events.append(event if end - position <= MOST_OF_AN_EVENT // 4 else text[position:end])
            if text[end] == ",":  # as nearly all write it: the next one follows at once, or after a space
                position = end + 2 if text[end + 1] == " " else end + 1
                if text[position] == "{":
                    continue
            between = _BETWEEN.match(text, end)
            if between is None:
                return None
            position = between.end()
            if between[1] == "]":
                around = _DECODER.decode('{"batch":0' + text[position:])
                return None if around.pop("batch") != 0 else (around, events, ())
    except (ValueError, RecursionError, IndexError):
        pass
    return None


async def cut_batch(text: str) -> Pieces:
    """The same for every text: the events are found by their brackets, and parsed later."""
    events: list[Piece] = []
    frame: list[str] = []  # the text with an empty list in the place of every event
    taken = depth = position = brackets = 0
    in_batch = False
    while found := _BRACKET.match(text, position):
        end = found.end()
        if found[1] in "{[":
            if in_batch and depth == 2:
                frame.append(text[taken : end - 1])
                taken = end - 1
            elif depth == 1 and found[1] == "[" and _BATCH.search(text, max(position, end - 257), end - 1):
                in_batch = True
            depth += 1
        else:
            depth -= 1
            if depth <= 0:
                position = end
                break
            if in_batch and depth == 2:
                events.append(text[taken:end])
                frame.append("[]")
                taken = end
            elif depth == 1:
                in_batch = False
        position = end
        brackets += 1
        if brackets % _SLICE == 0:
            if brackets > _MOST_BRACKETS:
                raise CollectError(413, "too_complex", "the body has too many objects and lists")
            await asyncio.sleep(0)
    if depth != 0 or text[position:].strip():
        raise _bad_json()
    frame.append(text[taken:position])
    around = "".join(frame)
    if len(around) > _MOST_OF_A_FRAME:
        raise CollectError(413, "too_large", "there is too much beside the events")
    envelope = read_json(around)
    if not isinstance(envelope, dict):
        raise _bad_json()
    elements = envelope.pop("batch", [])
    if not isinstance(elements, list):
        raise CollectError(400, "bad_json", '"batch" is no list')
    others = [place for place, element in enumerate(elements) if not isinstance(element, list)]
    return envelope, events, others


# --- JSON ----------------------------------------------------------------------------------------------


def read_json(text: str) -> Any:
    """Parse leniently: raw control characters in strings, NaN and infinities (as null), numbers of any length.
    Raises CollectError, with the code "too_deep" for what is nested too deep."""
    try:
        try:
            return _DECODER.decode(text)
        except json.JSONDecodeError:
            raise
        except ValueError:  # Python refuses integers of more than 4,300 digits
            return _DECODER_OF_LONG_NUMBERS.decode(text)
    except RecursionError:
        raise CollectError(400, "too_deep", "the JSON is nested too deep") from None
    except ValueError:
        raise _bad_json() from None


def _nothing(_: str) -> None:
    return None


def _short_integer(text: str) -> int | None:
    return int(text) if len(text) < 400 else None


_DECODER: Final = json.JSONDecoder(strict=False, parse_constant=_nothing)
_DECODER_OF_LONG_NUMBERS: Final = json.JSONDecoder(strict=False, parse_constant=_nothing, parse_int=_short_integer)
