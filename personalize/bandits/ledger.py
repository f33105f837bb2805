"""What one bandit knows: a fold over exposures and rewards. Pure: a function of the log's events, in order.

Rule 1  A visitor counts once per draw, from its first exposure on, and a reward counts once: an order by its id, less
        what came back of it inside the trial's window, in whatever order the two were told.
Rule 2  What is believed changes in batches: the sums as they stood when the first exposure of a new `every` came.
        So every worker that has read as far in the log believes the same, whatever its own clock says.
Rule 3  Who was held out saw no arm, and what a browser says it was shown is not believed: neither is a trial.
Rule 4  A draw that failed to show its content counts: the draw is what is rewarded, failing is part of the arm.
Rule 5  A trial is found by every id that was told to be the same person's since it began, or by the exposure itself.
Rule 6  Trials are kept packed: what `_at` gives is a copy, and whoever changes it puts it back. As objects, two hundred
        thousand of them would hold the event loop whenever the garbage collector visits them.
"""

from __future__ import annotations

import marshal
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

from ..model import Event
from ..protocols import Returns
from .pooling import Cell
from .spec import EVERYBODY, BanditSpec
from .trials import Reward, Trial, money

_MOST: Final = 200_000  # trials that can still get a reward; beyond it the oldest is as good as over
_AT_ONCE: Final = 1024  # this part of them goes at once: the front of a dict is searched past all that has gone before
_MOST_IDS: Final = 20  # of one trial
_REBASE: Final = 2.0**100  # discounted sums are written anew where one visitor is worth so much
_STEEPEST: Final = 900.0  # halvings that a float can still tell
_OF_A_PIECE: Final = 500  # trials
_USER: Final = "u:"  # what the id of one of the site's own users begins with


