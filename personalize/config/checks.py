"""Whether the parts of a config fit together. Works on the tree, so that a slip in one place hides none in another."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any
from zoneinfo import ZoneInfo

from .actions import check_actions
from .addresses import check_addresses
from .experiments import check_experiment, check_requirements
from .models import duration
from .problems import did_you_mean, quoted
from .rules import check_rules
from .schedule import parse_hours, parse_moment
from .sharing import check_shared
from .shown import Shown, contents
from .storage import check_storage
from .templates import check_templates
from .tree import Path, Tree
from .vocabulary import (
    BUILT_IN_SOURCES,
    EVERYONE,
    EXCLUSIONS,
    LONGEST_PROOF,
    METRICS,
    SOURCE_KINDS,
    STRATEGIES,
)

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
_PLUGIN = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
_PART = re.compile(r"([\w-]+)\.([\w-]+)")


def check(tree: Tree, base: FilePath) -> None:
    """Report everything that does not fit; `base` is the folder that relative names start from."""
    check_names(tree)
    check_storage(tree)
    check_sources(tree)
    shown = list(contents(tree))
    for content in shown:
        check_content(tree, content)
    check_experiences(tree)
    check_goals(tree)
    check_times(tree)
    check_rules(tree)
    check_actions(tree, shown)
    check_shared(tree)
    check_addresses(tree, shown)
    check_templates(tree, shown, base)


# --- names ---------------------------------------------------------------------------------------------


def check_names(tree: Tree) -> None:
    for kind in ("slots", "segments", "sources"):
        for path, _ in tree.each(kind, "*"):
            _name(tree, path, str(path[-1]), at_key=True)
    if EVERYONE in _mapping(tree.get(("segments",))):
        tree.report("PZ206", ("segments", EVERYONE), f'"{EVERYONE}" means everyone', "choose another name", at="key")
    for path, experiences in tree.each("slots", "*", "experiences"):
        _unique(tree, path, experiences, "experience", names=True)
    for path, variants in tree.each("slots", "*", "experiences", "*", "experiment", "variants"):
        _unique(tree, path, variants, "variant", names=False)


def _name(tree: Tree, path: Path, name: str, *, at_key: bool) -> None:
    if not _NAME.fullmatch(name):
        plain = re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-_")
        message = f"{quoted(name)} is no name: a-z, 0-9, - and _ only, beginning with a letter or digit"
        tree.report("PZ206", path, message, f'write "{plain}"' if plain else "", at="key" if at_key else "value")


def _unique(tree: Tree, path: Path, items: Any, what: str, *, names: bool) -> None:
    first: dict[str, int] = {}
    for i, item in enumerate(items if isinstance(items, list) else []):
        name = item.get("id") if isinstance(item, Mapping) else None
        if not isinstance(name, str):
            continue
        where = (*path, i, "id")
        if name in first:
            line = tree.place((*path, first[name], "id")).line
            hint = f"the first is in line {line}" if line else ""
            tree.report("PZ207", where, f"the id {quoted(name)} is taken by another {what}", hint)
        elif names:
            _name(tree, where, name, at_key=False)
        first.setdefault(name, i)


# --- sources, and what is shown ------------------------------------------------------------------------


def check_sources(tree: Tree) -> None:
    for path, use in tree.each("sources", "*", "use"):
        if isinstance(use, str) and use not in SOURCE_KINDS and not _PLUGIN.fullmatch(use):
            hint = did_you_mean(use, SOURCE_KINDS, 'write "package.module:Name", or one of')
            tree.report("PZ204", path, f"{quoted(use)} is no kind of source", hint)


def source_use(tree: Tree, name: str) -> str | None:
    """A source's kind by its name, None for an unknown name."""
    use = tree.get(("sources", name, "use"))
    return use if isinstance(use, str) else name if name in BUILT_IN_SOURCES else None


def check_content(tree: Tree, content: Shown) -> None:
    path, raw = content.path, content.raw
    if "kind" in raw:
        tree.report(
            "PZ201", (*path, "kind"), 'unknown key "kind"', "it follows from what is written beside it", at="key"
        )
    if "html" in raw and (other := next((key for key in ("source", "template", "parts") if key in raw), None)):
        tree.report("PZ208", (*path, other), f"html and {other} cannot both be shown", "keep one of them", at="key")
    _parts(tree, content)
    source = content.text("source")
    if source is None:
        if "parts" in raw and "html" not in raw and "source" not in raw and content.template is None:
            _needs_template(tree, path, "parts need a template to stand in")
        return
    names = {*_mapping(tree.get(("sources",))), *BUILT_IN_SOURCES}
    if source not in names:
        hint = did_you_mean(source, names, "there are")
        tree.report("PZ304", (*path, "source"), f"there is no source {quoted(source)}", hint)
        return
    use = source_use(tree, source)
    if use in ("recommendations", "proof") and content.template is None:
        _needs_template(tree, path, f"what {quoted(source)} gives needs a template to stand in")
    if use == "recommendations":
        _word(tree, (*path, "strategy"), "strategy", STRATEGIES)
    if use == "proof":
        _word(tree, (*path, "metric"), "metric", METRICS)
        if "item" not in raw:
            hint = 'such as item: "{product}"'
            tree.report(
                "PZ202", (*path, "item"), '"item" is missing: social proof is about one product', hint, at="key"
            )
        if _seconds(raw.get("window")) > LONGEST_PROOF:
            tree.report("PZ205", (*path, "window"), "social proof looks back at most 30 days")


