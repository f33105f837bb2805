"""The first bytes of a body, kept until they tell what must be known before anything is promised."""

from __future__ import annotations

from .charset import PRESCAN, undecided


class Opening:
    """Grows without copying what is there, however small the parts are."""

    def __init__(self) -> None:
        self.size = 0
        self._parts: list[bytes] = []

    def add(self, part: bytes) -> None:
        self._parts.append(part)
        self.size += len(part)

    def undecided(self, header_charset: str | None) -> bool:
        """As charset.undecided."""
        return self.size < PRESCAN and undecided(header_charset, b"".join(self._parts))

    def take(self) -> bytes:
        """All of it; what came in one part as the very object."""
        parts, self._parts = self._parts, []
        return b"".join(parts)
