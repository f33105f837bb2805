"""Client frameworks that boot over a page: what they draw again when it loads, and which slots lie in that.

A server-rendered page of React, Vue or Svelte is only borrowed: in the browser the framework walks over its root
element and expects its own markup there. Where it finds other nodes it draws them anew, and what a slot showed is gone.

What is looked for are the marks that these frameworks leave in a page: a script that holds their data, an attribute of
the root, comments that hydration counts by. This reads a page with a whole tree, so it is for pages that are learned,
never for those that are known.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .rules import SlotTarget, compile_rules
from .scanner import Scanner
from .spans import Span
from .tokens import TOKEN, attributes

PAGE = "the whole page"
# A page without any of these is none of theirs. Looked for one by one: a pattern of all takes ten times as long.
_SIGNS = (
    b"__next_f", b"__NEXT_DATA__", b"__NUXT", b"__reactRouterContext", b"__remixContext", b"__sveltekit_",
    b"___gatsby", b"<astro-island", b"data-reactroot", b"data-server-rendered", b"data-v-app", b"data-hk",
    b"data-page=", b"ng-version", b"ng-server-context", b"q:container", b"<!--[", b"<!--$",
)  # fmt: skip
_REACT = re.compile(rb"<!--\$[?!~]?-->")
_BLOCK = re.compile(rb"<!--\[(?:!|-?\d+)?-->")
_SVELTE = re.compile(rb"<!--\[(?:!|-?\d+)-->|class=\"[^\"]*\bsvelte-[a-z0-9]+")
_VUE = re.compile(rb"\bdata-v-[0-9a-f]{7,8}\b")
# A framework by what one of its scripts holds, and the id of its root; None: the root is the document.
_SCRIPTS = (
    (b"__next_f", "Next.js", None),
    (b"__reactRouterContext", "React Router", None),
    (b"__remixContext", "Remix", None),
    (b"__NUXT__", "Nuxt", b"__nuxt"),
)
# By an element's id; and the id of the root.
_IDS = {
    b"__NEXT_DATA__": ("Next.js", b"__next"), b"__NUXT_DATA__": ("Nuxt", b"__nuxt"),
    b"___gatsby": ("Gatsby", b"___gatsby"),
}  # fmt: skip
# By an attribute of the root itself, or of its content (then the root is around it).
_OWN = {
    b"data-server-rendered": "Vue", b"data-v-app": "Vue", b"ng-version": "Angular", b"ng-server-context": "Angular",
    b"q:container": "Qwik",
}  # fmt: skip
_INSIDE = {b"data-reactroot": "React", b"data-hk": "Solid"}


@dataclass(frozen=True, slots=True)
class Hydration:
    """A framework that boots on a page, and the slots in its root. Where nothing in the page says which element that
    is, the slots are those that may be in it, and it is not `certain`."""

    framework: str
    root: str
    slots: tuple[str, ...]
    certain: bool = True


@dataclass(frozen=True, slots=True)
class _Element:
    name: bytes
    attributes: dict[bytes, bytes]
    start: int
    opened: int
    end: int  # of its content

    def holds(self, start: int, end: int) -> bool:
        return self.opened <= start and end <= self.end

    def __str__(self) -> str:
        told = self.attributes.get(b"id")
        return (b"#" + told if told else b"<%b>" % self.name).decode("utf-8", "replace")


_EVERY = compile_rules([SlotTarget("e", "*", all=True), SlotTarget("s", "script", action="replace", all=True)])


def hydrations(page: bytes, spans: Sequence[Span]) -> list[Hydration]:
    """The frameworks that draw over slots of this page, whose `spans` a Scanner told; each once. A framework whose root
    holds no slot is not told of, nor is one that leaves no mark in its pages (Preact; React without Suspense)."""
    live = [span for span in spans if not span.dead]
    if not live or not any(sign in page for sign in _SIGNS):
        return []
    order = list(dict.fromkeys(span.slot for span in live))
    told: dict[str, tuple[list[str], set[str], bool]] = {}
    for framework, root, certain in _roots(page):
        inside = {s.slot for s in live if root is None or root.holds(s.start, max(s.start, s.end))}
        if inside:
            roots, slots, _ = told.setdefault(framework, ([], set(), certain))
            roots.append(PAGE if root is None or root.name == b"html" else str(root))
            slots |= inside
    return [
        Hydration(framework, ", ".join(dict.fromkeys(roots)), tuple(s for s in order if s in slots), certain)
        for framework, (roots, slots, certain) in told.items()
    ]


def _roots(page: bytes) -> list[tuple[str, _Element | None, bool]]:
    """(framework, its root, whether that is certain) for each root; None: the document."""
    elements = _elements(page)
    by_id = {e.attributes[b"id"]: e for e in reversed(elements) if b"id" in e.attributes}
    found: list[tuple[str, _Element | None, bool]] = []
    for element in elements:
        for name, framework in _OWN.items():
            if name in element.attributes:
                found.append((framework, element, True))
        for name, framework in _INSIDE.items():
            if name in element.attributes and not any(
                r is not None and r.holds(element.start, element.end) for f, r, _ in found if f == framework
            ):
                found.append((framework, _around(elements, element.start, element.end), True))
        if element.name == b"astro-island" and b"client" in element.attributes:
            found.append(("Astro", element, True))
        elif element.attributes.get(b"id") == b"app" and b"data-page" in element.attributes:
            found.append(("Inertia", element, True))
    found += _by_scripts(page, elements, by_id)
    return found or _by_comments(page, elements)


def _by_scripts(
    page: bytes, elements: list[_Element], by_id: dict[bytes, _Element]
) -> list[tuple[str, _Element | None, bool]]:
    found: dict[str, tuple[str, _Element | None, bool]] = {}
    for element in elements:
        own = _IDS.get(element.attributes.get(b"id", b""))
        if own is not None:
            found[own[0]] = (own[0], by_id.get(own[1]), own[1] in by_id)
        if element.name != b"script":
            continue
        for sign, framework, root in _SCRIPTS:
            if framework not in found and page.find(sign, element.opened, element.end) >= 0:
                there = by_id.get(root) if root is not None else None
                found[framework] = (framework, there, root is None or there is not None)
        if page.find(b"__sveltekit_", element.opened, element.end) >= 0:  # it starts over its script's parent
            found["SvelteKit"] = ("SvelteKit", _around(elements, element.start, element.end), True)
    return list(found.values())


def _by_comments(page: bytes, elements: list[_Element]) -> list[tuple[str, _Element | None, bool]]:
    """Comments that hydration counts by say that there is a root around them, not where."""
    raw = [e for e in elements if e.name == b"script"]
    body = next((e for e in elements if e.name == b"body"), None)
    for pattern, framework in ((_REACT, "React"), (_BLOCK, "Vue or Svelte")):
        for sign in pattern.finditer(page):
            if any(e.start < sign.start() < e.end for e in raw):
                continue
            if pattern is _BLOCK and (_SVELTE.search(page) or _VUE.search(page)):
                framework = "Svelte" if _SVELTE.search(page) else "Vue"
            around = [e for e in elements if e.holds(*sign.span()) and e.name not in (b"html", b"body")]
            return [(framework, around[0] if around else body, False)]
    return []


def _around(elements: list[_Element], start: int, end: int) -> _Element | None:
    """The parent of the element that stands there."""
    return next((e for e in reversed(elements) if e.start < start and e.holds(start, end)), None)


def _elements(page: bytes) -> list[_Element]:
    """The page's elements that can hold something, and its scripts, in the order of their start tags."""
    scanner = Scanner(_EVERY)
    scanner.feed(page, True)
    elements = []
    for span in scanner.spans:
        tag = TOKEN.match(page, span.origin)
        if tag is not None and tag[2] is not None:
            elements.append(_Element(tag[2].lower(), attributes(tag[3]), span.origin, span.opened, span.end))
    return sorted(elements, key=lambda e: e.start)
