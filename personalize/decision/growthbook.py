"""GrowthBook's features and experiments verbatim, as its SDKs evaluate them, over the parts that decide our own.

The algorithm is https://docs.growthbook.io/lib/build-your-own; where it leaves something open, its published cases do
not. Features, rules and experiments are mappings as its API gives them. Nothing is fetched, stored or tracked: a
result says what was decided, and `Context.assignments` what is to be kept.

What a middleware that rewrites pages does itself is refused with a reason: redirects, and experiments bound to URLs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..conditions import compile_condition
from ..conditions import javascript as js
from .experiments import bucket_ranges, choose_variation, hash_unit, in_namespace, is_let_in

Rule = Mapping[str, Any]
Assignments = MutableMapping[str, dict[str, Any]]  # "attribute||value" -> what was assigned to whoever has it

REDIRECT = "a redirect is refused: pages are rewritten here, so that nobody waits twice"
URLS = "urlPatterns are refused: which pages an experiment is on is said by its slot's path"


@dataclass(slots=True)
class Context:
    """Who asks, and all that a GrowthBook payload holds. `assignments` None: nothing is sticky."""

    attributes: Mapping[str, Any] = field(default_factory=dict)
    features: Mapping[str, Rule] = field(default_factory=dict)
    saved_groups: Mapping[str, Sequence[Any] | Mapping[str, Any]] = field(default_factory=dict)
    contextual_bandits: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    forced_variations: Mapping[str, int] = field(default_factory=dict)
    url: str = ""
    enabled: bool = True
    qa_mode: bool = False
    assignments: Assignments | None = None
    _tests: dict[int, tuple[Any, Callable[[Mapping[str, Any]], bool]]] = field(default_factory=dict)

    def meets(self, condition: Mapping[str, Any] | None, values: Mapping[str, Any] | None = None) -> bool:
        """Whether a condition holds of the attributes, or of other values. Each is compiled once."""
        if not condition:
            return True
        known = self._tests.get(id(condition))
        if known is None or known[0] is not condition:
            known = self._tests[id(condition)] = (condition, compile_condition(condition, self.saved_groups))
        return known[1](self.attributes if values is None else values)

    def hashed(self, rule: Rule, attribute: str = "hashAttribute") -> tuple[str, str]:
        """The attribute that a rule hashes by and its value as text; the fallback's where that is empty, which only
        a sticky assignment makes safe."""
        name = rule.get(attribute) or "id"
        value = _as_text(self.attributes.get(name))
        fallback = rule.get("fallbackAttribute")
        if not value and fallback and self.keeps(rule) and (other := _as_text(self.attributes.get(fallback))):
            return fallback, other
        return name, value

    def keeps(self, rule: Rule) -> bool:
        """Whether assignments to it are sticky."""
        return self.assignments is not None and not rule.get("disableStickyBucketing")


@dataclass(frozen=True, slots=True)
class ExperimentResult:
    """What an experiment gave one visitor. `variation` is an index, `refused` says why it may not run here."""

    in_experiment: bool
    variation: int
    value: Any
    key: str
    hash_used: bool
    hash_attribute: str
    hash_value: str
    feature: str | None = None
    bucket: float | None = None
    sticky: bool = False
    passthrough: bool = False
    name: str | None = None
    bandit: Mapping[str, Any] | None = None
    refused: str = ""

    def as_json(self) -> dict[str, Any]:
        """In GrowthBook's own words."""
        told: dict[str, Any] = {
            "key": self.key,
            "featureId": self.feature,
            "inExperiment": self.in_experiment,
            "hashUsed": self.hash_used,
            "variationId": self.variation,
            "value": self.value,
            "hashAttribute": self.hash_attribute,
            "hashValue": self.hash_value,
            "stickyBucketUsed": self.sticky,
        }
        told |= {"bucket": self.bucket} if self.bucket is not None else {}
        told |= {"passthrough": True} if self.passthrough else {}
        told |= {"name": self.name} if self.name is not None else {}
        return {**told, **(self.bandit or {})}


@dataclass(frozen=True, slots=True)
class FeatureResult:
    """What a feature gave one visitor, and from where: unknownFeature, defaultValue, force, experiment, prerequisite
    or cyclicPrerequisite."""

    value: Any
    source: str
    rule: str = ""
    experiment: Rule | None = None
    result: ExperimentResult | None = None

    @property
    def on(self) -> bool:
        return js.truthy(self.value)

    def as_json(self) -> dict[str, Any]:
        """In GrowthBook's own words."""
        told = {"value": self.value, "on": self.on, "off": not self.on, "source": self.source, "ruleId": self.rule}
        if self.experiment is not None and self.result is not None:
            told |= {"experiment": dict(self.experiment), "experimentResult": self.result.as_json()}
        return told


# --- features ------------------------------------------------------------------------------------------


