"""What a bandit knows -> how it shares out its visitors until the next batch. Pure, and the same on every machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..model import Allocation
from .beliefs import Belief
from .chances import chances, floored
from .pooling import Cells, rates, revenues
from .spec import BanditSpec


@dataclass(frozen=True, slots=True)
class Told:
    """One context of a bandit at one moment: for each arm what is believed of its reward per visitor, and the
    probability that it is the best."""

    context: str
    beliefs: Sequence[Belief]
    chances: Sequence[float]


def believed(spec: BanditSpec, cells: Cells) -> list[Told]:
    """For each context, in the spec's order. About half a millisecond a context of three arms; three for revenue."""
    beliefs = rates(cells) if spec.value is None else revenues(cells)
    return [
        Told(context, row, chances(row, spec.lower_is_better))
        for context, row in zip(spec.contexts, beliefs, strict=True)
    ]


def allocation(spec: BanditSpec, cells: Cells, batch: int, told: Sequence[Told] | None = None) -> Allocation:
    """The shares of each context until the batch after `batch` (its beginning in Unix seconds). `told` is what is
    `believed` of the cells, where that is known already."""
    told = believed(spec, cells) if told is None else told
    return Allocation(
        arms=spec.arms,
        batch=batch,
        parts={each.context: tuple(floored(each.chances, spec.floor)) for each in told},
        visitors={
            context: tuple(cell.visitors for cell in row) for context, row in zip(spec.contexts, cells, strict=True)
        },
        means={each.context: tuple(belief.mean for belief in each.beliefs) for each in told},
    )