def _seconds(value: Any) -> float:
    try:
        return duration(value)
    except ValueError:
        return 0.0


def _needs_template(tree: Tree, path: Path, message: str) -> None:
    tree.report("PZ310", (*path, "template"), message, "write template: NAME.html here or in the slot", at="key")


def _word(tree: Tree, path: Path, what: str, known: tuple[str, ...]) -> None:
    value = tree.get(path)
    if isinstance(value, str) and value not in known:
        tree.report("PZ307", path, f"there is no {what} {quoted(value)}", did_you_mean(value, known, "there are"))


def _parts(tree: Tree, content: Shown) -> None:
    for variable, text in _mapping(content.raw.get("parts")).items():
        _part(tree, (*content.path, "parts", variable), text)


def _part(tree: Tree, where: Path, text: Any) -> None:
    groups = _mapping(tree.get(("parts",)))
    if found := _PART.fullmatch(text) if isinstance(text, str) else None:
        group, name = found.groups()
        if group in groups and name not in _mapping(groups[group]):
            hint = did_you_mean(name, _mapping(groups[group]), "there are")
            tree.report("PZ305", where, f"there is no part {quoted(name)} in {group}", hint)
        elif group not in groups and (holds := [g for g in groups if name in _mapping(groups[g])]):
            # Text may hold a dot ("snow.webp"); it is a slip only where a group like it does have such a part.
            hint = did_you_mean(group, holds)
            if hint.startswith("did"):
                tree.report("PZ305", where, f"there is no group of parts {quoted(group)}", hint)


# --- experiences ---------------------------------------------------------------------------------------


def check_experiences(tree: Tree) -> None:
    for path, experience in tree.each("slots", "*", "experiences", "*"):
        if not isinstance(experience, Mapping):
            continue
        test = _mapping(experience.get("experiment"))
        if "show" in experience and "experiment" in experience and "parts" not in test:
            hint = "an experiment's variants say what is shown"
            tree.report("PZ208", (*path, "show"), "show and experiment cannot both stand here", hint, at="key")
        elif "show" not in experience and "experiment" not in experience:
            hint = "give it show or experiment"
            tree.report("PZ208", (*path, "show"), "this experience shows nothing", hint, at="key")
        for i, value in enumerate(_list(experience.get("exclude"))):
            if isinstance(value, str):
                _word(tree, (*path, "exclude", i), "exclusion", EXCLUSIONS)
    for path, experiment in tree.each("slots", "*", "experiences", "*", "experiment"):
        check_experiment(tree, path, _mapping(experiment))
        if "parts" in _mapping(experiment):
            _drawn(tree, path)
    check_requirements(tree)


def _drawn(tree: Tree, path: Path) -> None:
    """The parts that an experiment draws, and the template that they stand in."""
    for name, levels in _mapping(tree.get((*path, "parts"))).items():
        for i, level in enumerate(_list(levels)):
            _part(tree, (*path, "parts", name, i, "part"), _mapping(level).get("part"))
    shown = tree.get((*path[:-1], "show"))
    if shown is not None and (not isinstance(shown, Mapping) or "html" in shown):
        message = "the parts of an experiment cannot stand in this"
        tree.report("PZ208", (*path[:-1], "show"), message, "show a template, or parts that it adds", at="key")
    elif not isinstance(_mapping(shown).get("template") or tree.get((*path[:2], "template")), str):
        where = (*path, "parts") if shown is None else (*path[:-1], "show")
        _needs_template(tree, where, "the parts of an experiment need a template to stand in")


def check_goals(tree: Tree) -> None:
    names = _mapping(tree.get(("goals",)))
    experiment = ("slots", "*", "experiences", "*", "experiment")
    for place in ((*experiment, "goal"), (*experiment, "guardrails", "*")):
        for path, goal in tree.each(*place):
            if isinstance(goal, str) and goal not in names:
                tree.report("PZ306", path, f"there is no goal {quoted(goal)}", did_you_mean(goal, names, "there are"))


# --- times ---------------------------------------------------------------------------------------------


def check_times(tree: Tree) -> None:
    zone = check_timezone(tree)
    for path, schedule in tree.each("slots", "*", "experiences", "*", "schedule"):
        moments: dict[str, float] = {}
        for key in ("from", "until"):
            text = _mapping(schedule).get(key)
            if isinstance(text, str):
                try:
                    moments[key] = parse_moment(text, zone)
                except ValueError as error:
                    tree.report("PZ312", (*path, key), f"{quoted(text)}: {error}")
        if len(moments) == 2 and moments["until"] <= moments["from"]:
            tree.report("PZ312", (*path, "until"), "the schedule ends before it begins")
        hours = _mapping(schedule).get("hours")
        if isinstance(hours, str):
            try:
                parse_hours(hours)
            except ValueError as error:
                tree.report("PZ312", (*path, "hours"), f"{quoted(hours)}: {error}")


def check_timezone(tree: Tree) -> ZoneInfo:
    """The config's zone; UTC where it names none that exists."""
    name = tree.get(("timezone",))
    if isinstance(name, str):
        try:
            return ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            from zoneinfo import available_timezones

            known = available_timezones()
            hint = did_you_mean(name, known) if known else "no time zones are installed here: pip install tzdata"
            tree.report("PZ311", ("timezone",), f"there is no time zone {quoted(name)}", hint)
    return ZoneInfo("UTC")


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
