"""Which ids are one person: a fold over the log. Pure.

A node is an id, or a part of its timeline where that was cut. A person is a set of nodes, named after its user, or else
after its first node. The graph is a set of rows (`rows`, `put`), one for each id and one for each person; an event
reads and changes only the rows of the ids that it mentions, of their persons, and of those persons' ids.

Rule 1  Links are believed from the site's servers and its imports only: a browser that names somebody's user id is not
        let into that person's profile.
Rule 2  A person has at most one user. A link that would join two is refused and kept as a conflict; so a wrong or
        shared card joins nobody.
Rule 3  Signing out cuts a browser's timeline: what came before stays with the person, what comes after is a stranger's.
        Signing in as another user does the same first.
Rule 4  What was joined can be undone: "Identity Unlinked" takes an id out of its person, with every link through it.
        "Identity Merged" is an operator's word that two users are one, and may join them.
Rule 5  A link is of the moment that its event tells: one that arrives after the sign-out, and happened before it, is a
        link of the part that ended there. So what a server's client sends late signs nobody in again, and counts for
        who it was then. Where its clock may be slow (`$unsure`), and by its time it is of an earlier part than by its
        arrival, it is of neither: the next user's is not put on the one before, nor the other way round.
Rule 6  A link that happened before one of its ids was erased is none, also if it is told again.
Rule 7  A person has at most 500 ids. A link beyond that is refused: such an id is shared by many.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..model import ERASED, Event
from .ids import (
    CUT,
    MERGED,
    SIGNED_OUT,
    UNLINKED,
    id_text,
    is_device,
    is_of_the_past,
    is_trusted,
    is_unsure,
    mentioned,
    told_ids,
)

_NOBODY: Final[frozenset[str]] = frozenset()
_MOST_CONFLICTS: Final = 1000  # the newest are kept
_MOST_IDS: Final = 500  # of one person; who has more is no person, but an id that many share
_MOST_NODES: Final = 10_000  # the same, with each part of a timeline
_LOOKED_BACK: Final = 16  # sign-outs: a browser that many share is not read from its beginning after each of them


@dataclass(frozen=True, slots=True)
class Member:
    """A part of one id's timeline: its events with `after` < seq <= `upto`, and those that the site's servers told
    later of the time from `begins` until `ends`. What a browser was shown from `since` on still decides which variants
    it is shown."""

    id: str
    after: int = 0
    upto: float = float("inf")
    since: int = 0
    begins: float = float("-inf")
    ends: float = float("inf")

    def holds(self, event: Event) -> bool:
        """Rule 5. Of two parts of one id never both do. A browser's own word on the time moves nothing: who sits there
        now must not write into the profile of who sat there before."""
        if event.seq <= self.after:
            return False
        if event.seq <= self.upto:
            return event.time >= self.begins or not is_trusted(event)
        return self.begins <= event.time < self.ends and is_trusted(event) and not is_unsure(event)


def before_sign_out(members: Iterable[Member]) -> list[Member]:
    """What the browsers that are still the person's did before they were signed out, as far as it was known then."""
    live = (member for member in members if member.upto == float("inf"))
    return [Member(m.id, m.since, m.after, ends=float("-inf")) for m in live if m.since < m.after]


@dataclass(frozen=True, slots=True)
class Conflict:
    """A link that was refused: it would have made one person of two users."""

    seq: int
    time: float
    one: str
    other: str
    users: tuple[str, str]


