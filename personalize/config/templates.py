"""Whether each template named in a config exists, lies in the templates folder, can be parsed, and prints where
escaping makes it safe; and the same for the templates that those include, extend or import by name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any

from .holes import UnsafeHole, guard
from .problems import did_you_mean, quoted
from .shown import Shown
from .tree import Path, Tree

LARGEST = 256 * 1024  # bytes
_UNREAD = re.compile(r"\{#.*?#\}|\{%[-+]?\s*raw\b.*?\bendraw\s*[-+]?%\}", re.DOTALL)
_ASKED = re.compile(r"""\{%[-+]?\s*(?:include|extends|import|from)\s+("[^"]+"|'[^']+')(?!\s+ignore\b)""")


def check_templates(tree: Tree, shown: Sequence[Shown], base: FilePath) -> None:
    """Report each bad template once, at the first place that names it."""
    site = tree.get(("site",))
    named = site.get("templates") if isinstance(site, Mapping) else None
    folder = base / (named if isinstance(named, str) and "\0" not in named else "templates")
    seen: set[str] = set()
    for path, name in _named(tree, shown):
        if name not in seen:
            seen.add(name)
            _template(tree, path, name, folder, seen)


def _named(tree: Tree, shown: Sequence[Shown]) -> Iterator[tuple[Path, str]]:
    slots: set[Path] = set()
    for path, name in tree.each("slots", "*", "template"):
        if isinstance(name, str):
            slots.add(path)
            yield path, name
    for content in shown:
        if (name := content.text("template")) is not None:
            yield (*content.path, "template"), name


def _template(tree: Tree, path: Path, name: str, folder: FilePath, seen: set[str], asked: str = "") -> None:
    """Judge one template, then those it asks for. `asked` says who asks for it, where that is not the config."""
    file = folder / name if "\0" not in name else folder
    inside = file.resolve().is_relative_to(folder.resolve()) and name.strip() not in ("", ".")
    if not inside:
        tree.report("PZ308", path, f"{quoted(name)}{asked} is not in the templates folder", "name a file below it")
        return
    try:
        source = file.read_bytes() if file.stat().st_size <= LARGEST else None
    except (OSError, ValueError):
        tree.report("PZ308", path, f"there is no template {quoted(name)}{asked} in {folder}", _near(name, folder))
        return
    if source is None:
        tree.report("PZ309", path, f"the template {quoted(name)} is larger than {LARGEST // 1024} KB")
        return
    try:
        text = source.decode("utf-8")
        wrong = _parse(name, text)
    except UnicodeDecodeError:
        text, wrong = "", (0, "it is not UTF-8 text")
    if wrong is not None:
        line, message = wrong
        where = f"{file}:{line}" if line else str(file)
        tree.report("PZ309", path, f"the template {quoted(name)} cannot be parsed: {message}", where)
        return
    for found in _ASKED.finditer(_UNREAD.sub("", text)):
        if (other := found[1][1:-1]) not in seen:
            seen.add(other)
            _template(tree, path, other, folder, seen, f", which {quoted(name)} asks for,")


def _parse(name: str, source: str) -> tuple[int, str] | None:
    """(line, what is wrong) of a template's source, or None."""
    from minijinja import Environment, TemplateError

    try:
        guard(source)
        Environment().add_template(name, source)
    except UnsafeHole as error:
        return error.line, error.message
    except TemplateError as error:
        found: Any = error
        return found.line or 0, found.detail or "a syntax error"
    return None


def _near(name: str, folder: FilePath) -> str:
    try:
        names = sorted(str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file())[:200]
    except OSError:
        names = []
    return did_you_mean(name, names, "there are") if names else "the folder is empty or missing"