class Ledger:
    """One bandit's sums, by context and arm. `batch` is the beginning of the current one, in Unix seconds (0: nobody
    was exposed yet), and `believed` the sums that were known then; `seen` are trials so far."""

    def __init__(self, spec: BanditSpec, returns: Returns) -> None:
        self.spec = spec
        self.returns = returns
        self.batch = 0
        self.seen = 0
        self.believed: list[list[Cell]] = _blank(spec)
        self._cells = _blank(spec)
        self._base = 0.0  # discounted sums are worth what they say at this time
        self._arms = {arm: place for place, arm in enumerate(spec.arms)}
        self._contexts = {context: place for place, context in enumerate(spec.contexts)}
        self._by_id: dict[str, int] = {}  # id -> the newest's number
        self._open: dict[int, bytes] = {}  # by number, the oldest first
        self._waiting: deque[tuple[float, int]] = deque()  # time and number of those not `settle` old yet
        self._left: dict[int, bytes] = {}  # of those: the ones that are open no more
        self._ended: Callable[[Trial], None] | None = None

    def follow(self, ended: Callable[[Trial], None]) -> None:
        """From now on call `ended` with each trial that no reward can reach any more."""
        self._ended = ended

    def end(self) -> None:
        """Let go of the trials that are still open."""
        for number in list(self._open):
            self._let_go(self._at(number))

    # --- exposures -------------------------------------------------------------------------------------

    def expose(self, event: Event, seen: Mapping[str, Any]) -> None:
        """One exposure of this experiment. Rules 1 to 5."""
        if seen.get("held") is True or event.properties.get("$via") == "browser":
            return
        arm = self._arms.get(str(seen.get("variant")))
        context = self._contexts.get(str(seen.get("context") or EVERYBODY))
        propensity = _share(seen.get("propensity"))
        if arm is None or context is None or (propensity is None and len(self.spec.contexts) > 1):
            return  # not of this bandit as it is now; without a propensity nobody knows in which context it was
        self._begin_batch(event.time)
        draw = _whole(seen.get("draw"))
        person = seen.get("person")
        ids = (event.visitor, person) if isinstance(person, str) and person != event.visitor else (event.visitor,)
        known = [self._at(self._by_id[id_]) for id_ in ids if id_ in self._by_id]
        open_ = next((trial for trial in known if trial.draw >= draw and event.time < trial.until), None)
        if open_ is not None:
            self._know(open_, [id_ for id_ in ids if not self._lasts(id_, event.time)])
            return
        until = money(seen.get("until")) or event.time + self.spec.window
        trial = Trial(self.seen, (), event.time, until, context, arm, draw, propensity)
        self.seen += 1
        if self.spec.settle > 0.0:
            self._waiting.append((trial.time, trial.number))
        else:
            self._count(trial)
        self._put(trial)
        self._know(trial, ids)
        if len(self._open) > _MOST:
            for number in list(islice(self._open, 1 + _MOST // _AT_ONCE)):
                self._let_go(self._at(number))

    def _begin_batch(self, time: float) -> None:
        """Rule 2: what came with or after the first exposure of a batch is believed from the next one on."""
        began = int(time // self.spec.every * self.spec.every)
        if began <= self.batch:
            return
        if not self.batch:
            self._base = float(began)
        self.batch = began
        while self._waiting and self._waiting[0][0] + self.spec.settle <= began:
            _, number = self._waiting.popleft()
            if number in self._open:
                trial = self._at(number)
                self._count(trial)
                self._put(trial)
            elif number in self._left:  # else whoever it was of is erased
                self._count(_unpacked(self._left.pop(number)))
        worth = self._worth(began)
        self.believed = [[cell.over(worth) for cell in row] for row in self._cells]
        if worth > _REBASE:
            self._cells = [[cell.over(worth) for cell in row] for row in self._cells]
            self._base = float(began)

    # --- rewards ---------------------------------------------------------------------------------------

    def reward(self, event: Event) -> None:
        """A goal's event, or one that undoes it."""
        trial = self._of(event.visitor)
        if trial is None or not trial.time <= event.time < trial.until:
            return
        if trial.counted:
            self._add(trial, -1.0)
        if event.name == self.spec.event:
            sale = self.returns.sale_of(event)
            value = money(event.properties.get(self.spec.value or "revenue")) or 0.0
            trial.add(Reward(event.time, sale.id or event.id, value, sale))
        else:
            trial.take_back(self.returns.refund_of(event))
        if trial.counted:
            self._add(trial, 1.0)
        self._put(trial)

    def reward_of(self, trial: Trial) -> tuple[float, float]:
        """Whether a trial was a win, and what it brought; see Trial.reward."""
        return trial.reward(self.spec.nth, self.spec.value is not None, self.returns)

    # --- who is whom -----------------------------------------------------------------------------------

    def link(self, ids: Collection[str], time: float) -> None:
        """These ids are one person's, it is said at `time`. Rule 5; where two of them have a trial, each keeps its own.
        Another user who signs in at the same browser takes the browser along, and not what was drawn for it before."""
        trial = next((self._of(id_) for id_ in ids if self._lasts(id_, time)), None)
        if trial is None:
            return
        if len({id_ for id_ in (*trial.ids, *ids) if id_.startswith(_USER)}) > 1:
            for id_ in ids:
                if not id_.startswith(_USER):
                    self._drop(id_)
        else:
            self._know(trial, [id_ for id_ in ids if not self._lasts(id_, time)])

    def part(self, id_: str) -> None:
        """From now on this id is a stranger's."""
        self._drop(id_)

    def forget(self, id_: str, time: float) -> None:
        """What the visitor did up to `time` was erased: what the newest trial brought no longer counts."""
        trial = self._of(id_)
        if trial is None or trial.time > time:
            return
        if trial.counted:
            self._add(trial, -1.0)
        for known in trial.ids:
            self._by_id.pop(known, None)
        del self._open[trial.number]

    def _lasts(self, id_: str, time: float) -> bool:
        """Whether the id has a trial whose window is not over."""
        trial = self._of(id_)
        return trial is not None and time < trial.until

    def _of(self, id_: str) -> Trial | None:
        number = self._by_id.get(id_)
        return None if number is None else self._at(number)

    def _at(self, number: int) -> Trial:
        return _unpacked(self._open[number])

    def _put(self, trial: Trial) -> None:
        self._open[trial.number] = _packed(trial)

    def _know(self, trial: Trial, ids: Iterable[str]) -> None:
        """From now on the trial is found by these ids, and no other is."""
        for id_ in islice(ids, _MOST_IDS - len(trial.ids)):
            self._drop(id_)
            trial.ids += (id_,)
            self._by_id[id_] = trial.number
        self._put(trial)

    def _drop(self, id_: str) -> None:
        """The id's trial is not found by it any more; one that nothing finds is over."""
        trial = self._of(id_)
        if trial is not None:
            del self._by_id[id_]
            trial.ids = tuple(known for known in trial.ids if known != id_)
            self._put(trial)
            if not trial.ids:
                self._let_go(trial)

    def _let_go(self, trial: Trial) -> None:
        del self._open[trial.number]
        for id_ in trial.ids:
            del self._by_id[id_]
        trial.ids = ()
        if not trial.counted:  # its time to be counted is still to come
            self._left[trial.number] = _packed(trial)
        if self._ended is not None:
            self._ended(trial)

    # --- sums ------------------------------------------------------------------------------------------

    def _count(self, trial: Trial) -> None:
        trial.counted = True
        self._add(trial, 1.0)

    def _add(self, trial: Trial, sign: float) -> None:
        win, amount = self.reward_of(trial)
        worth = sign * self._worth(trial.time)
        cell = self._cells[trial.context][trial.arm]
        cell.visitors += worth
        cell.wins += worth * win
        cell.amount += worth * amount
        cell.squares += worth * amount * amount

    def _worth(self, time: float) -> float:
        """What one visitor of that time adds to the sums: 1, or by `half_life` the more the later (forward decay:
        Cormode, Shkapenyuk, Srivastava, Xu, "Forward decay", ICDE 2009), so that nothing older has to be touched."""
        half_life = self.spec.half_life
        return 1.0 if half_life is None else 2.0 ** min((time - self._base) / half_life, _STEEPEST)

    # --- kept over a start -----------------------------------------------------------------------------

    def save(self) -> Iterator[list[Any]]:
        """All it knows, in pieces that JSON can say; see protocols.SavedFold."""
        tables = [[[cell.as_row() for cell in row] for row in table] for table in (self.believed, self._cells)]
        yield ["sums", self.batch, self.seen, self._base, tables]
        for kind, trials in (("open", self._open), ("left", self._left)):
            rows = iter(trials.values())
            while some := [marshal.loads(row) for row in islice(rows, _OF_A_PIECE)]:
                yield [kind, some]
        waiting = iter(self._waiting)
        while numbers := list(islice(waiting, 10 * _OF_A_PIECE)):
            yield ["waiting", numbers]

    def take(self, piece: list[Any]) -> None:
        """Take up one piece of what `save` gave, in its order. Raises LookupError, TypeError or ValueError."""
        kind, *told = piece
        if kind == "sums":
            self.batch, self.seen, self._base, tables = told
            self.believed, self._cells = ([[Cell(*cell) for cell in row] for row in table] for table in tables)
            return
        if kind == "waiting":
            self._waiting.extend((time, number) for time, number in told[0])
            return
        for row in told[0]:
            trial = Trial.from_row(row)
            if kind == "left":
                self._left[trial.number] = _packed(trial)
            else:
                self._put(trial)
                self._by_id.update(dict.fromkeys(trial.ids, trial.number))


def _packed(trial: Trial) -> bytes:
    return marshal.dumps(trial.as_row())


def _unpacked(row: bytes) -> Trial:
    return Trial.from_row(marshal.loads(row))


def _blank(spec: BanditSpec) -> list[list[Cell]]:
    return [[Cell() for _ in spec.arms] for _ in spec.contexts]


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _share(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and 0 < value <= 1 and not isinstance(value, bool) else None
