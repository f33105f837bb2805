"""Tokens in forms, so that no other site can send them in the visitor's name: signed, per visitor, short-lived."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from itsdangerous import Signer

_SALT: Final = b"personalize.form"
_HOUR: Final = 3600.0
_HOURS: Final = 12  # for how long a form that was opened can be sent
_SHAPE: Final = re.compile(r"([0-9]{1,9})\.([A-Za-z0-9_-]{43})")


class FormTokens:
    """Makes and checks them. A token says nothing of the visitor it was made for."""

    def __init__(self, keys: Sequence[str]) -> None:
        from itsdangerous import Signer

        self._signers: list[Signer] = [
            Signer(key, salt=_SALT, key_derivation="hmac", digest_method=hashlib.sha256) for key in keys
        ]

    def make(self, visitor: str, now: float) -> str:
        """A token for the forms of one visitor's page ("" for somebody without an id)."""
        hour = int(now // _HOUR)
        return f"{hour}.{self._signers[0].get_signature(f'{hour}.{visitor}').decode('ascii')}"

    def holds(self, token: str, visitor: str, now: float) -> bool:
        """Whether the token was made here, for this visitor, not long ago."""
        found = _SHAPE.fullmatch(token)
        if found is None or not 0 <= int(now // _HOUR) - int(found[1]) <= _HOURS:
            return False
        signature = found[2].encode("ascii")
        return any(signer.verify_signature(f"{found[1]}.{visitor}".encode(), signature) for signer in self._signers)
