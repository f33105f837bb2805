"""Path patterns: literal text, `{name}` one segment captured, `*` one segment, `**` the rest.

A path arrives percent-decoded (ASGI's `scope["path"]`) and is compared exactly: "/a" and "/a/" are two paths.
A `{name}` or `*` never matches an empty segment; `**` matches anything after the slash before it, also nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

_NAME = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")


class PatternError(ValueError):
    """A path pattern that cannot be compiled; the message is for the editor who wrote it."""


@dataclass(frozen=True, slots=True)
class PathPattern:
    """A compiled pattern; `names` are what it captures, in order."""

    text: str
    names: tuple[str, ...] = ()
    _regex: re.Pattern[str] | None = field(default=None, repr=False, compare=False)

    def match(self, path: str) -> dict[str, str] | None:
        """What the pattern captured from a decoded path (an empty dict for no captures), or None."""
        if self._regex is None:
            return {} if path == self.text else None
        found = self._regex.fullmatch(path)
        return None if found is None else found.groupdict()


@lru_cache(maxsize=1024)
def compile_path(pattern: str) -> PathPattern:
    """The pattern, ready to match. Raises PatternError with a sentence that says what is wrong."""
    if not pattern.startswith("/"):
        raise PatternError(f'a path starts with a slash: write "/{pattern.strip()}"')
    if pattern != pattern.strip():
        raise PatternError("a path has no space at its end")
    if found := re.search(r"[?#]", pattern):
        raise PatternError(f'a path has no "{found[0]}": ask for the query in `when`, as query.NAME')
    if found := _ESCAPE.search(pattern):
        raise PatternError(f'"{found[0]}" never matches: paths are compared decoded, so write the character itself')
    names: list[str] = []
    parts: list[str] = []
    segments = pattern.split("/")[1:]
    for position, segment in enumerate(segments):
        parts.append(_segment(segment, last=position == len(segments) - 1, names=names))
    if all(part == re.escape(segment) for part, segment in zip(parts, segments, strict=True)):
        return PathPattern(pattern)
    # DOTALL: a decoded path may hold a newline, and `**` takes it like any other character.
    return PathPattern(pattern, tuple(names), re.compile("/" + "/".join(parts), re.DOTALL))


def _segment(segment: str, *, last: bool, names: list[str]) -> str:
    """The regular expression of one segment; captured names are added to `names`."""
    if segment == "**":
        if not last:
            raise PatternError('"**" takes the rest of the path, so nothing can follow it')
        return ".*"
    if segment == "*":
        return "[^/]+"
    if whole := _NAME.fullmatch(segment):
        if whole[1] in names:
            raise PatternError(f"{{{whole[1]}}} is captured twice: give each segment its own name")
        names.append(whole[1])
        return f"(?P<{whole[1]}>[^/]+)"
    if "*" in segment:
        raise PatternError(f'"*" stands for a whole segment: "{segment}" mixes it with text')
    if "{" in segment or "}" in segment:
        if _NAME.search(segment):
            raise PatternError(f'{{name}} stands for a whole segment: "{segment}" mixes it with text')
        raise PatternError(f'"{segment}" is not a name in braces such as {{product}} (letters, digits and _)')
    return re.escape(segment)
