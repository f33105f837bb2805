"""What a visitor allows: the site's consent cookie and the browser's `Sec-GPC: 1`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
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
_HOLDERS: Final = frozenset({"consent", "categories", "purposes", "preferences"})  # under which banners keep answers
_SIGNS: Final = frozenset("{[=:,")
_PAIR: Final = re.compile(r"""(?:^|[{,;&|=])\s*["']?([\w.-]+)["']?\s*[:=]\s*["']?(\w+)(?=["']?\s*(?:[},;&|]|$))""")
_LONGEST: Final = 2048  # bytes; a longer consent cookie is unreadable, so it denies


def granted_by(rules: ConsentRules, value: bytes) -> frozenset[str]:
    """The purposes granted by a consent cookie's value; empty for what can't be read.

    Read, percent-encoded or not: "granted" or "all", "denied"; a list of names ("analytics_storage,
    personalization_storage"); an object ({"personalization_storage": "granted"}), also with the names under
    "categories" and the like; pairs in any dress ("personalization_storage=granted&ad_storage=denied",
    "analytics:yes,advertisement:no", "groups=C0001:1,C0002:0", "{statistics:true,marketing:false}"). Names are purposes
    of Google Consent Mode, or the config's categories.
    """
    if len(value) > _LONGEST:
        return NONE
    yes = _parse(value)
    return ALL if yes is ALL else rules.granted_by(yes)


@lru_cache(maxsize=1024)
def _parse(value: bytes) -> frozenset[str]:
    """The names that are answered with yes; ALL itself for a yes to everything."""
    try:
        text = unquote_to_bytes(value).decode()
        if "%" in text and not _SIGNS.intersection(text):  # written by one that encodes, through another that does
            text = unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        return NONE
    text = text.strip().strip('"').strip()
    word = text.lower()
    if word in _YES:
        return ALL
    if word in _NO:
        return NONE
    if text.startswith(("{", "[")) and (found := _of_json(text)) is not None:
        return found
    if pairs := _PAIR.findall(text):
        return _of_pairs(pairs)
    return NONE if text.startswith(("{", "[")) else frozenset(text.replace("|", ",").replace(" ", ",").split(","))


def _of_json(text: str) -> frozenset[str] | None:
    try:
        told = json.loads(text.replace('\\"', '"'), object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        return None
    pairs: list[tuple[str, Any]] = []
    waiting = [told] if isinstance(told, _Pairs) else []
    for pair_list in waiting:
        for name, answer in pair_list:
            if name in _HOLDERS and isinstance(answer, _Pairs):
                waiting.append(answer)
            elif name in _HOLDERS and isinstance(answer, list):
                pairs += [(one, True) for one in answer if isinstance(one, str)]
            else:
                pairs.append((name, answer))
    return _of_pairs(pairs)


class _Pairs(list[tuple[str, Any]]):
    """An object of JSON, with names that come twice."""


def _of_pairs(answers: Iterable[tuple[str, Any]]) -> frozenset[str]:
    """Only a plain yes grants: what is missing, misspelt, of another type or said both ways is a no."""
    yes: set[str] = set()
    no: set[str] = set()
    for name, answer in answers:
        (yes if _is_yes(answer) else no).add(name)
    return frozenset(yes - no)


def _is_yes(answer: object) -> bool:
    return answer is True or (isinstance(answer, str) and answer.lower() in _YES)


def consent_of(rules: ConsentRules, cookie: bytes | None, gpc: bool) -> Consent:
    """The visitor's consent; `cookie` is the consent cookie's value, None where none came."""
    if cookie is None:
        granted = ALL if rules.default == "granted" else NONE
    else:
        granted = granted_by(rules, cookie)
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