def evaluate_feature(context: Context, key: str, above: frozenset[str] = frozenset()) -> FeatureResult:
    """A feature's value for whoever the context tells of. `above` are the features that wait for this one's."""
    if key in above:
        return FeatureResult(None, "cyclicPrerequisite")
    feature = context.features.get(key)
    if feature is None:
        return FeatureResult(None, "unknownFeature")
    for rule in feature.get("rules") or ():
        barred = _barred(context, rule, above | {key})
        if barred in ("prerequisite", "cyclicPrerequisite"):
            return FeatureResult(None, barred)
        if barred or _filtered_out(context, rule):
            continue
        if "force" in rule:
            if context.meets(rule.get("condition")) and _rolled_out(context, rule, key):
                return FeatureResult(rule["force"], "force", rule.get("id") or "")
        elif rule.get("variations") or rule.get("contextualVariations"):
            experiment, bandit = _experiment_of(context, rule, key)
            result = _run(context, experiment, key, above | {key}, bandit)
            if result.in_experiment and not result.passthrough:
                if result.bandit is not None:
                    experiment["contextualBandit"] = dict(result.bandit)
                return FeatureResult(result.value, "experiment", rule.get("id") or "", experiment, result)
    return FeatureResult(feature.get("defaultValue"), "defaultValue")


def _barred(context: Context, rule: Rule, above: frozenset[str]) -> str:
    """What a rule's parent conditions say: nothing, fail (this rule only), prerequisite or cyclicPrerequisite."""
    for parent in rule.get("parentConditions") or ():
        found = evaluate_feature(context, parent["id"], above)
        if found.source == "cyclicPrerequisite":
            return found.source
        if not context.meets(parent.get("condition"), {"value": found.value}):
            return "prerequisite" if parent.get("gate") else "fail"
    return ""


def _filtered_out(context: Context, rule: Rule) -> bool:
    for each in rule.get("filters") or ():
        _, value = context.hashed(each, "attribute")
        if not value or not is_let_in(value, each["seed"], each["ranges"], each.get("hashVersion") or 2):
            return True
    return False


def _rolled_out(context: Context, rule: Rule, key: str) -> bool:
    """Whether a forced value's coverage or range reaches the visitor."""
    span: Sequence[float] | None = rule.get("range")
    coverage: float | None = rule.get("coverage")
    if not span and coverage is None:
        return True
    _, value = context.hashed(rule)
    unit = hash_unit(rule.get("seed") or key, value, rule.get("hashVersion") or 1) if value else None
    if unit is None:
        return False
    if span:
        return choose_variation(unit, [(span[0], span[1])]) == 0
    return coverage is not None and coverage > 0 and unit <= coverage


_OF_A_RULE = (
    "coverage", "weights", "hashAttribute", "fallbackAttribute", "disableStickyBucketing", "bucketVersion",
    "minBucketVersion", "namespace", "meta", "ranges", "name", "phase", "seed", "hashVersion", "filters", "condition",
)  # fmt: skip


def _experiment_of(context: Context, rule: Rule, key: str) -> tuple[dict[str, Any], Mapping[str, Any] | None]:
    """A rule's experiment, and for a contextual bandit the leaf of its tree that the visitor belongs to, whose
    weights take the place of the rule's."""
    variations = rule.get("variations") or rule["contextualVariations"]
    experiment = {"key": rule.get("key") or key, "variations": variations}
    experiment |= {name: rule[name] for name in _OF_A_RULE if name in rule}
    bandit = context.contextual_bandits.get(rule.get("contextualBanditRef") or "")
    if bandit is None:
        return experiment, None
    fitting = (leaf for leaf in bandit.get("contexts") or () if context.meets(leaf.get("condition")))
    leaf = next(fitting, {"leafId": -1, "weights": rule.get("weights")})
    experiment["weights"] = leaf["weights"]
    return experiment, {
        "leafId": leaf["leafId"],
        "variationWeights": leaf["weights"],
        "banditVersion": bandit.get("banditVersion"),
    }


# --- experiments ---------------------------------------------------------------------------------------


def run_experiment(context: Context, experiment: Rule) -> ExperimentResult:
    """Which variation of an experiment the context's visitor gets. A sticky assignment is written to
    `context.assignments`."""
    return _run(context, experiment, None, frozenset(), None)


