"""Path patterns, as slots and behaviours use them: literal, {name} and * are one segment, ** is the rest."""

from __future__ import annotations

import re
from collections.abc import Callable

from .patterns import compile_pattern

_SPECIAL = re.compile(r"\*\*|\*|\{[A-Za-z_][A-Za-z0-9_]*\}")


def path_test(pattern: str) -> Callable[[str], bool]:
    """Whether a path meets a pattern: "/pricing", "/p/{product}", "/p/*", "/blog/**". Raises ValueError for one that is too
    long."""
    if _SPECIAL.search(pattern) is None:
        return lambda path: path == pattern
    written = [r"\A(?s:"]
    end = 0
    for special in _SPECIAL.finditer(pattern):
        written.append(re.escape(pattern[end : special.start()]))
        written.append(".*" if special[0] == "**" else "[^/]+")
        end = special.end()
    written.append(re.escape(pattern[end:]) + r")\z")
    return compile_pattern("".join(written))
