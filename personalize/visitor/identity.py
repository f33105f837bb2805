"""The id cookie: `<id>.<day of issue>.<signature>`, signed by itsdangerous, believed only in that exact shape.

Only a full match of the shape is verified at all, because base64 has several texts for the same bytes: of the
last character only those are taken that leave its two unused bits at zero, so that no second spelling of a
valid cookie exists.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from ..config.models import Cookie

if TYPE_CHECKING:
    from itsdangerous import Signer

DAY: Final = 86_400.0
_MOST_REMEMBERED: Final = 2048  # cookies
_SALT: Final = b"personalize.visitor"
_SHAPE: Final = re.compile(rb"([A-Za-z0-9_-]{1,64})\.([0-9]{1,7})\.[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Proven:
    """An id whose signature is right. `day` counts from 1970; `newest_key` says whether the first key signed."""

    id: str
    day: int
    newest_key: bool


class IdCookie:
    """Reads and writes the id cookie of one site. `plain` is the cookie without `__Host-` and Secure, for http
    on this very machine, where browsers take no other."""

    def __init__(self, cookie: Cookie, keys: Sequence[str]) -> None:
        from itsdangerous import Signer

        if not keys:
            raise ValueError("at least one signing key is needed")
        self._cookie = cookie
        self._signers: list[Signer] = [
            Signer(key, salt=_SALT, key_derivation="hmac", digest_method=hashlib.sha256) for key in keys
        ]
        self._remembered = lru_cache(_MOST_REMEMBERED)(self._prove)

    def name(self, plain: bool) -> str:
        return self._cookie.name if plain else f"__Host-{self._cookie.name}"

    def off_name(self, plain: bool) -> str:
        """The cookie by which a visitor turned personalization off, whatever was consented to."""
        return f"{self.name(plain)}-off"

    def prove(self, text: bytes) -> Proven | None:
        """Who a cookie's value belongs to; None for any text that was not signed here. Signatures are checked
        once per exact text."""
        return self._remembered(text) if _SHAPE.fullmatch(text) else None

    def _prove(self, text: bytes) -> Proven | None:
        for number, signer in enumerate(self._signers):
            if signer.validate(text):
                name, day, _ = text.split(b".")
                return Proven(name.decode("ascii"), int(day), number == 0)
        return None

    def ends(self, proven: Proven) -> float:
        """When the id is no longer taken, whatever the browser still sends."""
        return (proven.day + self._cookie.days + 1) * DAY

    def renewal(self, proven: Proven) -> float:
        """From when on a fresh copy is sent: after half of its lifetime, and at once after a change of keys."""
        return (proven.day + max(1, self._cookie.days // 2)) * DAY if proven.newest_key else 0.0

    def issue(self, visitor: str, now: float, plain: bool) -> bytes:
        """A Set-Cookie value that gives `visitor` to the browser. Raises ValueError for an id that is not 1 to 64
        letters, digits, "-" or "_"."""
        if not _ID.fullmatch(visitor):
            raise ValueError(f"not usable as a visitor id: {visitor!r}")
        value = self._signers[0].sign(f"{visitor}.{int(now // DAY)}").decode("ascii")
        return self._set(value, self._cookie.days * int(DAY), plain)

    def expire(self, plain: bool) -> bytes:
        """A Set-Cookie value that makes the browser forget the id."""
        return self._set("", 0, plain)

    def turn(self, off: bool, plain: bool) -> bytes:
        """A Set-Cookie value that turns personalization off for as long as browsers keep a cookie, or on again."""
        return self._set("1" if off else "", 400 * int(DAY) if off else 0, plain, self.off_name(plain))

    def _set(self, value: str, seconds: int, plain: bool, name: str = "") -> bytes:
        if plain:
            where = "HttpOnly; SameSite=Lax"
        elif self._cookie.partitioned:
            where = "HttpOnly; Secure; SameSite=None; Partitioned"
        else:
            where = "HttpOnly; Secure; SameSite=Lax"
        return f"{name or self.name(plain)}={value}; Path=/; Max-Age={seconds}; {where}".encode("ascii")
