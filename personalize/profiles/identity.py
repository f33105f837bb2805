"""Which ids are one person: a fold over the log. Pure.

Ids are a browser's own ("3f0c..."), the site's users ("u:42"), other clients' anonymous ids ("a:..."), and external
ones with their kind ("loyalty:123", "email:<sha256>", "device:..."). An event tells more than its own in `$ids`.

Rule 1  Links are believed from the site's servers and its imports only: a browser that names somebody's user id is not
        let into that person's profile.
Rule 2  A person has at most one user. A link that would join two is refused and kept as a conflict; so a wrong or
        shared card joins nobody.
Rule 3  Signing out cuts a browser's timeline: what came before stays with the person, what comes after is a stranger's.
        Signing in as another user does the same first.
Rule 4  What was joined can be undone: "Identity Unlinked" takes an id out of its person, with every link through it.
        "Identity Merged" is an operator's word that two users are one, and may join them.
"""

from __future__ import annotations

import hashlib
import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..model import ERASED, Event

SIGNED_OUT: Final = "Signed Out"
UNLINKED: Final = "Identity Unlinked"
MERGED: Final = "Identity Merged"
_NOBODY: Final[frozenset[str]] = frozenset()
_MOST_CONFLICTS: Final = 1000  # the newest are kept
_LONGEST: Final = 200  # characters of an id
_OWN_ID: Final = re.compile(r"[0-9a-f]{32}")  # as a browser's cookie holds it
_CUT: Final = "\0"  # in no id: between an id and the number of the part of its timeline
_KIND: Final = re.compile(r"[a-z][a-z0-9_]{0,29}")


@dataclass(frozen=True, slots=True)
class Member:
    """A part of one id's timeline: its events with `after` < seq <= `upto`."""

    id: str
    after: int = 0
    upto: float = float("inf")


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
        self._apart: set[str] = set()  # ids that an operator took out: linked no more
        self.refused = 0
        self.conflicts: deque[Conflict] = deque(maxlen=_MOST_CONFLICTS)

    # --- asking ----------------------------------------------------------------------------------------

    def person(self, id_: str) -> str:
        """The person that an id stands for now; of one never linked, the id itself."""
        node = self._node(id_)
        return self._person.get(node, node)

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
                    yield node.partition(_CUT)[0]

    @property
    def users(self) -> int:
        """How many users are known to be behind some other id."""
        return sum(len(self._nodes[person]) > 1 for person in self._user)

    # --- learning --------------------------------------------------------------------------------------

    def apply(self, event: Event) -> frozenset[str]:
        """Take one stored event; returns the persons that are now made of other timelines than before."""
        if "$via" not in event.properties and event.name != SIGNED_OUT and event.name != ERASED:
            return _NOBODY  # most events: the site's own, which tell of no other id
        changed: set[str] = set()
        if event.name == SIGNED_OUT and not event.visitor.startswith("u:"):
            self._cut(event.visitor, event.seq, changed)
        elif event.name == ERASED:
            self._take_out(self._node(event.visitor), changed)
        elif _is_trusted(event):
            if event.name == UNLINKED:
                self._unlink(_text(event.properties.get("id")), changed)
            else:
                for id_ in told_ids(event):
                    self._link(event, id_, changed)
        return frozenset(changed)

    def _link(self, event: Event, id_: str, changed: set[str]) -> None:
        if {event.visitor, id_} & self._apart:
            return
        one, other = self.person(event.visitor), self.person(id_)
        users = (self._user_of(one), self._user_of(other))
        if one != other and users[0] and users[1] and event.name != MERGED:
            device = next((i for i in (event.visitor, id_) if _is_device(i)), None)
            if device is None or not any(i.startswith("u:") for i in (event.visitor, id_)):
                self._refuse(event, id_, users)
                return
            self._cut(device, event.seq - 1, changed)  # another user signs in at the same browser
            one, other = self.person(event.visitor), self.person(id_)
        ends = self._node(event.visitor), self._node(id_)
        for node, far in (ends, ends[::-1]):
            self._links.setdefault(node, {})[far] = None
        if one != other:
            self._join(one, other, changed)

    def _join(self, one: str, other: str, changed: set[str]) -> None:
        changed |= {one, other}
        self._user.pop(one, None)
        self._user.pop(other, None)
        self._settle([*self._nodes.pop(one, [one]), *self._nodes.pop(other, [other])], changed)

    def _cut(self, id_: str, seq: int, changed: set[str]) -> None:
        changed |= {self.person(id_)}
        self._cuts.setdefault(id_, []).append(seq)
        changed |= {self.person(id_)}

    def _unlink(self, id_: str, changed: set[str]) -> None:
        self._apart.add(id_)
        for number in range(len(self._cuts.get(id_, ())) + 1):
            self._take_out(_numbered(id_, number), changed)

    def _take_out(self, node: str, changed: set[str]) -> None:
        person = self._person.pop(node, None)
        if person is None:
            return
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

    def _member(self, node: str) -> Member:
        id_, _, number = node.partition(_CUT)
        cuts = self._cuts.get(id_, [])
        place = int(number or 0)
        after = cuts[place - 1] if place else 0
        return Member(id_, after, cuts[place] if place < len(cuts) else float("inf"))


def _numbered(id_: str, number: int) -> str:
    return f"{id_}{_CUT}{number}" if number else id_


def _is_device(id_: str) -> bool:
    return id_.startswith(("a:", "device:")) or _OWN_ID.fullmatch(id_) is not None


def _is_trusted(event: Event) -> bool:
    return event.properties.get("$via") not in (None, "browser")


def told_ids(event: Event) -> list[str]:
    """The other ids of the same person that an event tells, each with its kind."""
    told = event.properties.get("$ids")
    ids: list[str] = []
    for kind, value in told.items() if isinstance(told, Mapping) else ():
        text = _text(value)
        if not text or not isinstance(kind, str):
            continue
        if kind == "user_id":
            ids.append(f"u:{text}")
        elif kind in ("anonymous_id", "previous_id"):
            ids.append(text if _OWN_ID.fullmatch(text) else f"a:{text}")
        elif _KIND.fullmatch(kind) and kind not in ("u", "a"):
            ids.append(external_id(kind, text))
    traits = event.properties.get("traits") if event.name == "User Identified" else None
    email = _text(traits.get("email")) if isinstance(traits, Mapping) else ""
    if "@" in email:
        ids.append(external_id("email", email))
    # The user first: what else is told belongs to whoever signed in.
    return [id_ for id_ in sorted(dict.fromkeys(ids), key=lambda i: not i.startswith("u:")) if id_ != event.visitor]


def external_id(kind: str, value: str) -> str:
    """An id of another system as the log keeps it. Of an e-mail address only the SHA-256 of its lower-case text, as
    mailing and advertising systems exchange it."""
    if kind == "email" and "@" in value:
        value = hashlib.sha256(value.strip().lower().encode("utf-8", "replace")).hexdigest()
    return f"{kind}:{value}"


def _text(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value.replace(_CUT, "").strip()[:_LONGEST] if isinstance(value, str) else ""
