"""One reader per config: who is asking, and the facts about the request that rules ask for, one by one."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from ..config.models import Site
from ..model import PURPOSES, Consent, Request, Visitor
from . import context, device
from .bots import is_bot
from .consent import consent_of, turned_off
from .forms import FormTokens
from .identity import IdCookie, Proven

FactReader = Callable[[Request, float, Visitor], Any]

_LOOPBACK: Final = re.compile(rb"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]*)?", re.IGNORECASE)
_LONGEST_REMEMBERED: Final = 2048  # bytes of a Cookie header
_MOST_REMEMBERED: Final = 2048  # Cookie headers
_MOST_CANDIDATES: Final = 8  # id cookies of one request whose signature is tried


@dataclass(frozen=True, slots=True)
class _Known:
    """What the Cookie header says, whatever the time. `visitor` is right for as long as `now` < `until`."""

    visitor: Visitor
    until: float
    proven: Proven | None


class VisitorReader:
    """Headers -> Visitor and facts, for one site. Holds nothing but memories of pure functions.

    `keys`: the first signs, all verify. `new_id` gives an unguessable new id of letters, digits, "-" and "_".
    `facts` are the names that `reader` knows. Raises ValueError without keys, ZoneInfoNotFoundError for a
    timezone that does not exist.
    """

    def __init__(self, site: Site, keys: Sequence[str], timezone: str, *, new_id: Callable[[], str]) -> None:
        self._rules = site.consent
        self._new_id = new_id
        self._zone = ZoneInfo(timezone)
        self._geo_headers = tuple(name.lower().encode("latin-1", "replace") for name in site.geo_headers)
        self.forms = FormTokens(keys)
        self._cookie = IdCookie(site.cookie, keys)
        self._pattern = {plain: self._cookie_pattern(plain) for plain in (False, True)}
        self._remembered = lru_cache(_MOST_REMEMBERED)(self._know)
        self._bots = {gpc: Visitor(None, consent_of(self._rules, None, gpc), bot=True) for gpc in (False, True)}
        self._readers = self._make_readers()
        self.facts = frozenset(self._readers)

    # --- who -----------------------------------------------------------------------------------------

    def identify(self, request: Request, now: float) -> Visitor:
        """Who is asking. Never raises, whatever the headers hold: what can't be believed is a newcomer's."""
        get = request.headers.get
        gpc = get(b"sec-gpc") == b"1"
        if is_bot(get(b"user-agent", b"")):
            return self._bots[gpc]
        plain = _is_plain(request)
        cookies = get(b"cookie", b"")
        know = self._remembered if len(cookies) <= _LONGEST_REMEMBERED else self._know
        known = know(cookies, gpc, plain)
        return known.visitor if now < known.until else self._renewed(known, now, plain)

    def _know(self, cookies: bytes, gpc: bool, plain: bool) -> _Known:
        """All that does not depend on the time, in one value to remember."""
        consent_cookie, off, candidates = self._split(cookies, plain)
        consent = consent_of(self._rules, consent_cookie, gpc)
        if off:
            consent = turned_off(consent)
        proven = next(filter(None, map(self._cookie.prove, candidates)), None)
        forged = bool(candidates) and proven is None
        if not consent.allows("personalization_storage"):
            # Whoever withdraws consent, objects by GPC or turned personalization off loses the id that came before.
            forget = self._cookie.expire(plain) if candidates else None
            return _Known(Visitor(None, consent, set_cookie=forget, forged=forged, off=off), float("inf"), None)
        if proven is None:
            return _Known(Visitor(None, consent, forged=forged), 0.0, None)
        return _Known(Visitor(proven.id, consent), self._cookie.renewal(proven), proven)

    def _renewed(self, known: _Known, now: float, plain: bool) -> Visitor:
        """A visitor who gets an id cookie with this response: a newcomer, or one whose cookie grows old."""
        consent, proven = known.visitor.consent, known.proven
        if proven is not None and now < self._cookie.ends(proven):
            return Visitor(proven.id, consent, set_cookie=self._cookie.issue(proven.id, now, plain))
        name = self._new_id()
        issued = self._cookie.issue(name, now, plain)
        return Visitor(name, consent, fresh=True, set_cookie=issued, forged=known.visitor.forged)

    def proven(self, request: Request, now: float) -> str | None:
        """The id that the request's cookie proves, also of somebody who has withdrawn consent or turned
        personalization off meanwhile: who may no longer be looked up may still see and erase what is known."""
        _, _, candidates = self._split(request.headers.get(b"cookie", b""), _is_plain(request))
        for proven in filter(None, map(self._cookie.prove, candidates)):
            if now < self._cookie.ends(proven):
                return proven.id
        return None

    def turn(self, off: bool, request: Request) -> list[bytes]:
        """Set-Cookie values that turn personalization off in this browser and forget its id, or turn it on again."""
        plain = _is_plain(request)
        return [self._cookie.turn(off, plain), *([self._cookie.expire(plain)] if off else [])]

    def forget(self, request: Request) -> bytes:
        """A Set-Cookie value that makes this browser forget its id."""
        return self._cookie.expire(_is_plain(request))

    def _cookie_pattern(self, plain: bool) -> re.Pattern[bytes]:
        names = (self._cookie.name(plain), self._rules.cookie, self._cookie.off_name(plain))
        pattern = r"(?:^|;)[ \t]*(?:(?:{})|({})|({}))[ \t]*=([^;]*)".format(*map(re.escape, names))
        return re.compile(pattern.encode("latin-1", "replace"))

    def _split(self, cookies: bytes, plain: bool) -> tuple[bytes | None, bool, list[bytes]]:
        """The first consent cookie's value, whether personalization was turned off, and the values of the first id
        cookies. Unlike http.cookies, which gives up at the first odd pair, this only looks for its own (RFC 6265, 5.4
        and 4.2.2)."""
        consent: bytes | None = None
        off = False
        candidates: list[bytes] = []
        for found in self._pattern[plain].finditer(cookies):
            value = found[3].strip(b' \t"')
            if found[2] is not None:
                off = off or value == b"1"
            elif found[1] is None:
                if len(candidates) < _MOST_CANDIDATES:
                    candidates.append(value)
            elif consent is None:
                consent = value
        return consent, off, candidates

    # --- what ----------------------------------------------------------------------------------------

    def reader(self, fact: str) -> FactReader:
        """The function that reads one top-level fact; what is dear to load for it is loaded here, so that no
        visitor waits for it. Raises KeyError for a fact that is not in `facts`."""
        if fact == "device":
            device.load()
        return self._readers[fact]

    def read(self, fact: str, request: Request, now: float, visitor: Visitor) -> Any:
        """One top-level fact: a string, None where nothing is told, or a dict that must not be changed."""
        return self._readers[fact](request, now, visitor)

    def _make_readers(self) -> dict[str, FactReader]:
        zone, geo_headers = self._zone, self._geo_headers
        return {
            "path": lambda request, now, visitor: request.path,
            "query": lambda request, now, visitor: context.query_of(request.query),
            "params": lambda request, now, visitor: request.params,
            "custom": lambda request, now, visitor: request.attributes,
            "host": lambda request, now, visitor: context.host_of(request.host),
            "utm": lambda request, now, visitor: context.utm_of(request.query),
            "referrer": lambda request, now, visitor: context.referrer_of(request.headers.get(b"referer", b"")),
            "language": lambda request, now, visitor: context.language_of(request.headers.get(b"accept-language", b"")),
            "locale": lambda request, now, visitor: context.locale_of(request.headers.get(b"accept-language", b"")),
            "country": lambda request, now, visitor: context.country_of(request.headers, geo_headers),
            "device": lambda request, now, visitor: device.device_of(request.headers.get(b"user-agent", b"")),
            "time": lambda request, now, visitor: context.time_of(int(now // 60), zone),
            "consent": lambda request, now, visitor: consent_fact(visitor.consent),
        }


def _is_plain(request: Request) -> bool:
    """Over http on this very machine, where browsers take no Secure cookie."""
    return request.scheme == "http" and _LOOPBACK.fullmatch(request.headers.get(b"host", b"")) is not None


@lru_cache(maxsize=256)
def consent_fact(consent: Consent) -> dict[str, bool]:
    """Every purpose by name, and "gpc", as yes or no."""
    return {**{purpose: purpose in consent.granted for purpose in PURPOSES}, "gpc": consent.gpc}
