"""Pages seen before: known bytes with known slots, so that a page which comes again is compared instead of read.

Rule 1: a page fits a shape only if every byte is equal; lengths only choose what to compare with. Where pages differ
in proven holes only, a Template takes the place of their shapes.
Rule 2: only complete, whole reads are learned.
Rule 3: memory is bounded over all routes, and what was seen only once can take a quarter of it at most, so that pages
that never repeat, or strangers who ask for many, cannot drive out the pages that do repeat.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from . import templates
from .rules import PageRules
from .spans import Span, Write, stand_apart
from .templates import Filled, Fills, Fitted, Template, join_parts

if TYPE_CHECKING:
    from .fragments import Fragment
    from .stitching import Body

_OVERHEAD = 1700  # bytes beside the page itself: a shape's objects, its place in the tables, a route of its own
_PER_SPAN = 900
_MAX_ROUTES = 4096
_MAX_PER_ROUTE = 256
_FOLLOWED = 32  # shapes of a route that a streamed page is compared with
_MAX_TEMPLATES = 16  # of a route
_TRIES = 64  # learned pages of a route that are compared with others in search of holes; later it is every 16th
_NEAREST = 4  # shapes, and templates, that such a page is compared with
_PATIENCE = 16  # pages learned without one coming again before a route learns ever more rarely


def page_key(route: Hashable, rules: PageRules) -> Hashable:
    """Under what pages are known: what one set of rules found in a page says nothing of another's."""
    return route, rules


class Shape:
    """A page and its slots. `cuts` tells its pieces, where the slots stand apart; None where they do not."""

    __slots__ = (
        "_frame", "_names", "bodies", "cuts", "ends", "fragments", "kept", "key", "page", "size", "spans",
        "tail",
    )  # fmt: skip

    def __init__(self, key: Hashable, page: bytes, spans: Sequence[Span]) -> None:
        self.key, self.page, self.spans = key, page, list(spans)
        self.size = len(page) + _OVERHEAD + _PER_SPAN * len(spans)
        self.kept = False
        self.fragments: list[Fragment] | None = None  # of the pieces, kept ones too, where the page left compressed
        view = memoryview(page)
        self.cuts: list[tuple[memoryview, str, memoryview, Write | None]] | None = None
        self._frame: list[bytes | memoryview] = []  # the pieces, with the page's own where the slots are
        self._names: list[str] | None = None  # of the slots, where each fill is written as it is
        last = 0
        if stand_apart(spans):
            self.cuts = cuts = []
            for span in spans:
                if not span.dead:
                    cuts.append((view[last : span.start], span.slot, view[span.start : span.end], span.write))
                    self._frame += cuts[-1][::2]
                    last = span.end
            names = [slot for _, slot, _, _ in cuts]
            if len(set(names)) == len(names) and not any(write for _, _, _, write in cuts):
                self._names = names
        self.tail = view[last:]
        self._frame.append(self.tail)
        self.bodies: dict[tuple[bytes | memoryview, ...], Body] = {}  # whole ones, by what stands in the slots
        self.ends: dict[int, int] = {}  # see following.Following

    def fill(self, fills: Fills) -> Filled | None:
        """The page with its slots filled; None where that takes more than joining, or where there is no slot."""
        names = self._names
        if not names:
            return join_parts(self.cuts, self.tail, fills) if self.cuts else None
        parts, at = self._frame.copy(), 1
        for slot in names:
            fill = fills[slot]
            if fill is not None:
                parts[at] = fill
            at += 2
        return parts, names


class _Route:
    """The shapes of one route, by length, the latest last; and how often learning paid."""

    __slots__ = ("by_size", "count", "seen", "templates", "tries", "unpaid")

    def __init__(self) -> None:
        self.by_size: dict[int, list[Shape]] = {}
        self.templates: list[Template] = []  # the latest used first
        self.tries = 0
        self.count = 0
        self.unpaid = 0  # pages learned since the last time one came again
        self.seen = 0  # pages offered since then