def _run(
    context: Context, experiment: Rule, feature: str | None, above: frozenset[str], bandit: Mapping[str, Any] | None
) -> ExperimentResult:
    key, count = experiment["key"], len(experiment["variations"])
    attribute, value = context.hashed(experiment)

    def result(variation: int, unit: float | None = None, sticky: bool = False, refused: str = "") -> ExperimentResult:
        inside = 0 <= variation < count
        index = variation if inside else 0
        meta = _meta(experiment, index)
        return ExperimentResult(
            in_experiment=inside,
            variation=index,
            value=experiment["variations"][index] if count else None,
            key=meta.get("key") or str(index),
            hash_used=unit is not None,
            hash_attribute=attribute,
            hash_value=value,
            feature=feature,
            bucket=unit,
            sticky=sticky,
            passthrough=bool(meta.get("passthrough")),
            name=meta.get("name"),
            bandit=bandit if unit is not None else None,
            refused=refused,
        )

    if refused := _refused(experiment):
        return result(-1, refused=refused)
    if count < 2 or not context.enabled:
        return result(-1)
    if (asked := query_string_override(key, context.url, count)) is not None:
        return result(asked)
    if key in context.forced_variations:
        return result(context.forced_variations[key])
    if experiment.get("status") == "draft" or experiment.get("active") is False or not value:
        return result(-1)
    seen, blocked = _seen_before(context, experiment) if context.keeps(experiment) else (-1, False)
    if seen < 0 and not _targeted(context, experiment, value, above):
        return result(-1)
    unit = hash_unit(experiment.get("seed") or key, value, experiment.get("hashVersion") or 1)
    if unit is None or blocked:
        return result(-1)
    variation = seen
    if seen < 0:
        coverage = 1.0 if experiment.get("coverage") is None else experiment["coverage"]
        ranges = experiment.get("ranges") or bucket_ranges(count, coverage, experiment.get("weights"))
        variation = choose_variation(unit, ranges)
    if variation < 0:
        return result(-1)
    if "force" in experiment:
        return result(-1 if experiment["force"] is None else experiment["force"])
    if context.qa_mode or experiment.get("status") == "stopped":
        return result(-1)
    drawn = result(variation, unit, sticky=seen >= 0)
    if context.keeps(experiment) and drawn.in_experiment:
        _keep(context, experiment, drawn)
    return drawn


def _refused(experiment: Rule) -> str:
    variations = experiment["variations"]
    if any(isinstance(variation, Mapping) and "urlRedirect" in variation for variation in variations):
        return REDIRECT
    return URLS if experiment.get("urlPatterns") else ""


def _targeted(context: Context, experiment: Rule, value: str, above: frozenset[str]) -> bool:
    """Filters or else the namespace, the condition, the parents: what a visitor who was assigned is not asked again."""
    if experiment.get("filters"):
        if _filtered_out(context, experiment):
            return False
    elif (namespace := experiment.get("namespace")) and not in_namespace(value, tuple(namespace)):
        return False
    return context.meets(experiment.get("condition")) and not _barred(context, experiment, above)


def query_string_override(key: str, url: str, count: int) -> int | None:
    """The variation that a URL's query asks for by the experiment's key, None where it asks for none of `count`."""
    _, _, query = url.partition("?")
    for part in query.partition("#")[0].split("&"):
        name, _, value = part.partition("=")
        if name == key and (number := re.match(r"\s*\+?(\d+)", value)):
            return int(number[1]) if int(number[1]) < count else None
    return None


# --- sticky assignment ---------------------------------------------------------------------------------


def _seen_before(context: Context, experiment: Rule) -> tuple[int, bool]:
    """The variation assigned before (-1: none that still exists), and whether an older assignment keeps out. What was
    assigned to the hash attribute goes before what was to its fallback."""
    kept: dict[str, str] = {}
    assignments = context.assignments or {}
    for name in (experiment.get("fallbackAttribute"), experiment.get("hashAttribute") or "id"):
        if name and (value := _as_text(context.attributes.get(name))):
            kept |= assignments.get(f"{name}||{value}", {}).get("assignments", {})
    key = experiment["key"]
    if any(f"{key}__{old}" in kept for old in range(experiment.get("minBucketVersion") or 0)):
        return -1, True
    name = kept.get(f"{key}__{experiment.get('bucketVersion') or 0}")
    found = (i for i in range(len(experiment["variations"])) if name and _meta(experiment, i).get("key") == name)
    return next(found, -1), False


def _keep(context: Context, experiment: Rule, drawn: ExperimentResult) -> None:
    assert context.assignments is not None
    name, value = drawn.hash_attribute, drawn.hash_value
    document = context.assignments.get(f"{name}||{value}", {"assignments": {}})
    version = f"{experiment['key']}__{experiment.get('bucketVersion') or 0}"
    context.assignments[f"{name}||{value}"] = {
        "attributeName": name,
        "attributeValue": value,
        "assignments": {**document["assignments"], version: drawn.key},
    }


def _meta(experiment: Rule, index: int) -> Mapping[str, Any]:
    meta = experiment.get("meta") or ()
    return meta[index] if index < len(meta) else {}


def _as_text(value: Any) -> str:
    """An attribute's value as it is hashed; empty for one that identifies nobody (null, false, 0, empty)."""
    return js.text(value) if js.truthy(value) else ""
