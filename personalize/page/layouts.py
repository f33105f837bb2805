"""What the pages of one template consist of: pieces that are the same each time, the holes between them, and the tail.

A fitted page is told in steps, in the order of its bytes: a fragment known by heart, or bytes that are this page's own
(a fill, what stands in a hole, what is new in the tail).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise

from .fragments import Fragment, fragment
from .tails import Step, Tail
from .templates import Fitted, Template

_PER_PART = 100  # bytes of memory beside the fragments


class TemplateLayout:
    """`counted` are the bytes of memory that whoever bounds it knows of."""

    __slots__ = ("_cost", "_end", "_holes", "_parts", "_tail", "counted")

    def __init__(self, template: Template) -> None:
        model = template.model
        self._holes = [(hole.start, hole.end) for hole in template.holes]
        self._end = len(model)
        self._tail = Tail() if template.free else None
        self.counted = 0
        edges = [0]
        for _, _, start, _, end, _ in template.edges or ():
            edges += (start, end)
        starts = [start for start, _ in self._holes]
        # A hole at an edge comes after it, as Fitted sees it.
        self._parts: list[list[Fragment | int]] = [
            self._items(model, begin, end, bisect_left(starts, begin), bisect_left(starts, end))
            for begin, end in pairwise(edges)
        ]
        self._parts.append(self._items(model, edges[-1], self._end, bisect_left(starts, edges[-1]), len(starts)))
        fragments = [item for items in self._parts for item in items if isinstance(item, Fragment)]
        self._cost = sum(known.cost for known in fragments) + _PER_PART * len(self._parts)

    @property
    def cost(self) -> int:
        """Bytes of memory."""
        return self._cost + (self._tail.cost if self._tail is not None else 0)

    def _items(self, model: bytes, begin: int, end: int, first: int, last: int) -> list[Fragment | int]:
        """The model's bytes from `begin` to `end`: fragments, and the numbers of the holes `first` up to `last`."""
        items: list[Fragment | int] = []
        for number in range(first, last):
            start, after = self._holes[number]
            items += (fragment(model[begin:start]), number)
            begin = after
        return [*items, fragment(model[begin:end])]

    def lay(self, page: Fitted, parts: Sequence[bytes | memoryview]) -> list[Step]:
        """The steps of a page whose `parts` a Splicer has joined."""
        steps: list[Step] = []
        text, shifts, holes = bytes(page.page), page.shifts, self._holes
        for items, part in zip(self._parts, parts, strict=True):
            if isinstance(part, bytes):
                steps.append((None, part))
                continue
            for item in items:
                if isinstance(item, int):
                    start, end = holes[item]
                    steps.append((None, text[start + shifts[item] : end + shifts[item + 1]]))
                else:
                    steps.append((item, None))
        if self._tail is not None:
            steps += self._tail.lay(text, self._end + shifts[-1])
        return steps