class Shapes:
    """Known pages, bounded in bytes over all routes. `learned` is told of each page that is learned: its `page_key`,
    the page and its slots."""

    def __init__(
        self, limit: int = 64 << 20, learned: Callable[[Hashable, bytes, Sequence[Span]], None] | None = None
    ) -> None:
        self.limit = limit
        self._learned = learned
        self.used = 0
        self._routes: OrderedDict[Hashable, _Route] = OrderedDict()
        self._once: OrderedDict[Shape | Template, None] = OrderedDict()  # not yet come again; the oldest first
        self._again: OrderedDict[Shape | Template, None] = OrderedDict()  # the longest unused first
        self._once_used = 0

    def __len__(self) -> int:
        return len(self._once) + len(self._again)

    @property
    def largest(self) -> int:
        """Pages beyond this many bytes are not learned."""
        return self.limit // 8

    def find(self, key: Hashable, page: bytes) -> Shape | Fitted | None:
        """The shape that is equal to a whole page, or a template that fits it."""
        route = self._routes.get(key)
        if route is None:
            return None
        for shape in route.by_size.get(len(page), ()):
            if shape.page == page:
                self.used_again(shape)
                return shape
        for template in route.templates:
            if (fitted := template.fit(page)) is not None:
                self.used_again(template)
                if template is not route.templates[0]:
                    route.templates.remove(template)
                    route.templates.insert(0, template)
                return fitted
        return None

    def begins(self, key: Hashable, part: bytes) -> Fitted | None:
        """A template that fits the first bytes of a page, if what comes after them is free."""
        route = self._routes.get(key)
        for template in route.templates if route is not None else ():
            if template.free and (fitted := template.fit(part)) is not None:
                self.used_again(template)
                return fitted
        return None

    def follow(self, key: Hashable) -> list[Shape]:
        """The shapes that a page arriving in parts may turn out to be."""
        route = self._routes.get(key)
        return [] if route is None else list(islice(self._latest(route), _FOLLOWED))

    def fitting(self, key: Hashable) -> list[Template]:
        """The templates that such a page may turn out to fit."""
        route = self._routes.get(key)
        return [] if route is None else route.templates.copy()

    @staticmethod
    def _latest(route: _Route) -> Iterator[Shape]:
        for shapes in reversed(route.by_size.values()):
            yield from reversed(shapes)

    def wants(self, key: Hashable) -> bool:
        """Whether the next page of a route should be learned. A route whose pages do not come again learns its 32nd,
        64th, 128th ... page only."""
        route = self._routes.get(key)
        if route is None:
            return True
        route.seen += 1
        return route.unpaid < _PATIENCE or route.seen & (route.seen - 1) == 0

    def learn(self, shape: Shape, rules: PageRules | None = None) -> None:
        """Keep a page that was read whole, with all its slots; with the `rules` it was read by, holes are learned."""
        key, page = shape.key, shape.page
        if len(page) > self.largest or self._holds(key, page):
            return
        route = self._routes.get(key)
        if route is None:
            route = self._routes[key] = _Route()
            while len(self._routes) > _MAX_ROUTES:
                self._forget(next(iter(self._routes)))
        self._routes.move_to_end(key)
        route.unpaid += 1
        if self._learned is not None:
            self._learned(key, page, shape.spans)
        if rules is None or not self._learn_holes(route, key, rules, page, shape.spans):
            route.by_size.setdefault(len(page), []).append(shape)
            route.count += 1
            self._add(shape)
        if route.count > _MAX_PER_ROUTE:
            shapes = [s for group in route.by_size.values() for s in group]
            self._drop(next((s for s in shapes if not s.kept), shapes[0]))
        self._trim()

    def _learn_holes(
        self, route: _Route, key: Hashable, rules: PageRules, page: bytes, spans: Sequence[Span]
    ) -> bool:
        """Whether this page and one known already are versions of one page, which is known from now on."""
        route.tries += 1
        if route.tries > _TRIES and route.tries % 16:
            return False
        for old in route.templates[:_NEAREST]:
            new = templates.learn(key, rules, old.model, old.spans, old.holes, page, spans)
            if new is not None:
                self._drop(old)
                self._add_template(route, new)
                return True
        nearest = sorted(self._latest(route), key=lambda shape: abs(len(shape.page) - len(page)))
        for shape in nearest[:_NEAREST]:
            new = templates.learn(key, rules, shape.page, shape.spans, (), page, spans)
            if new is not None:
                for other in nearest:
                    if new.fit(other.page) is not None:
                        self._drop(other)
                self._add_template(route, new)
                return True
        return False

    def _add_template(self, route: _Route, template: Template) -> None:
        route.templates.insert(0, template)
        self._add(template)
        if len(route.templates) > _MAX_TEMPLATES:
            self._drop(route.templates[-1])

    def _add(self, shape: Shape | Template) -> None:
        self._once[shape] = None
        self._once_used += shape.size
        self.used += shape.size

    def used_again(self, shape: Shape | Template) -> None:
        """A page fitted this shape."""
        if shape.kept:
            self._again.move_to_end(shape)
        elif shape in self._once:
            del self._once[shape]
            self._once_used -= shape.size
            self._again[shape] = None
            shape.kept = True
            self._trim()
        route = self._routes.get(shape.key)
        if route is not None:
            route.unpaid = route.seen = 0

    def grow(self, shape: Shape | Template, by: int) -> None:
        """So many bytes more (or less) are kept with a shape; one that was forgotten meanwhile counts no more."""
        if shape.kept:
            self.used += by
        elif shape in self._once:
            self.used += by
            self._once_used += by
        else:
            return
        shape.size += by
        self._trim()

    def _trim(self) -> None:
        """Rule 3."""
        while self._once and self._once_used > self.limit // 4:
            self._drop(next(iter(self._once)))
        while self._again and self.used - self._once_used > self.limit * 3 // 4:
            self._drop(next(iter(self._again)))

    def _holds(self, key: Hashable, page: bytes) -> bool:
        route = self._routes.get(key)
        if route is None:
            return False
        known = any(shape.page == page for shape in route.by_size.get(len(page), ()))
        return known or any(template.fit(page) is not None for template in route.templates)

    def _drop(self, shape: Shape | Template) -> None:
        if shape.kept:
            del self._again[shape]
            shape.kept = False
        else:
            del self._once[shape]
            self._once_used -= shape.size
        self.used -= shape.size
        route = self._routes.get(shape.key)
        if route is None:
            return
        if isinstance(shape, Template):
            route.templates.remove(shape)
        else:
            group = route.by_size[len(shape.page)]
            group.remove(shape)
            route.count -= 1
            if not group:
                del route.by_size[len(shape.page)]

    def _forget(self, key: Hashable) -> None:
        route = self._routes[key]
        shapes: list[Shape | Template] = [*route.templates, *self._latest(route)]
        for shape in shapes:
            self._drop(shape)
        del self._routes[key]
