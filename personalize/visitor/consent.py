"""What a visitor allows: the site's consent cookie and the browser's `Sec-GPC: 1`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from ..config.models import ConsentRules
from ..model import PURPOSES, Consent

ALL: Final = frozenset(PURPOSES)
NONE: Final[frozenset[str]] = frozenset()

_YES: Final = frozenset({"granted", "all", "true", "1", "yes", "allow", "accepted"})
_NO: Final = frozenset({"denied", "none", "false", "0", "no", "deny", "rejected", ""})
# Global Privacy Control objects to being profiled, not to what the page needs in order to work (W3C GPC, section 2).
_BESIDES_GPC: Final = frozenset({"functionality_storage", "security_storage"})
_PERSONAL: Final = frozenset({"personalization_storage", "ad_personalization"})
_LONGEST: Final = 2048  # bytes; a longer consent cookie is unreadable, so it denies


def granted_by(value: bytes) -> frozenset[str]:
    """The purposes granted by a consent cookie's value; empty for what can't be read.

    Read, percent-encoded or not: "granted" or "all", "denied"; a list of purposes ("analytics_storage,
    personalization_storage"); Google Consent Mode's object ({"personalization_storage": "granted"}); the same as
    a form ("personalization_storage=granted&ad_storage=denied").
    """
    return _parse(value) if len(value) <= _LONGEST else NONE


@lru_cache(maxsize=1024)
def _parse(value: bytes) -> frozenset[str]:
    try:
        text = unquote_to_bytes(value).decode().strip().strip('"').strip()
    except UnicodeDecodeError:
        return NONE
    word = text.lower()
    if word in _YES:
        return ALL
    if word in _NO:
        return NONE
    if text.startswith("{"):
        return _of_object(text)
    if "=" in text:
        pairs = (part.partition("=") for part in text.replace(",", "&").replace(";", "&").split("&"))
        return _of_pairs({name.strip(): answer.strip() for name, _, answer in pairs})
    return frozenset(text.replace("|", ",").replace(" ", ",").split(",")) & ALL


def _of_object(text: str) -> frozenset[str]:
    try:
        answers = json.loads(text.replace('\\"', '"'))
    except (ValueError, RecursionError):
        return NONE
    return _of_pairs(answers) if isinstance(answers, dict) else NONE


def _of_pairs(answers: Mapping[str, Any]) -> frozenset[str]:
    """Only a plain yes grants: what is missing, misspelt or of another type is a no."""
    return frozenset(purpose for purpose, answer in answers.items() if _is_yes(answer)) & ALL


def _is_yes(answer: object) -> bool:
    return answer is True or (isinstance(answer, str) and answer.lower() in _YES)


def consent_of(rules: ConsentRules, cookie: bytes | None, gpc: bool) -> Consent:
    """The visitor's consent; `cookie` is the consent cookie's value, None where none came."""
    if cookie is None:
        granted = ALL if rules.default == "granted" else NONE
    else:
        granted = granted_by(cookie)
    if gpc and rules.honour_gpc:
        granted &= _BESIDES_GPC
    return _consent(granted, gpc)


@lru_cache(maxsize=256)
def _consent(granted: frozenset[str], gpc: bool) -> Consent:
    """One object for all visitors who allow the same."""
    return Consent(granted, gpc)


def turned_off(consent: Consent) -> Consent:
    """The same for a visitor who turned personalization off: that counts as refused, whatever else was granted."""
    return _consent(consent.granted - _PERSONAL, consent.gpc)