class Identity:
    """Knows only ids that were linked or signed out; everybody else is a person alone and takes no memory."""

    def __init__(self) -> None:
        self._person: dict[str, str] = {}  # node -> person
        self._nodes: dict[str, list[str]] = {}  # person -> its nodes
        self._user: dict[str, str] = {}  # person -> the user among its nodes
        self._links: dict[str, dict[str, None]] = {}  # node -> the nodes it was told to be one with
        self._cuts: dict[str, list[int]] = {}  # id -> seqs at which its timeline was cut
        self._cut_times: dict[str, list[float]] = {}  # the same, when it happened; never falling
        self._apart: set[str] = set()  # ids that an operator took out: linked no more
        # Id -> of each part that was erased: when it began (None: with the first event), and until when it was.
        self._erased: dict[str, list[tuple[float | None, float]]] = {}
        self._ids: dict[str, frozenset[str]] = {}  # of persons who have very many
        self.changed = False  # is anything in the rows that was not put there?
        self.refused = 0
        self.conflicts: deque[Conflict] = deque(maxlen=_MOST_CONFLICTS)

    # --- asking ----------------------------------------------------------------------------------------

    def person(self, id_: str) -> str:
        """The person that an id stands for now; of one never linked, the id itself."""
        node = self._node(id_)
        return self._person.get(node, node)

    def person_of(self, event: Event) -> str:
        """Whose a stored event is, as far as is known now: before a sign-out the browser may have been another's."""
        cuts = self._cuts.get(event.visitor)
        number = bisect_left(cuts, event.seq) if cuts else 0
        if number and is_trusted(event):
            by_time = bisect_right(self._cut_times[event.visitor], event.time)  # Rule 5
            if by_time < number and is_unsure(event):
                return f"{event.visitor}{CUT}nobody"
            number = min(number, by_time)
        node = _numbered(event.visitor, number)
        return self._person.get(node, node)

    def is_cut(self, id_: str) -> bool:
        """Did somebody sign out there?"""
        return id_ in self._cuts

    def user(self, id_: str) -> str | None:
        """The user ("u:42") behind an id, where one is known."""
        return self._user.get(self.person(id_))

    def members(self, person: str) -> tuple[Member, ...]:
        """The timelines whose events are the person's, the first-linked first."""
        return tuple(self._member(node) for node in self._nodes.get(person, (person,)))

    def resolved(self) -> Iterator[str]:
        """Every id but the users' own, now or before a sign-out, that belongs to a user; an id may come twice."""
        for person in self._user:
            for node in self._nodes[person]:
                if not node.startswith("u:"):
                    yield node.partition(CUT)[0]

    def named(self) -> Iterator[str]:
        """Every user who is known by some other id, also where nothing was done under the user's own."""
        return iter(self._user)

    def is_erased(self, id_: str, time: float) -> bool:
        """Was what happened under this id at `time` erased since?"""
        return any(time < until and (begins is None or begins <= time) for begins, until in self._erased.get(id_, ()))

    @property
    def users(self) -> int:
        """How many users are known to be behind some other id."""
        return sum(len(self._nodes[person]) > 1 for person in self._user)

    # --- rows ------------------------------------------------------------------------------------------

    def rows(self) -> dict[str, list[Any]]:
        """All that is known, as values that JSON can say: of an id ("i:...") its cuts, whether it was taken apart, the
        person of each of its nodes, when it was cut, and what was erased; of a person ("p:...") its nodes, and their
        links."""
        linked = (node.partition(CUT)[0] for node in self._person)
        ids = dict.fromkeys([*self._cuts, *self._apart, *self._erased, *linked])
        rows: dict[str, list[Any]] = {}
        for id_ in ids:
            cuts = self._cuts.get(id_, [])
            persons = [self._person.get(_numbered(id_, number), "") for number in range(len(cuts) + 1)]
            times, erased = self._cut_times.get(id_, []), [list(span) for span in self._erased.get(id_, ())]
            rows[f"i:{id_}"] = [cuts, id_ in self._apart, persons, times, erased]
        for person, nodes in self._nodes.items():
            links = [[node, *self._links[node]] for node in nodes if node in self._links]
            rows[f"p:{person}"] = [nodes, links]
        return rows

    def put(self, rows: Mapping[str, list[Any]]) -> None:
        """Take rows that `rows` gave, in place of what was known of the same ids and persons."""
        for key, row in rows.items():
            name = key[2:]
            if key.startswith("i:"):
                cuts, apart, persons, *more = row
                if cuts:
                    self._cuts[name] = list(cuts)
                    self._cut_times[name] = list(more[0]) if more else [0.0] * len(cuts)
                if more[1:] and more[1]:
                    self._erased[name] = [(begins, until) for begins, until in more[1]]
                if apart:
                    self._apart.add(name)
                self._person.update((_numbered(name, n), person) for n, person in enumerate(persons) if person)
            else:
                nodes, links = row
                self._nodes[name] = list(nodes)
                self._links.update((node, dict.fromkeys(fars)) for node, *fars in links)
                if name.startswith("u:"):
                    self._user[name] = name

    # --- learning --------------------------------------------------------------------------------------

    def apply(self, event: Event) -> frozenset[str]:
        """Take one stored event; returns the persons that are now made of other timelines than before."""
        if not mentioned(event):
            return _NOBODY
        changed: set[str] = set()
        if event.name == SIGNED_OUT and not event.visitor.startswith("u:"):
            self._cut(event.visitor, event.seq, event.time, changed)
        elif event.name == ERASED:
            self._erase(event, changed)
        elif is_trusted(event):
            if event.name == UNLINKED:
                self._unlink(id_text(event.properties.get("id")), changed)
            else:
                for id_ in told_ids(event):
                    self._link(event, id_, changed)
        return frozenset(changed)

    def _link(self, event: Event, id_: str, changed: set[str]) -> None:
        if {event.visitor, id_} & self._apart or any(self.is_erased(one, event.time) for one in (event.visitor, id_)):
            return
        ends = self._node_at(event.visitor, event.time), self._node_at(id_, event.time)
        if is_unsure(event) and ends != (self._node(event.visitor), self._node(id_)):
            return
        one, other = (self._person.get(node, node) for node in ends)
        users = (self._user_of(one), self._user_of(other))
        if one != other and self._too_many(one, other):
            self._refuse(event, id_, users)
            return
        if one != other and users[0] and users[1] and event.name != MERGED:
            device = next((i for i in (event.visitor, id_) if is_device(i)), None)
            past = device is not None and self._node(device) not in ends
            if past and device is not None and self.user(device) in (event.visitor, id_):
                return  # known already: two events of one login that came in the wrong order
            if device is None or past or not any(i.startswith("u:") for i in (event.visitor, id_)):
                self._refuse(event, id_, users)
                return
            self._cut(device, event.seq - 1, event.time, changed)  # another user signs in at the same browser
            ends = self._node(event.visitor), self._node(id_)
            one, other = (self._person.get(node, node) for node in ends)
        for node, far in (ends, ends[::-1]):
            links = self._links.setdefault(node, {})
            self.changed |= far not in links
            links[far] = None
        if one != other:
            self._join(one, other, changed)

    def _too_many(self, one: str, other: str) -> bool:
        nodes = len(self._nodes.get(one, (one,))) + len(self._nodes.get(other, (other,)))
        if nodes <= _MOST_IDS:
            return False
        return nodes > _MOST_NODES or len(self._ids_of(one) | self._ids_of(other)) > _MOST_IDS

    def _ids_of(self, person: str) -> frozenset[str]:
        """Remembered: who has many is asked about with each of those who come."""
        nodes = self._nodes.get(person)
        if nodes is None:
            return frozenset((person.partition(CUT)[0],))
        if person not in self._ids:
            self._ids[person] = frozenset(node.partition(CUT)[0] for node in nodes)
        return self._ids[person]

    def _join(self, one: str, other: str, changed: set[str]) -> None:
        changed |= {one, other}
        self._ids.pop(one, None)
        self._ids.pop(other, None)
        self._user.pop(one, None)
        self._user.pop(other, None)
        self._settle([*self._nodes.pop(one, [one]), *self._nodes.pop(other, [other])], changed)

    def _cut(self, id_: str, seq: int, time: float, changed: set[str]) -> None:
        self.changed = True
        changed |= {self.person(id_)}
        cuts, times = self._cuts.setdefault(id_, []), self._cut_times.setdefault(id_, [])
        time = max(time, times[-1]) if times else time
        if cuts and not {_numbered(id_, len(cuts)), _numbered(id_, len(cuts) - 1)} & self._person.keys():
            cuts[-1], times[-1] = seq, time  # parts that are nobody's may be one: who signs out all day takes no room
        else:
            cuts.append(seq)
            times.append(time)
        changed |= {self.person(id_)}

    def _unlink(self, id_: str, changed: set[str]) -> None:
        self.changed = True
        self._apart.add(id_)
        for number in range(len(self._cuts.get(id_, ())) + 1):
            self._take_out(_numbered(id_, number), changed)

    def _erase(self, event: Event, changed: set[str]) -> None:
        id_, times, past = event.visitor, self._cut_times.get(event.visitor, []), is_of_the_past(event)
        number = bisect_right(times, event.time) if past else len(times)
        begins = times[number - 1] if number else None
        spans = dict(self._erased.get(id_, ()))
        spans[begins] = max(event.time, spans.get(begins, event.time))
        self._erased[id_] = list(spans.items())
        self.changed = True
        if not past:
            self._take_out(self._node(id_), changed)

    def _take_out(self, node: str, changed: set[str]) -> None:
        person = self._person.pop(node, None)
        if person is None:
            return
        self.changed = True
        self._ids.pop(person, None)
        rest = dict.fromkeys(other for other in self._nodes.pop(person) if other != node)
        self._user.pop(person, None)
        for far in self._links.pop(node, {}):
            self._links[far].pop(node, None)
        changed |= {person, node}
        while rest:  # what only this node held together falls apart
            self._settle(self._reached(next(iter(rest)), rest), changed)

    def _reached(self, node: str, among: dict[str, None]) -> list[str]:
        """The nodes that links lead to from `node`; they are taken out of `among`."""
        found, ahead = [], [node]
        del among[node]
        while ahead:
            found.append(node := ahead.pop())
            for far in self._links.get(node, {}):
                if far in among:
                    del among[far]
                    ahead.append(far)
        return found

    def _settle(self, nodes: list[str], changed: set[str]) -> None:
        """Make one person of these nodes."""
        user = next((node for node in nodes if node.startswith("u:")), None)
        name = user or nodes[0]
        self._ids.pop(name, None)
        changed |= {name}
        if len(nodes) == 1:
            self._person.pop(name, None)
            self._links.pop(name, None)
            return
        self._nodes[name] = nodes
        self._person.update(dict.fromkeys(nodes, name))
        if user:
            self._user[name] = user

    def _refuse(self, event: Event, id_: str, users: tuple[str, str]) -> None:
        self.refused += 1
        self.conflicts.append(Conflict(event.seq, event.time, event.visitor, id_, users))

    # --- timelines -------------------------------------------------------------------------------------

    def _user_of(self, person: str) -> str:
        return self._user.get(person) or (person if person.startswith("u:") else "")

    def _node(self, id_: str) -> str:
        cuts = self._cuts.get(id_)
        return id_ if cuts is None else _numbered(id_, len(cuts))

    def _node_at(self, id_: str, time: float) -> str:
        """Rule 5."""
        times = self._cut_times.get(id_)
        return id_ if times is None else _numbered(id_, bisect_right(times, time))

    def _member(self, node: str) -> Member:
        id_, _, number = node.partition(CUT)
        cuts, times = self._cuts.get(id_, []), self._cut_times.get(id_, [])
        place = int(number or 0)
        after = cuts[place - 1] if place else 0
        since = cuts[place - _LOOKED_BACK - 1] if place > _LOOKED_BACK else 0
        begins = times[place - 1] if place else float("-inf")
        if place == len(cuts):
            return Member(id_, after, since=since, begins=begins)
        return Member(id_, after, cuts[place], since, begins, times[place])


def _numbered(id_: str, number: int) -> str:
    return f"{id_}{CUT}{number}" if number else id_
