"""The tree behind one slot's choice: every gate, what it saw, and why the others did not win."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ..conditions import SegmentRules
from ..model import Choice, Draw, Profile, Step
from .bandits import Bandit, drawn
from .case import Case
from .experiments import Kept, Split, hash_unit, is_held_out, kept_by
from .mixes import Mix
from .slot import CompiledExperience, CompiledSlot

if TYPE_CHECKING:
    from ..config.models import Holdout


def trace_slot(
    slot: CompiledSlot,
    choice: Choice,
    case: Case,
    draws: Mapping[str, Draw],
    segments: SegmentRules,
    holdout: Holdout | None,
    taken: Mapping[str, str],
) -> Step:
    """Why `slot` shows `choice` in this case; `draws` are what bandits drew, `taken` the exclusive groups that slots
    above took, with what they show of them. The step holds if an experience is shown."""
    anonymous = slot.purpose == "none"
    unknown = anonymous or case.visitor.bot
    id, profile = (None, None) if unknown else (case.visitor.id, case.profile)
    steps = [_consent(slot, case), Step("is not a bot", not case.visitor.bot)]
    if holdout is not None:
        steps.append(_held_out(holdout.percent, holdout.salt, id, anonymous))
    refused = choice.reason == "consent"
    won = False
    for experience in slot.experiences:
        if experience.status != "live":
            status = Step("status is live", False, experience.status)
            steps.append(
                Step(f"experience {experience.id}", False, f"no: it is {experience.status}", (status,), experience.mark)
            )
            continue
        gates = _gates(experience, case, id, profile, draws, segments, taken)
        passed = all(step.held for step in gates)
        if refused:
            saw, held = "not asked: consent was not given", False
        elif won:
            saw, held = "not asked: an earlier one won", False
        elif not passed:
            saw, held = f"no: {next(step.what for step in gates if not step.held)}", False
        elif choice.experience is None:
            saw, held = "no: site's cap: the slots above took what it leaves to this page", False
        else:
            won = True
            saw, held = _shown(choice), not choice.held
        if experience.holdout is not None:
            gates = (*gates, _held_out(*experience.holdout, id, anonymous))
        steps.append(Step(f"experience {experience.id}", held, saw, gates, experience.mark))
    steps.append(Step("default", choice.experience is None and not choice.held, _content(slot.default)))
    return Step(f"slot {slot.name}", choice.reason == "experience", _shown(choice), tuple(steps))


def _consent(slot: CompiledSlot, case: Case) -> Step:
    if slot.purpose == "none":
        return Step("needs no consent", True, "decided without an id")
    allowed = case.visitor.consent.allows(slot.purpose)
    return Step(f"consents to {slot.purpose}", allowed, "granted" if allowed else "denied")


def _held_out(percent: float, salt: str, id: str | None, anonymous: bool) -> Step:
    what = f"is not among the {percent:g} % held out"
    if id is None:
        return Step(what, True, "this slot is decided without an id" if anonymous else "no id")
    return Step(what, not is_held_out(salt, percent, id), f"hash {hash_unit(salt, id):.4f}")


def _gates(
    experience: CompiledExperience,
    case: Case,
    id: str | None,
    profile: Profile | None,
    draws: Mapping[str, Draw],
    segments: SegmentRules,
    taken: Mapping[str, str],
) -> tuple[Step, ...]:
    condition = segments.explained(experience.rule, case.facts)
    steps = [
        Step("status is live", True, "live"),
        replace(
            condition,
            what=f"condition: {condition.what}",
        ),
        *(gate.explain(case.facts, profile, case.now) for gate in experience.gates),
    ]
    if experience.group is not None:
        by = taken.get(experience.group)
        saw = "nothing above on this page is of it" if by is None else f"{by} is on this page"
        steps.append(Step(f"exclusive group {experience.group}", by is None, saw))
    if experience.split is not None:
        steps.append(_experiment(experience, case, id, profile, draws))
    return tuple(steps)


def _experiment(
    experience: CompiledExperience, case: Case, id: str | None, profile: Profile | None, draws: Mapping[str, Draw]
) -> Step:
    split = experience.split
    assert split is not None
    what = f"is in experiment {split.key}"
    if id is None:
        return Step(what, False, "no id to split by")
    kept = kept_by(id, profile, split.keys)
    draw = draws.get(split.key) if isinstance(split, Bandit) else None
    arm = split.assign(id, kept) if draw is None else split.names.index(draw.variant)
    if arm < 0:
        return Step(what, False, f"{split.explain(id, kept)}: not in it")
    name, shown = split.names[arm], experience.choices[arm].variant
    forced = f", forced to {shown}" if experience.choices[arm].experiment is None else ""
    if isinstance(split, Bandit) and draw is not None:
        saw, inner = drawn(split, draw, case.allocations.get(split.key), case.now)
        return Step(what, True, f"{saw}{forced}", inner)
    inner = tuple(_level(split.key, part, id, kept) for part in split.parts) if isinstance(split, Mix) else ()
    return Step(what, True, f"{split.explain(id, kept)}: {name}{forced}", inner)


def _level(key: str, part: Split, id: str, kept: Kept) -> Step:
    """What one part of a multivariate experiment was drawn as."""
    level = part.names[part.assign(id, kept)]
    return Step(f"{part.key.removeprefix(f'{key}/')} is {level}", True, part.explain(id, kept))


def _shown(choice: Choice) -> str:
    name = choice.experience or "default"
    if choice.variant is not None:
        name = f"{name}, variant {choice.variant}"
    if choice.held:
        return f"the page's own markup (held out; otherwise {name})"
    return f"{name} ({choice.reason})" if choice.experience is None and choice.reason != "default" else name


def _content(choice: Choice) -> str:
    return choice.content.kind
