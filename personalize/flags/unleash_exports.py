"""The shapes in which Unleash gives flags away, brought to the one that its clients fetch.

- What a client fetches: each feature with its strategies, and the segments.
- The same as a stream of changes ("events"), of which the first holds everything.
- An export of an environment, and the older export of a whole instance: strategies and environments in lists of their
  own, beside the features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .draft import Draft

Raw = Mapping[str, Any]


def as_fetched(draft: Draft, export: Raw) -> tuple[Sequence[Raw], Sequence[Raw]]:
    """Features and segments as a client has them. Raises ValueError for what is no export."""
    if isinstance(export.get("events"), list):
        return _followed(export["events"])
    features = export.get("features")
    if not isinstance(features, list):
        raise ValueError('an Unleash export has a list of "features"')
    if isinstance(export.get("featureStrategies"), list):
        features = _of_one_environment(draft, export, features)
    return features, export.get("segments") or ()


def _followed(events: Sequence[Raw]) -> tuple[Sequence[Raw], Sequence[Raw]]:
    features: dict[Any, Raw] = {}
    segments: dict[Any, Raw] = {}
    for event in events:
        kind = event["type"]
        if kind == "hydration":
            features = {each["name"]: each for each in event["features"]}
            segments = {each["id"]: each for each in event.get("segments") or ()}
        elif kind == "feature-updated":
            features[event["feature"]["name"]] = event["feature"]
        elif kind == "feature-removed":
            features.pop(event["featureName"], None)
        elif kind == "segment-updated":
            segments[event["segment"]["id"]] = event["segment"]
        elif kind == "segment-removed":
            segments.pop(event["segmentId"], None)
        else:
            raise ValueError(f'"{kind}" is no event of Unleash that is known')
    return list(features.values()), list(segments.values())


def _of_one_environment(draft: Draft, export: Raw, features: Sequence[Raw]) -> list[Raw]:
    environments = export.get("featureEnvironments") or ()
    names = list(dict.fromkeys(each["environment"] for each in environments if each.get("environment")))
    chosen = "production" if "production" in names or not names else names[0]
    if len(names) > 1:
        draft.note("all", f"the flags as they are in {chosen}; left out: {', '.join(n for n in names if n != chosen)}")
    needs = {each["feature"]: each["dependencies"] for each in export.get("dependencies") or ()}
    within: dict[Any, list[Any]] = {}
    for each in export.get("featureStrategySegments") or ():
        within.setdefault(each["featureStrategyId"], []).append(each["segmentId"])
    found: list[Raw] = []
    for feature in features:
        name = feature["name"]
        if feature.get("archived"):
            continue
        here = [each for each in environments if _of(each) == name and each.get("environment", chosen) == chosen]
        theirs = [
            {**each, "name": each.get("strategyName") or each["name"],
             "segments": each.get("segments") or within.get(each.get("id"), [])}
            for each in sorted(export["featureStrategies"], key=lambda each: each.get("sortOrder") or 0)
            if each["featureName"] == name and each.get("environment", chosen) == chosen
        ]  # fmt: skip
        state = here[0] if here else {"enabled": feature.get("enabled", False)}
        found.append({
            **feature, "enabled": state["enabled"], "strategies": theirs,
            "variants": state.get("variants") or feature.get("variants"), "dependencies": needs.get(name),
        })  # fmt: skip
    for plan in export.get("releasePlans") or ():
        draft.note(plan.get("featureName") or "a release plan", "its release plan is not carried")
    return found


def _of(environment: Raw) -> Any:
    return environment.get("featureName") or environment.get("name")
