"""Whether a shared slot could know anything of one visitor. What it would be told is nothing; this says so early."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..conditions import ConditionError, Rule, compile_rule
from .problems import quoted
from .tree import Path, Tree

_OF_THE_PAGE = frozenset(("path", "host", "query", "params", "utm", "time", "segments"))
_FROM = {"language": "Accept-Language", "locale": "Accept-Language", "device": "User-Agent", "referrer": "Referer"}
_OF_ONE = ("cap", "cool_down", "delay", "expire", "holdout", "experiment")
_MAY = "a shared slot may ask about the address, the time, and what the headers in site.shared.vary tell"


def check_shared(tree: Tree) -> None:
    """Report shared slots that ask for more than a cache in front can tell apart."""
    told = tree.get(("site", "shared"))
    shared = told if isinstance(told, Mapping) else {}
    vary = {name.lower() for name in _texts(shared.get("vary"))}
    named = shared.get("segments")
    if isinstance(named, str) and named.lower() not in vary:
        message = f"copies must be told apart by {quoted(named)} too"
        tree.report("PZ327", ("site", "shared", "segments"), message, "add it to vary")
    for path, slot in tree.each("slots", "*"):
        if not isinstance(slot, Mapping) or slot.get("shared") is not True:
            continue
        name = quoted(str(path[-1]))
        if not shared:
            hint = "write site: {shared: {vary: [CF-IPCountry]}}"
            tree.report("PZ327", (*path, "shared"), f"{name} is shared, but site.shared is missing", hint, at="key")
            continue
        if slot.get("consent") != "none":
            message = f"{name} is shared by visitors who consented and others"
            tree.report("PZ327", (*path, "shared"), message, "write consent: none, or leave shared out", at="key")
        for where, key in _of_one(path, slot):
            tree.report("PZ327", where, f"{quoted(key)} is about one visitor, and {name} is shared", at="key")
        for where, when in tree.each("slots", str(path[-1]), "experiences", "*", "when"):
            for wrong, hint in _personal(tree, when, vary, isinstance(named, str)):
                tree.report("PZ327", where, f"{wrong}, and {name} is shared", hint)


def _of_one(path: Path, slot: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    if "cap" in slot:
        yield (*path, "cap"), "cap"
    experiences = slot.get("experiences")
    for i, experience in enumerate(experiences if isinstance(experiences, list) else []):
        for key in _OF_ONE if isinstance(experience, Mapping) else ():
            if key in experience:
                yield (*path, "experiences", i, key), key


def _personal(tree: Tree, when: Any, vary: set[str], named: bool) -> Iterator[tuple[str, str]]:
    """(what a condition asks of one visitor, what to do) for each such thing."""
    segments = tree.get(("segments",))
    known: Mapping[str, Any] = segments if isinstance(segments, Mapping) else {}
    geo = _texts(tree.get(("site", "geo_headers")))
    for rule, of in _rules(when, known, follow=not named):
        within = f" (in the segment {quoted(of)})" if of else ""
        if rule is None:
            yield f"{quoted(of)} is a list of visitors", "have the cache name the segments: site.shared.segments"
            continue
        for behaviour in rule.behaviours.values():
            yield f"{behaviour.kind} tells of one visitor{within}", _MAY
        for fact in sorted(rule.reads - rule.behaviours.keys()):
            family = fact.partition(".")[0]
            headers = geo if family == "country" else [_FROM[family]] if family in _FROM else []
            if family in _OF_THE_PAGE:
                continue
            if not headers:
                yield f"{quoted(fact)} tells of one visitor{within}", _MAY
            elif missing := [h for h in headers if h.lower() not in vary]:
                yield f"{quoted(fact)} is read from {missing[0]}{within}", "add that header to site.shared.vary"


def _rules(when: Any, segments: Mapping[str, Any], *, follow: bool) -> Iterator[tuple[Rule | None, str]]:
    """A condition, and those of the segments it is made of with their names; None for a segment that is a list."""
    try:
        rule = compile_rule(when, list(segments))
    except ConditionError:
        return  # told elsewhere
    yield rule, ""
    waiting, done = sorted(rule.segments) if follow else [], set[str]()
    while waiting:
        name = waiting.pop(0)
        segment = segments.get(name)
        if name in done or not isinstance(segment, Mapping):
            continue
        done.add(name)
        if "members" in segment:
            yield None, name
        condition = {key: segment[key] for key in ("all", "any", "not") if isinstance(segment.get(key), list)}
        try:
            inner = compile_rule(condition, list(segments)) if condition else None
        except ConditionError:
            continue
        if inner is not None:
            yield inner, name
            waiting += sorted(inner.segments)


def _texts(value: Any) -> list[str]:
    items: Iterable[Any] = value if isinstance(value, list) else ()
    return [item for item in items if isinstance(item, str)]
