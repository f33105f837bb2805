"""GrowthBook's hash, for one seed and for many seeds at once.

From https://docs.growthbook.io/lib/build-your-own (hash): 32-bit FNV-1a (Fowler, Noll, Vo;
http://www.isthe.com/chongo/tech/comp/fnv/), version 2 of it twice.

A newcomer on a page with many experiments needs many hashes that differ in their seed alone, and a loop over bytes is
slow in Python. So `hash_units` puts the states side by side into one integer, each in 64 bits of its own, where a xor,
a multiplication and a mask move all of them one byte on: a state is below 2**32 and the prime below 2**25, so that no
product reaches the next state's bits.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import lru_cache

_OFFSET, _PRIME, _MASK = 0x811C9DC5, 0x01000193, 0xFFFFFFFF
# FNV takes bytes, but the xor may be with anything: this leaves a state that has taken nothing yet as it was.
_NOTHING = struct.pack("<I", _OFFSET ^ _OFFSET * pow(_PRIME, -1, 2**32) & _MASK)
_DIGITS = 10  # of a state's largest value in decimal
_MOST = 16_384  # numbers remembered
# A text for each: with a tuple the garbage collector would visit each of them while the event loop waits.
_known: dict[str, float] = {}


def _units_of(text: str) -> Sequence[int]:
    """UTF-16 code units, as JavaScript's charCodeAt gives them."""
    if text.isascii():
        return text.encode()
    raw = text.encode("utf-16-be", "surrogatepass")
    return [raw[i] << 8 | raw[i + 1] for i in range(0, len(raw), 2)]


def _fnv1a(text: str, state: int = _OFFSET) -> int:
    for unit in _units_of(text):
        state = (state ^ unit) * _PRIME & _MASK
    return state


@lru_cache(maxsize=4096)
def _of_seed(seed: str) -> int:
    """The hash of a seed, from which that of every visitor under it goes on."""
    return _fnv1a(seed)


@lru_cache(maxsize=256)
def _of_value(value: str) -> int:
    """The hash of a visitor, from which that of every seed goes on in version 1."""
    return _fnv1a(value)


def _twice(seed: str, value: str) -> float:
    """Version 2. Remembered, for a visitor goes from page to page, and each route asks on its own."""
    key = f"{len(seed)} {seed}{value}"
    found = _known.get(key)
    if found is None:
        if len(_known) >= _MOST:
            _known.clear()
        found = _known[key] = _fnv1a(str(_fnv1a(value, _of_seed(seed)))) % 10_000 / 10_000
    return found


def hash_unit(seed: str, value: str, version: int = 2) -> float | None:
    """A number in [0, 1) for a value (a visitor's id) under a seed (an experiment's key): in steps of 1/1,000 for
    version 1, of 1/10,000 and without version 1's bias for version 2; None for a version that does not exist."""
    if version == 2:
        return _twice(seed, value)
    if version == 1:
        return _fnv1a(seed, _of_value(value)) % 1_000 / 1_000
    return None


@lru_cache(maxsize=64)
def _side_by_side(count: int) -> tuple[struct.Struct, int, int]:
    """The layout of so many states, a one in each place, and the mask that keeps 32 bits of each."""
    layout = struct.Struct(f"<{count}Q")
    ones = int.from_bytes(layout.pack(*[1] * count), "little")
    return layout, ones, ones * _MASK


def hash_units(seeds: Sequence[str], value: str) -> list[float]:
    """`hash_unit(seed, value)` of each seed: from four on in less time than one by one, from twenty on in a third."""
    count = len(seeds)
    layout, ones, mask = _side_by_side(count)
    states = int.from_bytes(layout.pack(*map(_of_seed, seeds)), "little")
    for unit in _units_of(value):
        states = (states ^ ones * unit) * _PRIME & mask
    firsts = layout.unpack(states.to_bytes(8 * count, "little"))
    # The second time over the first hash's decimal digits: one column of all numbers after the other.
    digits = ("%010d" * count % firsts).encode()
    padded = [(lane, _DIGITS - len(str(first))) for lane, first in enumerate(firsts) if first < 10 ** (_DIGITS - 1)]
    states = ones * _OFFSET
    for place in range(_DIGITS):
        column = bytearray(8 * count)
        column[::8] = digits[place::_DIGITS]
        for lane, zeros in padded:
            if place < zeros:
                column[8 * lane : 8 * lane + 4] = _NOTHING
        states = (states ^ int.from_bytes(column, "little")) * _PRIME & mask
    return [second % 10_000 / 10_000 for second in layout.unpack(states.to_bytes(8 * count, "little"))]
