"""What a bandit learned, what it earned, and what other ways of choosing would have earned: read from the log."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..bandits import Bandits, BanditSpec, Ledger, Told, Trial, allocation, believed
from ..bandits.pooling import Cells
from ..history.learning import links_of
from ..model import PARTS, Allocation
from ..profiles import Returns
from ..protocols import Store
from ..reports.off_policy import Estimate, Logged, Policy, estimate

_SLICE = 5000  # events a read
_MOMENTS = 120  # points of the history
_LEVEL = 0.95  # of all intervals together


@dataclass(frozen=True, slots=True)
class Moment:
    """What was believed when a batch began, and the shares that followed."""

    told: Sequence[Told]
    allocation: Allocation

    def share(self, context: str, arm: str) -> float:
        return self.allocation.parts[context][self.allocation.arms.index(arm)] / PARTS


@dataclass(frozen=True, slots=True)
class Payoff:
    """One bandit. `logged` are its visitors, `moments` its batches (some, evenly spread; the last is in force), `open_`
    how many visitors can still bring a reward, `policies` other ways of choosing with what they would have earned."""

    spec: BanditSpec
    logged: Sequence[Logged]
    moments: Sequence[Moment]
    open_: int
    policies: Mapping[str, Estimate]

    @property
    def earned(self) -> float:
        """What a visitor brought; nan before anybody came."""
        return math.fsum(row.reward for row in self.logged) / len(self.logged) if self.logged else math.nan

    def of(self, context: str, arm: str) -> list[Logged]:
        return [row for row in self.logged if row.context == context and row.arm == arm]

    def verdict(self, found: Estimate) -> str:
        """What may be concluded of a policy, beside what was done."""
        if found.refused:
            return f"nothing to conclude: {found.refused}"
        if found.gain.low <= 0 <= found.gain.high:
            return "not told apart from what was done"
        return "better than what was done" if (found.gain.low > 0) != self.spec.lower_is_better else "worse"

    def notes(self) -> list[str]:
        """What the reader has to know about the figures."""
        told = []
        if self.open_:
            told.append(f"visitors whose window is still open: {self.open_:,}; what they bring later is not in yet")
        missing = sum(row.propensity is None for row in self.logged)
        if missing:
            told.append(f"visitors who were drawn without a logged probability: {missing:,}")
        if len(self.policies) > 1:
            told.append(f"the intervals of these {len(self.policies)} policies hold together with {_LEVEL:.0%}")
            told.append("a policy that is picked for what this log shows looks better than it is")
        return told


async def read(
    store: Store, spec: BanditSpec, policies: Mapping[str, Policy], progress: Callable[[int], None] = lambda seq: None
) -> Payoff:
    """Fold the whole log for one bandit. `policies` are judged besides those that always show one arm, and equal
    shares. Raises StoreError."""
    fold, ledger = Bandits(links_of), Ledger(spec, Returns())
    fold.take({spec.key: ledger})
    ended: list[Trial] = []
    ledger.follow(ended.append)
    began: list[tuple[int, Cells]] = []
    after, now = 0, 0.0
    while events := await store.read(after, _SLICE):
        for event in events:
            fold.apply(event)
            now = max(now, event.time)
            if ledger.batch and (not began or began[-1][0] != ledger.batch):
                began.append((ledger.batch, ledger.believed))
        after = events[-1].seq
        progress(after)
    ledger.end()
    ended.sort(key=lambda trial: trial.number)
    logged = [_logged(ledger, trial) for trial in ended]
    every = max(1, math.ceil(len(began) / _MOMENTS))
    kept = began[::-1][::every][::-1]
    moments = []
    for batch, cells in kept:
        told = believed(spec, cells)
        moments.append(Moment(told, allocation(spec, cells, batch, told)))
    judged = {**standard(spec), **policies}
    level = 1 - (1 - _LEVEL) / len(judged)
    return Payoff(
        spec=spec,
        logged=logged,
        moments=moments,
        open_=sum(trial.until > now for trial in ended),
        policies={name: estimate(logged, policy, level) for name, policy in judged.items()},
    )


def standard(spec: BanditSpec) -> dict[str, Policy]:
    """What every bandit is held against: one arm for all, and equal shares."""
    even = dict.fromkeys(spec.arms, 1 / len(spec.arms))
    found: dict[str, Policy] = {f"always {arm}": _always({arm: 1.0}) for arm in spec.arms}
    return {**found, "equal shares": _always(even)}


def _always(chances: Mapping[str, float]) -> Policy:
    return lambda context: chances


def policy_of(spec: BanditSpec, text: str) -> Policy:
    """The policy that a text such as "phone=loud,*=kind" names: an arm for each context, * for all others; one arm
    alone is for all. Raises ValueError with what is wrong."""
    chosen: dict[str, str] = {}
    for part in text.split(","):
        context, equals, arm = (piece.strip() for piece in part.partition("="))
        if not equals:
            context, arm = "*", context
        if arm not in spec.arms:
            raise ValueError(f'there is no variant "{arm}"; there are: {", ".join(spec.arms)}')
        if context != "*" and (not context or context not in spec.contexts):
            there = ", ".join([*spec.contexts[:-1], "*"])
            raise ValueError(f'the bandit does not learn for a segment "{context}"; there are: {there}')
        chosen[context] = arm
    if left := [context for context in spec.contexts if context not in chosen and "*" not in chosen]:
        raise ValueError(f"it says nothing of {left[0] or 'all others'}: add *=VARIANT")
    return lambda context: {chosen.get(context, chosen.get("*", "")): 1.0}


def _logged(ledger: Ledger, trial: Trial) -> Logged:
    spec, (win, amount) = ledger.spec, ledger.reward_of(trial)
    reward = win if spec.value is None else amount
    return Logged(spec.contexts[trial.context], spec.arms[trial.arm], trial.propensity, reward)
