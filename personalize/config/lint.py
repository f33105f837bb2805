"""What loads and serves but is probably not meant: warnings."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from ..conditions import SegmentRules, compile_rule
from ..model import Problem
from .bandits import lint_bandits
from .impossible import contradictions
from .misspelt import lint_events
from .models import Config, Content, Experience, Experiment
from .schedule import parse_moment
from .together import lint_groups, lint_keys
from .tree import Path, Tree
from .unsupported import unsupported
from .vocabulary import BUILT_IN_SOURCES, EVERYONE

# Copy that tells people they are being watched; each finds the phrase in text with single spaces.
CREEPY = tuple(
    re.compile(rf"\b{phrase}\b", re.IGNORECASE)
    for phrase in (
        r"we(?:['’]ve| have)? (?:just )?(?:saw|seen|noticed|spotted|caught) (?:that )?you",
        r"we(?:['’]ve| have)? been watching",
        r"(?:watching|following|tracking|observing|monitoring) you",
        r"we (?:track|tracked|watch|watched|follow|followed|monitor|remember) (?:you|your|everything|what)",
        r"we know (?:you|your|what|where|when|who|that you|how)",
        r"(?:you|your) (?:current|exact|home) (?:location|address)",
        r"you (?:are|were) (?:at home|alone|near)",
        r"you(?:['’]re) (?:at home|alone|near)",
        r"while you were (?:away|sleeping|out)",
        r"last seen (?:at|in|near)",
    )
)


def lint(config: Config, tree: Tree, now: float) -> list[Problem]:
    """Warnings, sorted by place. `now` is Unix seconds: a schedule may be over."""
    found = [
        *_unreachable(config, tree),
        *_unused(config, tree),
        *_over(config, tree, now),
        *_unmeasured(config, tree),
        *_creepy(config, tree),
        *_without_effect(config, tree),
        *lint_bandits(tree),
        *lint_events(tree),
        *_impossible(config, tree),
        *lint_keys(config, tree),
        *lint_groups(config, tree),
        *unsupported(tree),
    ]
    return sorted(found, key=lambda p: (p.mark.line, p.mark.column, p.code, p.message))


def _warn(tree: Tree, code: str, path: Path, message: str, hint: str = "") -> Problem:
    return tree.problem(code, path, message, hint, severity="warning")


def _experiences(config: Config) -> Iterator[tuple[Path, Experience]]:
    for name, slot in config.slots.items():
        for i, experience in enumerate(slot.experiences):
            yield ("slots", name, "experiences", i), experience


# --- never shown ---------------------------------------------------------------------------------------


def _unreachable(config: Config, tree: Tree) -> Iterator[Problem]:
    for name, slot in config.slots.items():
        above: list[tuple[frozenset[str], str]] = []
        for i, experience in enumerate(slot.experiences):
            if experience.status != "live":
                continue
            asked = parts_of(experience.when)
            taker = next((taken for needs, taken in above if needs <= asked), None)
            if (experience.delay or experience.expire) and not _has_signal(config, experience):
                message = f'"{experience.id}" can never be shown: delay and expire need something the visitor did'
                hint = "ask for it in when: viewed, bought, replenishment, happened, or a segment with remember_for"
                yield _warn(tree, "PZ401", ("slots", name, "experiences", i), message, hint)
            if taker is not None:
                message = f'"{experience.id}" can never be shown: "{taker}" above it takes every visitor it could match'
                yield _warn(
                    tree, "PZ401", ("slots", name, "experiences", i), message, "put it higher, or narrow the other"
                )
            if _nobody(experience.experiment):
                message = f'"{experience.id}" can never be shown: nobody takes part in its experiment'
                yield _warn(tree, "PZ401", ("slots", name, "experiences", i), message, "give it coverage, or a range")
            elif taker is None and _always(experience):
                above.append((asked, experience.id))


def _has_signal(config: Config, experience: Experience) -> bool:
    rules = SegmentRules(config.segments)
    behaviours, segments = rules.signals(compile_rule(experience.when, config.segments))
    # A favourite is a habit: it has no moment that a delay could count from.
    moments = [key for key in behaviours if not key.startswith("favourite(")]
    return bool(moments) or any(config.segments[s].remember_for is not None for s in segments)


def parts_of(when: Any) -> frozenset[str]:
    """The conditions that must all hold, each as canonical text; empty for everyone. What asks for fewer of them is
    met by every visitor who meets the whole."""
    if when == EVERYONE:
        return frozenset()
    if isinstance(when, list | tuple):
        return frozenset().union(*(parts_of(part) for part in when))
    if isinstance(when, Mapping):
        parts = [parts_of(value) if key == "all" else {_text({key: value})} for key, value in when.items()]
        return frozenset().union(*parts)
    return frozenset({_text(when)})


def _text(part: Any) -> str:
    return json.dumps(part, sort_keys=True, default=str)


def _always(experience: Experience) -> bool:
    """Whether it takes every visitor who meets its condition, at any time."""
    e, test = experience, experience.experiment
    split = test is not None and (
        test.coverage < 1 or test.namespace is not None or test.filters or test.requires or _has_ranges(test)
    )
    return not (split or e.schedule or e.cap or e.cool_down or e.delay or e.expire or e.exclusive_group)


def _nobody(test: Experiment | None) -> bool:
    if test is None:
        return False
    ranges = [variant.range for variant in test.variants if variant.range is not None]
    return test.coverage == 0 or (bool(ranges) and all(low == high for low, high in ranges))


def _impossible(config: Config, tree: Tree) -> Iterator[Problem]:
    conditions = [((*path, "when"), experience.when) for path, experience in _experiences(config)]
    for name, segment in config.segments.items():
        conditions.append((("segments", name), segment.condition))
    for path, raw in conditions:
        for place, wrong in contradictions(config, raw, path):
            yield tree.problem("PZ410", place, f"this can never hold: {wrong}", severity="warning")


def _has_ranges(test: Experiment) -> bool:
    return any(variant.range is not None for variant in test.variants)


# --- never used ----------------------------------------------------------------------------------------


def _unused(config: Config, tree: Tree) -> Iterator[Problem]:
    for kind, names, used in (
        ("segments", config.segments, _used_segments(config)),
        ("sources", config.sources, {c.source for _, c in _contents(config) if c.source}),
        ("goals", config.goals, _used_goals(config)),
    ):
        for name in names:
            if name not in used:
                yield _warn(tree, "PZ402", (kind, name), f'no experience uses the {kind[:-1]} "{name}"')
    texts = {text for _, content in _contents(config) for text in content.parts.values()}
    texts |= {text for path, experience in _experiences(config) for _, text in _levels(path, experience)}
    for group, parts in config.parts.items():
        for name in parts:
            if f"{group}.{name}" not in texts:
                yield _warn(tree, "PZ402", ("parts", group, name), f'no experience uses the part "{group}.{name}"')


def _used_segments(config: Config) -> set[str]:
    conditions = [experience.when for _, experience in _experiences(config)]
    conditions += [segment.condition for segment in config.segments.values()]
    asked = {name for condition in conditions for name in compile_rule(condition, config.segments).segments}
    return asked.union(*(e.experiment.bandit.by for _, e in _experiences(config) if e.experiment is not None))


def _used_goals(config: Config) -> set[str]:
    used: set[str] = set()
    for _, experience in _experiences(config):
        if experience.experiment is not None:
            used.update(experience.experiment.guardrails)
            used.add(experience.experiment.goal or "")
    return used


def _contents(config: Config) -> Iterator[tuple[Path, Content]]:
    for name, slot in config.slots.items():
        yield ("slots", name, "default"), slot.default
        yield ("slots", name, "fallback"), slot.fallback
    for path, experience in _experiences(config):
        yield from _contents_of(path, experience)


def _contents_of(path: Path, experience: Experience) -> Iterator[tuple[Path, Content]]:
    if experience.show is not None:
        yield (*path, "show"), experience.show
    if experience.experiment is not None:
        for i, variant in enumerate(experience.experiment.variants):
            where: Path = (*path, "experiment", "variants", i)
            yield ((*where, "show") if variant.show is not None else where), variant.content


def _levels(path: Path, experience: Experience) -> Iterator[tuple[Path, str]]:
    """The texts that an experiment draws its parts from."""
    for part, levels in (experience.experiment.parts if experience.experiment is not None else {}).items():
        for i, level in enumerate(levels):
            yield (*path, "experiment", "parts", part, i, "part"), level.part


# --- over ----------------------------------------------------------------------------------------------


def _over(config: Config, tree: Tree, now: float) -> Iterator[Problem]:
    zone = ZoneInfo(config.timezone)
    for path, experience in _experiences(config):
        until = experience.schedule.until if experience.schedule is not None else None
        if until is not None and experience.status in ("live", "preview") and parse_moment(until, zone) <= now:
            message = f'the schedule of "{experience.id}" ended on {until}'
            yield _warn(tree, "PZ403", (*path, "schedule", "until"), message, "set status: archived, or a later time")


# --- habits and manners --------------------------------------------------------------------------------


def _unmeasured(config: Config, tree: Tree) -> Iterator[Problem]:
    for path, experience in _experiences(config):
        if experience.status != "live":
            continue
        tested = [v.content for v in experience.experiment.variants] if experience.experiment is not None else []
        shown = tested or ([experience.show] if experience.show is not None else [])
        if any(_is_proof(config, c) for c in shown) and not any(c.kind in ("page", "empty") for c in tested):
            message = f'"{experience.id}" shows social proof that nobody measures'
            hint = "measure it: start it as an experiment against none, with a variant that shows the page as it is"
            yield _warn(tree, "PZ404", path, message, hint)


def _is_proof(config: Config, content: Content) -> bool:
    if content.source is None:
        return False
    source = config.sources.get(content.source)
    return content.source == "proof" if source is None else source.use == "proof"


def _creepy(config: Config, tree: Tree) -> Iterator[Problem]:
    for path, text in _copy(config):
        flat = " ".join(text.split())
        if found := next((m for phrase in CREEPY if (m := phrase.search(flat))), None):
            message = f'"{found[0]}" makes people feel watched'
            yield _warn(tree, "PZ405", path, message, "say what they get from it, or what they did themselves")


def _copy(config: Config) -> Iterator[tuple[Path, str]]:
    """Every text that visitors may read."""
    for path, experience in _experiences(config):
        yield (*path, "why"), experience.why
    for path, content in _contents(config):
        if content.html is not None:
            yield (*path, "html"), content.html
        for key, values in (("parts", content.parts), ("vars", content.vars)):
            for name, value in values.items():
                if isinstance(value, str):
                    yield (*path, key, name), value
    for path, experience in _experiences(config):
        yield from _levels(path, experience)
    for group, parts in config.parts.items():
        for name, part in parts.items():
            if isinstance(part, str):
                yield ("parts", group, name), part


# --- without effect ------------------------------------------------------------------------------------

_ONLY = {
    "strategy": ("recommendations",), "limit": ("recommendations",), "novelty": ("recommendations",),
    "item": ("recommendations", "proof"), "metric": ("proof",), "window": ("proof",), "min_count": ("proof",),
    "path": ("http",),
}  # fmt: skip
_ONLY_HTTP = ("url", "vary_by", "allow_private", "concurrency", "deadline")


def _without_effect(config: Config, tree: Tree) -> Iterator[Problem]:
    for path, content in _contents(config):
        if content.kind == "last_good" and path[-1] != "fallback":
            yield _warn(tree, "PZ407", path, "last_good means something as a fallback only: here it shows the page")
        use = _use(config, content)
        if use == "recommendations" and config.catalogue is None:
            hint = "write catalogue: {file: products.jsonl}"
            yield _warn(tree, "PZ407", (*path, "source"), "there is no catalogue to recommend products from", hint)
        if use is not None and use not in (*BUILT_IN_SOURCES, "http"):
            continue  # a plugin may read any of them
        for key in sorted(content.model_fields_set & _ONLY.keys()):
            if use not in _ONLY[key]:
                yield _warn(
                    tree, "PZ407", (*path, key), f'"{key}" has no effect here', f"it is for {' and '.join(_ONLY[key])}"
                )
    for where, experience in _experiences(config):
        uses = [_use(config, content) for _, content in _contents_of(where, experience)]
        if (
            experience.exclude
            and "recommendations" not in uses
            and all(u in (None, *BUILT_IN_SOURCES, "http") for u in uses)
        ):
            hint = "it is for recommendations"
            yield _warn(tree, "PZ407", (*where, "exclude"), '"exclude" has no effect here', hint)
    for name, slot in config.slots.items():
        for i, experience in enumerate(slot.experiences if slot.consent == "none" else ()):
            if experience.holdout is not None:
                where = ("slots", name, "experiences", i, "holdout")
                hint = "the slot needs no consent, so it is decided without an id"
                yield _warn(tree, "PZ407", where, '"holdout" has no effect here', hint)
    for name, source in config.sources.items():
        if source.use in BUILT_IN_SOURCES:
            for key in sorted(source.model_fields_set.intersection(_ONLY_HTTP)):
                yield _warn(tree, "PZ407", ("sources", name, key), f'"{key}" has no effect here', "it is for http")
        if source.options and source.use in (*BUILT_IN_SOURCES, "http"):
            yield _warn(
                tree, "PZ407", ("sources", name, "options"), '"options" has no effect here', "it is for plugins"
            )


def _use(config: Config, content: Content) -> str | None:
    """The kind of the content's source, None where it has none."""
    if content.source is None:
        return None
    source = config.sources.get(content.source)
    return content.source if source is None else source.use
