"""Beliefs -> the probability with which each arm is shown: Thompson sampling, with a floor.

An arm is chosen with the probability that it is the best: Thompson, "On the likelihood that one unknown probability
exceeds another in view of the evidence of two samples", Biometrika 25, 1933; in batches: Chapelle and Li, "An empirical
evaluation of Thompson sampling", NIPS 24, 2011. Where they draw samples, this integrates: the probabilities themselves
are needed, to be logged, and are then the same on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..model import PARTS
from .beliefs import Belief


def chances(beliefs: Sequence[Belief], lower_is_better: bool = False) -> list[float]:
    """For each arm the probability that it is the best. They add up to one."""
    found = []
    for own in beliefs:
        beaten = list(own.weights)
        for other in beliefs:
            if other is not own:
                below = other.below_each(own.values)
                shares = [1.0 - share for share in below] if lower_is_better else below
                beaten = [part * share for part, share in zip(beaten, shares, strict=True)]
        found.append(sum(beaten))
    whole = math.fsum(found)
    return [part / whole for part in found]


def floored(wanted: Sequence[float], floor: float) -> list[int]:
    """Whole parts of PARTS for the wanted probabilities, none below `floor` (a share of one, at most 1 / len(wanted)).

    Arms below the floor are lifted to it, the others give in proportion. Rounding goes to the largest remainders, so
    that the parts add up to PARTS.
    """
    least = min(math.ceil(floor * PARTS - 1e-9), PARTS // len(wanted))
    lifted: set[int] = set()
    while True:
        left = PARTS - least * len(lifted)
        free = math.fsum(p for arm, p in enumerate(wanted) if arm not in lifted)
        parts = [least if arm in lifted else left * p / free for arm, p in enumerate(wanted)]
        below = {arm for arm, part in enumerate(parts) if part < least}
        if not below:
            break
        lifted |= below
    whole = [int(part) for part in parts]
    order = sorted(range(len(parts)), key=lambda arm: (whole[arm] - parts[arm], arm))
    for arm in order[: PARTS - sum(whole)]:
        whole[arm] += 1
    return whole
