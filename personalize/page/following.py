"""A page that arrives in parts, compared with pages known from before: each part at its place, as it comes.

Rule 1: what is told of the page so far is proven by the page so far, whatever a known page says of its rest. Rule 2: a
hole that may go on in the next part is not passed. Rule 3: where an action touches a tag, no beginning of a tag leaves:
the page may go on as another than it seems to be, and that tag may be a slot's.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Sequence
from typing import Final

from .holes import VALUE_LIMIT, Hole
from .rules import PageRules
from .scanner import Scanner
from .shapes import Shape, Shapes
from .spans import Span
from .templates import SIZE_LIMIT, Template, moved

ALL: Final = 1 << 62
"""As many bytes as there are."""

_MAX_CUTS = 64  # places where a page is cut when it is streamed
_PER_CUT = 150  # bytes that each of them takes


class Following:
    """What a page may turn out to be. `known` bytes of it have proven what they could, with `spans` as they tell."""

    def __init__(self, shapes: Shapes, key: Hashable, rules: PageRules) -> None:
        self.spans: Sequence[Span] = ()
        self.known = 0
        self._shapes, self._key, self._rules = shapes, key, rules
        self._equal = shapes.follow(key)
        self._fits: list[Fit] | None = None  # once no page is equal
        self._past: list[bytes] = []  # the page so far, from then on
        self._fed = 0

    def take(self, chunk: bytes, more: bool) -> bool:
        """Compare the next bytes of the page; False if it is none of those known, and has to be read."""
        if self.known != ALL and not (self._equals(chunk, more) or self._fit(chunk, more)):
            return False
        self._fed += len(chunk)
        return True

    def past(self) -> bytes:
        """The bytes of the page before those that did not compare."""
        return b"".join(self._past)

    def _equals(self, chunk: bytes, more: bool) -> bool:
        before = self._equal
        if not before:
            return False
        fed, total = self._fed, self._fed + len(chunk)
        alive = [s for s in before if s.page.startswith(chunk, fed) and (more or len(s.page) == total)]
        known: int | None = None
        if alive:
            shape = alive[0]
            known = self._safe(shape, shape.page, total) if more else ALL
        if known is None:
            self._equal = []
            self._past.append(before[0].page[:fed])
            return False
        self._equal, self.spans, self.known = alive, shape.spans, known
        if known == ALL:
            self._shapes.used_again(shape)
        return True

    def _fit(self, chunk: bytes, more: bool) -> bool:
        if self._fits is None:
            self._fits = [Fit(template) for template in self._shapes.fitting(self._key)]
            if self._past:
                self._fits = [fit for fit in self._fits if fit.take(self._past[0], True)]
        self._fits = [fit for fit in self._fits if fit.take(chunk, more)]
        if not self._fits:
            return False
        fit = self._fits[0]
        template, known = fit.template, ALL
        if not fit.whole:
            safe = self._safe(template, template.model, fit.of_model)
            if safe is None:
                return False
            known = fit.place(safe)
        self._past.append(chunk)
        self.spans, self.known = fit.spans(), known
        if known == ALL:
            self._shapes.used_again(template)
        return True

    def _safe(self, known: Shape | Template, page: bytes, size: int) -> int | None:
        """How many of the first `size` bytes no slot can begin or end before, whatever comes after them. Worked out
        once for a size; None if the page is cut into parts in too many ways for that."""
        if not self._rules.early:
            return size
        safe = known.ends.get(size)
        if safe is None and len(known.ends) < _MAX_CUTS:
            scanner = Scanner(self._rules)
            scanner.feed(page[:size], False)
            safe = known.ends[size] = scanner.safe
            self._shapes.grow(known, _PER_CUT)
        return safe


class Fit:
    """How far a page that arrives in parts fits a template: up to `of_model` bytes of the version that was learned, or
    the `whole` of it, where what follows is free, or nothing."""

    def __init__(self, template: Template) -> None:
        self.template = template
        self.whole = False
        self.of_model = 0
        self._compared = 0  # bytes of the page
        self._shifts = [0]
        self._constant, self._at = template.first, 0  # what is compared, and how much of it was
        self._hole: Hole | None = None
        self._held = b""  # of a hole that may go on
        self._spans: list[Span] | None = None

    def take(self, chunk: bytes, more: bool) -> bool:
        """Compare the next bytes; False if they do not fit."""
        text, pos = self._held + chunk, 0
        self._held = b""
        while not self.whole:
            if self._hole is not None:
                end = self._pass(self._hole, text, pos, more)
                if end < 0:
                    self._held = text[pos:]
                    return end == _MAY_GO_ON
                pos = end
            size = min(len(self._constant) - self._at, len(text) - pos)
            if not self._constant.startswith(text[pos : pos + size] if pos or size < len(text) else text, self._at):
                return False
            self._at += size
            self._compared += size
            self.of_model += size
            pos += size
            if self._compared > SIZE_LIMIT:
                return False
            if self._at < len(self._constant):
                return more
            passed = len(self._shifts) - 1
            if passed < len(self.template.holes):
                self._hole = self.template.holes[passed]
                if pos == len(text) and more:
                    return True
            elif self.template.free or (pos == len(text) and not more):
                self.whole = True
            else:
                return more and pos == len(text)
        return True

    def _pass(self, hole: Hole, text: bytes, pos: int, more: bool) -> int:
        """Where the hole's value ends in `text`, from `pos` on; less than 0 where that is not known, or none stands."""
        found = hole.kind.match(text, pos)
        size = len(text) - pos
        if found is None:
            blank = more and size <= VALUE_LIMIT and hole.kind.allowed.issuperset(text[pos:])
            return _MAY_GO_ON if blank else _NO_VALUE
        end = found.end()
        if end == len(text) and more:
            return _MAY_GO_ON
        self._hole = None
        self._spans = None
        self._compared += end - pos
        self.of_model = hole.end
        self._shifts.append(self._compared - hole.end)
        self._constant, self._at = self.template.constants[len(self._shifts) - 2], 0
        return end

    def place(self, at: int) -> int:
        """The place in the page that is `at` in the version that was learned."""
        return at + self._padded()[bisect_left(self.template.starts, at)]

    def spans(self) -> list[Span]:
        """The slots; what stands behind a hole that was not passed yet stands behind all that was compared."""
        if self._spans is None:
            shifts = self._padded()
            self._spans = [moved(span, self.template.starts, shifts) for span in self.template.spans]
        return self._spans

    def _padded(self) -> list[int]:
        return self._shifts + self._shifts[-1:] * (len(self.template.holes) + 1 - len(self._shifts))


_MAY_GO_ON, _NO_VALUE = -1, -2
