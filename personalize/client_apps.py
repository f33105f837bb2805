"""Slots that a client framework draws over: found once for a page, said once for a route, remembered for `explain`."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final

from .page import PageRules
from .page.charset import choose
from .page.hydration import PAGE, Hydration, hydrations
from .page.scanner import Scanner
from .page.spans import Span
from .protocols import Observer

_FIRST: Final = 8  # pages of a route that are all looked at; then it is the 16th, the 32nd, the 64th ...
_REACT = "give its element suppressHydrationWarning and dangerouslySetInnerHTML"
_VUE = "give its element v-html"
_SVELTE = "have no expression and no block inside its element"
_KEEPS: Final = {
    **dict.fromkeys(("React", "Next.js", "React Router", "Remix", "Gatsby"), _REACT),
    **dict.fromkeys(("Vue", "Nuxt"), _VUE),
    **dict.fromkeys(("Svelte", "SvelteKit"), _SVELTE),
}


class ClientApps:
    """What is known of the pages of each route. `see` is called for a page when it is learned, never for one that is
    known; the page has left before it is looked at."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._seen: dict[Hashable, int] = {}
        self._found: dict[Hashable, dict[str, Hydration]] = {}

    def see(self, route: Hashable, page: bytes, spans: Sequence[Span]) -> None:
        """A page of a route was read, and these are its slots."""
        seen = self._seen[route] = self._seen.get(route, 0) + 1
        if seen > _FIRST and seen & (seen - 1):
            return
        try:
            asyncio.get_running_loop().call_soon(self._look, route, page, spans)
        except RuntimeError:  # nobody waits for the page
            self._look(route, page, spans)

    def _look(self, route: Hashable, page: bytes, spans: Sequence[Span]) -> None:
        told = self._found.setdefault(route, {})
        for hydration in hydrations(page, spans):
            if hydration.framework not in told:
                told[hydration.framework] = hydration
                part = f"{_slots(hydration.slots)} under {hydration.framework}"
                self._observer.changed(part, "hydrated", sentence(hydration))

    def warnings(self, route: Hashable) -> tuple[str, ...]:
        """What editors must know of the pages of a route that were seen so far."""
        return tuple(sentence(hydration) for hydration in self._found.get(route, {}).values())


@dataclass(frozen=True, slots=True)
class OnPage:
    """What one page holds of a route: the slots found in it, and what editors must know."""

    found: tuple[str, ...]
    warnings: tuple[str, ...]


def look(rules: PageRules, page: bytes, charset: str | None = None) -> OnPage:
    """Read a page, whose Content-Type named this charset, for an editor who asks."""
    codec = choose(charset, page)
    if codec is None:
        return OnPage((), ("the page's encoding cannot be read for slots: it passes as it is",))
    scanner = Scanner(rules.in_charset(codec))
    scanner.feed(page, True)
    found = tuple(dict.fromkeys(span.slot for span in scanner.spans if not span.dead))
    said = [f"the page is not read to its end: {scanner.gave_up}"] if scanner.gave_up else []
    return OnPage(found, (*said, *(sentence(h) for h in hydrations(page, scanner.spans))))


def sentence(hydration: Hydration) -> str:
    """What happens, and what to do about it."""
    framework, root, slots = hydration.framework, hydration.root, _slots(hydration.slots)
    one = len(hydration.slots) == 1
    lie = "lies" if one else "lie"
    if not hydration.certain:
        told = f"a part of the page when it loads, and {slots} may lie in it (the page does not tell which part: "
        told += f"{root}, or one around that or within)"
    elif root == PAGE:
        told = f"the whole page when it loads, {slots} included"
    else:
        told = f"{root} when the page loads, and {slots} {lie} in it"
    ways = [] if root == PAGE and hydration.certain else [f"put {'it' if one else 'them'} outside"]
    ways += [keep] if (keep := _KEEPS.get(framework)) else []
    ways.append("have the app ask for the decision (/v1/decide)")
    what = "; or ".join(ways)
    return f"{framework} takes over {told}: what stands there is drawn anew. {what[0].upper()}{what[1:]}."


def _slots(names: Sequence[str]) -> str:
    return f"slot {names[0]}" if len(names) == 1 else f"slots {', '.join(names)}"
