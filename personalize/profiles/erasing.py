"""What somebody had erased is gone from profiles, and does not come back with old events. Pure.

Rule 1  A tombstone ("Visitor Erased") is of one id. Gone is what stands before it in the log under that id, and
        whatever is told later of the time up to it. Who erases everything has one for each id that is theirs then; an
        id that joins a person later brings its own, and takes nothing of the others.
Rule 2  Of an id whose timeline was cut it is of the part in which it stands. What is told again later and happened
        before it is gone from later parts too: a browser's old events do not become those of whoever sits there now.
Rule 3  A tombstone of a part that had ended already (`$via: erasure`) is of the part in which its time lies.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from typing import Final

from ..model import Event, Profile
from .identity import Member
from .ids import OF_THE_PAST, is_of_the_past

_KEPT: Final = frozenset({"visitor", "version", "erased"})
_WHOLE: Final = Member("")
_Tombstone = tuple[int, float, bool]  # see Profile.erased


def tombstones(erased: Event, members: Sequence[Member]) -> Iterator[Event]:
    """Rule 1: `erased` for each id of the person who is made of these timelines, and for each that ended (Rule 3)."""
    live = {member.id for member in members if member.upto == math.inf}
    ids = dict.fromkeys([erased.visitor, *sorted(live)])
    ended = [member for member in members if member.upto < math.inf and member.begins < member.ends]
    past = {"$via": OF_THE_PAST}
    yield from (replace(erased, visitor=id_, id=f"{erased.id}/{n}" if n else erased.id) for n, id_ in enumerate(ids))
    for number, member in enumerate(ended, len(ids)):
        last = math.nextafter(member.ends, -math.inf)
        yield replace(erased, visitor=member.id, id=f"{erased.id}/{number}", time=last, properties=past)


def empty(profile: Profile) -> None:
    """A profile that begins anew, in place."""
    new = Profile(profile.visitor)
    for field in fields(Profile):
        if field.name not in _KEPT:
            setattr(profile, field.name, getattr(new, field.name))


def bury(profile: Profile, event: Event, members: Sequence[Member] = ()) -> bool:
    """Take down a tombstone; False for one that says nothing more than those that the profile knows. What is in the
    profile already stays. `members` are the timelines of whom the profile is of: of each part only the tombstones that
    say most are kept, so that who erases all day takes no room."""
    told = (event.seq, event.time, is_of_the_past(event))
    known = profile.erased.get(event.visitor, [])
    parts = [m for m in members if m.id == event.visitor and m.after < event.seq <= m.upto]
    if any(_says_all_of(one, told, parts) for one in known):
        return False
    left = [one for one in known if not _says_all_of(told, one, parts)]
    profile.erased = {**profile.erased, event.visitor: [*left, told]}
    return True


def _says_all_of(one: _Tombstone, other: _Tombstone, parts: Sequence[Member]) -> bool:
    """Is all that `other` takes also taken by `one`? `parts` is what one of the two stands in."""
    if one[2] != other[2] or one == other:
        return one == other
    if one[2]:
        return one[0] <= other[0] and one[1] == other[1]
    return one[0] >= other[0] and one[1] >= other[1] and any(p.after < other[0] and one[0] <= p.upto for p in parts)


def is_gone(profile: Profile, event: Event, members: Sequence[Member]) -> bool:
    """Was what this event tells erased? `members` are the timelines of whom the profile is of; none for an id alone."""
    tombstones = profile.erased.get(event.visitor)
    if not tombstones:
        return False
    part = next((member for member in members if member.id == event.visitor and member.holds(event)), _WHOLE)
    return any(_covers(tombstone, event, part) for tombstone in tombstones)


def _covers(tombstone: _Tombstone, event: Event, part: Member) -> bool:
    seq, time, past = tombstone
    later = event.seq > seq
    if past:
        return event.time <= time < part.ends and (later or part.begins <= time)
    if later:
        return event.time <= time and seq <= part.upto
    return part.after < seq <= part.upto


def erased_at(profile: Profile, ids: Sequence[str]) -> float:
    """When any of these ids was last erased, in Unix seconds; minus infinity for never."""
    times = (time for id_ in ids for _, time, past in profile.erased.get(id_, ()) if not past)
    return max(times, default=float("-inf"))
