"""Preview links: what a page is to be shown as, signed and short-lived, so that only the site itself can ask."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from itsdangerous import TimestampSigner

_SALT: Final = b"personalize.preview"
_LONGEST: Final = 4096  # characters of a token
_AHEAD: Final = 60.0  # seconds by which the clock of who made a link may be ahead


@dataclass(frozen=True, slots=True)
class Preview:
    """Whom a page is shown as. Experiences are named "slot/experience"."""

    segments: tuple[str, ...] = ()  # memberships besides those that the request itself gives
    device: str | None = None  # mobile | tablet | desktop | bot; None: the browser's own
    consent: tuple[str, ...] | None = None  # purposes granted; None: all
    variants: tuple[tuple[str, str], ...] = ()  # experience -> variant ("" for the only one), whatever its rules say
    drafts: tuple[str, ...] = ()  # experiences taken as live, their rules asked
    at: float | None = None  # the moment (Unix seconds); None: now
    path: str | None = None  # the page it is a preview of; None: any


class PreviewTokens:
    """Makes and reads them. Keys as for the id cookie: the first signs, all verify."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = tuple(keys)

    def make(self, preview: Preview, now: float, seconds: float) -> str:
        """A token that holds for `seconds` from `now` on."""
        told = {name: value for name, value in asdict(preview).items() if value not in ((), None)}
        if preview.consent is not None:
            told["consent"] = preview.consent
        text = json.dumps({**told, "for": seconds}, separators=(",", ":")).encode()
        return _signer(self._keys[0], now).sign(base64.urlsafe_b64encode(text).rstrip(b"=")).decode("ascii")

    def read(self, token: str, now: float, path: str) -> Preview | None:
        """What was signed; None for a token that was not made here, has expired, or is for another page than `path`."""
        from itsdangerous import BadData

        if len(token) > _LONGEST or not token.isascii():
            return None
        for key in self._keys:
            try:
                text, made = _signer(key, now).unsign(token, return_timestamp=True)
            except BadData:
                continue
            try:
                told = json.loads(base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4)))
            except (binascii.Error, ValueError):
                return None
            if told.get("path") not in (None, path):
                return None
            return _preview(told) if -_AHEAD <= now - made.timestamp() <= told.pop("for") else None
        return None


def _preview(told: dict[str, Any]) -> Preview:
    for name in ("segments", "consent", "drafts"):
        if name in told:
            told[name] = tuple(told[name])
    told["variants"] = tuple((experience, variant) for experience, variant in told.get("variants", ()))
    return Preview(**told)


def _signer(key: str, now: float) -> TimestampSigner:
    from itsdangerous import TimestampSigner

    class At(TimestampSigner):
        def get_timestamp(self) -> int:
            return int(now)

    return At(key, salt=_SALT, key_derivation="hmac", digest_method=hashlib.sha256)
