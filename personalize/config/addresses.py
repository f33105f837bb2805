"""Paths and addresses: patterns that compile, placeholders that something fills, hosts that no visitor chooses."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from ..conditions import FACTS, find_fact
from ..paths import PatternError, compile_path
from .problems import did_you_mean, quoted
from .shown import Shown
from .tree import Path, Tree

_HOLE = re.compile(r"\{([^{}]*)\}")


def check_addresses(tree: Tree, shown: Sequence[Shown]) -> None:
    captured = _slot_paths(tree)
    _signals(tree)
    _prefix(tree)
    for path, source in tree.each("sources", "*"):
        if isinstance(source, Mapping):
            _source(tree, path, source)
    for content in shown:
        names = captured.get(str(content.slot[-1]))
        if names is not None:
            _placeholders(tree, content, names)


def _slot_paths(tree: Tree) -> dict[str, frozenset[str]]:
    """Slot -> the names that every one of its paths captures; slots with a bad path are left out."""
    captured: dict[str, frozenset[str]] = {}
    for path, match in tree.each("slots", "*", "match"):
        if not isinstance(match, Mapping):
            continue
        if "element" in match and "comment" in match:
            hint = "a slot is found by an element or by a pair of comments"
            tree.report("PZ209", (*path, "comment"), "element and comment cannot both stand here", hint, at="key")
        written = match.get("path")
        patterns = [((*path, "path"), written)] if isinstance(written, str) else []
        if isinstance(written, list):
            patterns = [((*path, "path", i), p) for i, p in enumerate(written) if isinstance(p, str)]
            if not written:
                tree.report("PZ205", (*path, "path"), '"path" names no page', 'such as path: ["/", "/home"]')
        names = [_pattern(tree, where, pattern) for where, pattern in patterns]
        known = [n for n in names if n is not None]
        if known and len(known) == len(names):
            captured[str(path[1])] = frozenset.intersection(*known)
    return captured


def _pattern(tree: Tree, path: Path, pattern: str) -> frozenset[str] | None:
    try:
        return frozenset(compile_path(pattern).names)
    except PatternError as error:
        tree.report("PZ313", path, f"{quoted(pattern)} is no path: {error}")
        return None


def _signals(tree: Tree) -> None:
    for path, signal in tree.each("site", "signals", "*"):
        if not isinstance(signal, Mapping) or not isinstance(pattern := signal.get("path"), str):
            continue
        names = _pattern(tree, (*path, "path"), pattern)
        if names is not None:
            _filled(tree, (*path, "item"), signal.get("item"), names, "the signal's path")


def _prefix(tree: Tree) -> None:
    prefix = tree.get(("site", "prefix"))
    if isinstance(prefix, str) and not re.fullmatch(r"(?:/[\w.~-]+)+", prefix):
        tree.report("PZ313", ("site", "prefix"), f"{quoted(prefix)} is no prefix", 'such as "/_personalize"')


def _source(tree: Tree, path: Path, source: Mapping[str, Any]) -> None:
    for i, name in enumerate(source.get("vary_by") or [] if isinstance(source.get("vary_by"), list) else []):
        if isinstance(name, str) and find_fact(name) is None:
            tree.report("PZ322", (*path, "vary_by", i), f"there is no fact {quoted(name)}", did_you_mean(name, FACTS))
    if source.get("use") != "http":
        return
    url = source.get("url")
    if url is None:
        hint = 'such as "https://cms.example/{path}"'
        tree.report("PZ202", (*path, "url"), f'"url" is missing in "{path[-1]}"', hint, at="key")
    elif isinstance(url, str) and (wrong := _wrong_url(url)):
        tree.report("PZ315", (*path, "url"), *wrong)


def _wrong_url(url: str) -> tuple[str, str] | None:
    """(message, hint) for an address that a source cannot use. The address itself stays out of the message: a variable
    may have put a secret into it."""
    if url != url.strip() or any(c.isspace() or not c.isprintable() for c in url):
        return "an address has no spaces", ""
    try:
        parts = urlsplit(_HOLE.sub("x", url))
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "this is no address", 'such as "https://cms.example/fragments/{path}"'
    if parts.scheme not in ("http", "https") or not host:
        return "an address begins with https:// or http:// and a host", 'such as "https://cms.example/fragments/{path}"'
    head, hole, _ = url.partition("{")
    if hole and head.count("/") < 3:
        return "the scheme and the host are fixed: a placeholder may stand behind them only", ""
    if parts.username is not None or parts.fragment:
        return "an address for a source holds no user name and no #fragment", ""
    if "{" in _HOLE.sub("", url) or "}" in _HOLE.sub("", url):
        return "a brace is opened or closed alone", 'a placeholder is written "{name}"'
    return None


def _placeholders(tree: Tree, content: Shown, names: frozenset[str]) -> None:
    for key in ("item", "path"):
        _filled(tree, (*content.path, key), content.raw.get(key), names, "the slot's path")
    source = content.text("source")
    config = tree.get(("sources", source)) if source is not None else None
    if not isinstance(config, Mapping) or config.get("use") != "http" or not isinstance(url := config.get("url"), str):
        return
    vary_by = config.get("vary_by")
    filled = {"path", *names, *(v for v in (vary_by if isinstance(vary_by, list) else []) if isinstance(v, str))}
    for hole in _HOLE.findall(url):
        if hole not in filled:
            message = f"the url of {quoted(str(source))} has {{{hole}}}, which the slot's path does not capture"
            hint = "capture it in the path, or name it in the source's vary_by"
            tree.report("PZ314", (*content.path, "source"), message, hint)


def _filled(tree: Tree, path: Path, text: Any, names: frozenset[str], by: str) -> None:
    for hole in _HOLE.findall(text) if isinstance(text, str) else []:
        if hole not in names:
            hint = did_you_mean(hole, names, "it captures") if names else f"write {{{hole}}} in the path"
            tree.report("PZ314", path, f"{{{hole}}} is not captured by {by}", hint)
