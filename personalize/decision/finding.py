"""Which experiences chance may still choose from, for each slot of a route: one function that asks every condition.

Two hundred conditions called one by one would spend more on the calls, and on looking up the same facts again and
again, than on comparing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, cast

from ..conditions import Together
from .slot import CompiledExperience, CompiledSlot

# Facts, the bits of the gates that are not open, the purposes granted -> for each slot its candidates, None where its
# consent is missing: the experiences from the top whose gates are open and whose condition holds, down to the first
# that every visitor gets, whatever else is on the page.
Finder = Callable[[Mapping[str, Any], int, Collection[str]], tuple[list[CompiledExperience] | None, ...]]


def compile_finder(slots: Sequence[CompiledSlot]) -> Finder:
    rules = Together()
    body: list[str] = []
    for place, slot in enumerate(slots):
        granted = "True" if slot.purpose == "none" else f"{rules.constant(slot.purpose)} in granted"
        body += [f" s{place} = None", f" while {granted}:", f"  s{place} = []"]
        for experience in slot.experiences:
            drawn = experience.split_at is not None
            if experience.status != "live" or (drawn and slot.purpose == "none"):
                continue  # without an id nobody is in an experiment
            asked = [f"not closed & {rules.constant(experience.needs)}"] if experience.needs else []
            body.append(f"  if {' and '.join([*asked, rules.expression(experience.rule.code)])}:")
            body.append(f"   s{place}.append({rules.constant(experience)})")
            if not drawn and experience.group is None:
                body.append("   break")
        body.append("  break")
    body.append(f" return ({' '.join(f's{place},' for place in range(len(slots)))})")
    return cast(Finder, rules.function("closed, granted", body))
