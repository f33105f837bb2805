"""Which content coding a page leaves in: what the client takes, by its own weights (RFC 9110, 12.5.3).

Among the codings that it likes best, a page seen before takes gzip, which is stitched from known pieces; any other
page takes the coding that costs least to make (on HTML of 45 to 120 KB zstd took a third of gzip's time, and br as long
as gzip).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

from .codings import available

MINIMUM: Final = 500  # bytes of a page that is compressed: below that, what is won goes into the same packet anyway
_LONGEST = 512  # bytes of a header that is read
_BY_COST = ("zstd", "gzip", "br", "deflate")
_MEMBER = re.compile(
    rb"[ \t]*([!#$%&'*+.^_`|~0-9a-z-]+)[ \t]*(?:;[ \t]*q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)[ \t]*)?\Z", re.I
)


class Offer(NamedTuple):
    """The coding that a body leaves in, and whether gzip would do as well. A page under `least` bytes stays plain."""

    coding: str
    gzip: bool
    least: int = 0


PLAIN: Final = Offer("identity", False)


def negotiate(accepted: bytes | None) -> Offer:
    """What an Accept-Encoding value asks for. Without one, and for a client that likes plain pages best, PLAIN."""
    return PLAIN if accepted is None or len(accepted) > _LONGEST else _negotiate(accepted)


@lru_cache(maxsize=256)
def _negotiate(accepted: bytes) -> Offer:
    weights: dict[str, float] = {}
    for member in accepted.split(b","):
        if (found := _MEMBER.match(member)) is not None:
            name = found[1].decode("ascii").lower()
            name = "gzip" if name == "x-gzip" else name
            # Named twice, the smaller weight holds: nobody gets what they refused.
            weights[name] = min(weights.get(name, 1.0), float(found[2] or 1))
    if "*" in weights:
        # Whoever takes anything takes gzip, but few who say so know all of it.
        weights.setdefault("gzip", weights["*"])
    best = max((weights.get(coding, 0.0) for coding in _BY_COST if available(coding)), default=0.0)
    if not best or best < weights.get("identity", 0.0):
        return PLAIN
    liked = [coding for coding in _BY_COST if weights.get(coding) == best and available(coding)]
    return Offer(liked[0], "gzip" in liked, MINIMUM)
