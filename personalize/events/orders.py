"""Orders signed by the site: how a browser may tell of an order and be believed.

The site's server puts `sign_order(...)` into the page that thanks for the order, the page's script sends it as the
property `signed` of "Order Completed", and what was signed takes the place of whatever else the event says. An order
counts once, by its `order_id`, whoever sends it and how often.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from itsdangerous import URLSafeSerializer

VARIABLE: Final = "PERSONALIZE_WRITE_KEYS"
_SALT: Final = b"personalize.order"


def write_keys(named: Sequence[str], env: Mapping[str, str]) -> tuple[str, ...]:
    """The site's write keys: those that its config names, and those of PERSONALIZE_WRITE_KEYS (comma-separated)."""
    return (*(key for key in named if key), *_keys_in(env))


def _keys_in(env: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(key.strip() for key in env.get(VARIABLE, "").split(",") if key.strip())


def sign_order(order: Mapping[str, Any], key: str | None = None) -> str:
    """Text for the property `signed` of an order's event. `order` holds the event's properties: `order_id`, `revenue`,
    `products` and what else the log shall know.

    `key` is one of the site's write keys; without it the first of PERSONALIZE_WRITE_KEYS. Raises ValueError where
    there is none, or where `order_id` is missing.
    """
    key = key or next(iter(_keys_in(os.environ)), None)
    if not key:
        raise ValueError(f"there is no write key to sign with: set {VARIABLE} or give one")
    if not order.get("order_id"):
        raise ValueError("an order is signed by its order_id, so that it counts once")
    signed = _serializer((key,)).dumps(dict(order))
    return signed.decode("ascii") if isinstance(signed, bytes) else signed


def signed_order(text: object, keys: Sequence[str]) -> dict[str, Any] | None:
    """What was signed, or None where `text` was not signed with one of `keys`."""
    from itsdangerous import BadData

    if not isinstance(text, str) or not keys:
        return None
    for key in keys:
        try:
            order = _serializer((key,)).loads(text)
        except BadData:
            continue
        return order if isinstance(order, dict) and order.get("order_id") else None
    return None


@lru_cache(maxsize=64)
def _serializer(keys: tuple[str, ...]) -> URLSafeSerializer:
    from itsdangerous import URLSafeSerializer

    return URLSafeSerializer(
        list(keys), salt=_SALT, signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256}
    )
