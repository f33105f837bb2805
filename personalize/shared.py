"""Pages that a cache in front may keep: of a visitor only that is known there by which the cache tells copies apart."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from .config.models import Config
from .model import Consent, Request, Visitor
from .page.headers import Copies

NOBODY: Final = Visitor(None, Consent())
# The coding of the body is told apart by Accept-Encoding, which Vary then names too.
_ALWAYS: Final = (b"host", b"accept-encoding")


class SharedPages:
    """What `site.shared` says, made once. `copies` is None where it says nothing."""

    def __init__(self, config: Config) -> None:
        told = config.site.shared
        self.copies: Copies | None = None
        self._names: frozenset[bytes] = frozenset(_ALWAYS)
        self._segments: bytes | None = None
        self._known = frozenset(config.segments)
        if told is not None:
            self.copies = Copies(tuple(name.encode("latin-1", "replace") for name in told.vary), int(told.for_))
            self._names |= {name.lower().encode("latin-1", "replace") for name in told.vary}
            self._segments = told.segments.lower().encode("latin-1", "replace") if told.segments else None

    def copies_for(self, seconds: float) -> Copies | None:
        """The copies of a page that is right for so many seconds: none is kept longer than that."""
        if self.copies is None or seconds >= self.copies.seconds:
            return self.copies
        return replace(self.copies, seconds=int(seconds))

    def view(self, request: Request) -> Request:
        """The request as everybody with this copy makes it: the address, and the headers that copies differ by."""
        headers = {name: value for name, value in request.headers.items() if name in self._names}
        return Request(request.method, request.path, request.query, request.scheme, headers, request.params)

    def segments(self, view: Request) -> frozenset[str]:
        """The segments that the cache says the visitor is in."""
        if self._segments is None:
            return frozenset()
        named = view.headers.get(self._segments, b"").decode("latin-1").split(",")
        return self._known.intersection(name.strip() for name in named)
