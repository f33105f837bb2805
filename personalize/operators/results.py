"""What experiments have come to, from the whole log: for the report, and for those who promote winners."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from ..decision.splits import experiments_by_key
from ..model import Event
from ..profiles import Identity, Returns
from ..reports import Effects, Guardrails, Verdict, experiments_in, judge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..config import Config
    from ..protocols import Store

_BATCH: Final = 5000


async def fed(
    store: Store, folds: Sequence[Callable[[Event], object]], batch: int = _BATCH, rest: float | None = None
) -> None:
    """Give every event of the log to each fold, in the log's order, with a `rest` (seconds) after each batch. Raises
    StoreError."""
    after = 0
    while events := await store.read(after, batch):
        for event in events:
            for fold in folds:
                fold(event)
        after = events[-1].seq
        if rest is not None:
            await asyncio.sleep(rest)


async def verdicts(
    store: Store,
    config: Config,
    until: Mapping[str, float],
    chosen: Mapping[str, str | None],
    batch: int = _BATCH,
    rest: float | None = None,
) -> list[Verdict]:
    """What may be said now of the experiments with these keys, and the variant asked for (None: the best one). `until`
    is when a variant of one was promoted. Raises StoreError."""
    tests = experiments_by_key(config)
    tested = [each for each in experiments_in(config, until) if each.key in chosen]
    identity, returns = Identity(), Returns()
    effects = Effects(tested, identity.person_of, returns=returns)
    guardrails = Guardrails(tested, identity.person_of, returns)
    await fed(store, [identity.apply], batch, rest)
    await fed(store, [effects.apply, guardrails.apply], batch, rest)  # once more, when it is known whose every id is

    def told() -> list[Verdict]:
        of_goals, of_guardrails = effects.reports(), guardrails.reports()
        return [judge(tests[key], of_goals, of_guardrails, time.time(), variant) for key, variant in chosen.items()]

    return await asyncio.to_thread(told)
