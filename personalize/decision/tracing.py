"""The tree behind one slot's choice: every gate, what it saw, and why the others did not win."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..conditions import SegmentRules
from ..model import Choice, Profile, Step
from .experiments import hash_unit
from .slot import CompiledExperience, CompiledSlot

if TYPE_CHECKING:
    from ..config.models import Holdout
    from .decider import Case


def trace_slot(slot: CompiledSlot, choice: Choice, case: Case, segments: SegmentRules, holdout: Holdout | None) -> Step:
    """Why `slot` shows `choice` in this case. The step holds if an experience is shown."""
    anonymous = slot.purpose == "none"
    unknown = anonymous or case.visitor.bot
    id, profile = (None, None) if unknown else (case.visitor.id, case.profile)
    steps = [_consent(slot, case), Step("is not a bot", not case.visitor.bot)]
    if holdout is not None:
        steps.append(_holdout(holdout, id, anonymous))
    refused = choice.reason == "consent"
    won = False
    for experience in slot.experiences:
        if experience.status != "live":
            status = Step("status is live", False, experience.status)
            steps.append(
                Step(f"experience {experience.id}", False, f"no: it is {experience.status}", (status,), experience.mark)
            )
            continue
        gates = _gates(experience, case, id, profile, segments)
        passed = all(step.held for step in gates)
        if refused:
            saw, held = "not asked: consent was not given", False
        elif won:
            saw, held = "not asked: an earlier one won", False
        elif not passed:
            saw, held = f"no: {next(step.what for step in gates if not step.held)}", False
        else:
            won = True
            saw, held = _shown(choice), not choice.held
        steps.append(Step(f"experience {experience.id}", held, saw, gates, experience.mark))
    steps.append(Step("default", choice.experience is None and not choice.held, _content(slot.default)))
    return Step(f"slot {slot.name}", choice.reason == "experience", _shown(choice), tuple(steps))


def _consent(slot: CompiledSlot, case: Case) -> Step:
    if slot.purpose == "none":
        return Step("needs no consent", True, "decided without an id")
    allowed = case.visitor.consent.allows(slot.purpose)
    return Step(f"consents to {slot.purpose}", allowed, "granted" if allowed else "denied")


def _holdout(holdout: Holdout, id: str | None, anonymous: bool) -> Step:
    what = f"is not among the {holdout.percent:g} % held out"
    if id is None:
        return Step(what, True, "this slot is decided without an id" if anonymous else "no id")
    unit = hash_unit(holdout.salt, id) or 0.0
    return Step(what, unit * 100 >= holdout.percent, f"hash {unit:.4f}")


def _gates(
    experience: CompiledExperience, case: Case, id: str | None, profile: Profile | None, segments: SegmentRules
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
    if experience.split is not None:
        steps.append(_experiment(experience, id))
    return tuple(steps)


def _experiment(experience: CompiledExperience, id: str | None) -> Step:
    split = experience.split
    assert split is not None
    what = f"is in experiment {experience.choices[0].experiment}"
    if id is None:
        return Step(what, False, "no id to split by")
    arm = split.assign(id)
    return Step(what, arm >= 0, f"{split.explain(id)}: {experience.variants[arm] if arm >= 0 else 'not in it'}")


def _shown(choice: Choice) -> str:
    name = choice.experience or "default"
    if choice.variant is not None:
        name = f"{name}, variant {choice.variant}"
    if choice.held:
        return f"the page's own markup (held out; otherwise {name})"
    return f"{name} ({choice.reason})" if choice.experience is None and choice.reason != "default" else name


def _content(choice: Choice) -> str:
    return choice.content.kind
