"""The end of an element whose content is well-formed, found without a Tree.

Most slots hold content where every tag that needs an end has it and nothing is implied. Then a list of names is
enough, and ten times faster. Whatever might move anything else, here or around the element, is left to the Tree.
"""

from __future__ import annotations

from .elements import BUTTON_SCOPE, ENDS_P, HEADINGS, SPECIAL, VOID
from .tokens import INNER, RAW

_LEFT_TO_THE_TREE = RAW | frozenset(
    b"""svg math template html head body frame frameset image col select option optgroup button nobr ruby rb rt rp
    rtc""".split()
)
_DEPTH = 256  # well below where a tree is given up
_ONCE = frozenset((b"a", b"form"))  # one inside another is taken apart or dropped
_LISTS = frozenset((b"ul", b"ol", b"menu"))
_BODIES = frozenset((b"tbody", b"thead", b"tfoot"))
_ONLY_IN = {
    b"li": _LISTS,
    b"dt": frozenset((b"dl",)),
    b"dd": frozenset((b"dl",)),
    b"caption": frozenset((b"table",)),
    b"colgroup": frozenset((b"table",)),
    **dict.fromkeys(_BODIES, frozenset((b"table",))),
    b"tr": _BODIES | {b"table"},
    b"td": frozenset((b"tr",)),
    b"th": frozenset((b"tr",)),
}
_TABLES = _BODIES | {b"table", b"tr", b"colgroup"}  # only parts of tables belong straight inside
_PECULIAR = _LEFT_TO_THE_TREE.union(ENDS_P, _ONCE, VOID, _ONLY_IN)  # all others may stand anywhere but in _TABLES


def well_formed_end(buf: bytes, pos: int, limit: int, root: bytes) -> tuple[int, int] | None:
    """Where the end tag of the element `root`, whose start tag ended at `pos`, begins and ends. None if the content
    does not end before `limit`, or is not plainly well-formed."""
    stack = [root]
    match = INNER.match
    alone = root in ENDS_P or root in BUTTON_SCOPE  # no p around it can be open
    special = root in SPECIAL
    if root in HEADINGS or root in _LEFT_TO_THE_TREE:
        return None
    while token := match(buf, pos, limit):
        kind = token.lastindex
        pos = token.end()
        if kind == 3:
            if stack.pop() != token[3].lower():
                return None
            if not stack:
                return token.start(3) - 2, pos
        elif kind is not None:
            name = token[1].lower()
            under: frozenset[bytes] | None = None
            void = False
            if name in _PECULIAR:
                if name in _LEFT_TO_THE_TREE:
                    return None
                if name in ENDS_P and (not alone or b"p" in stack or (name in HEADINGS and stack[-1] in HEADINGS)):
                    return None
                if name in _ONCE and (name in stack or not special):
                    return None
                under, void = _ONLY_IN.get(name), name in VOID
            if stack[-1] not in under if under is not None else stack[-1] in _TABLES:
                return None
            if void:
                if kind == 2:
                    return None
            elif kind == 1:
                stack.append(name)
                if len(stack) > _DEPTH:
                    return None
    return None
