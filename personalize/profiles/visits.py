"""How often somebody came: visits counted from the times of their events, in whatever order those arrive. Pure.

A visit is a longest run of events of which none is more than VISIT_GAP after the one before it. So the number of
visits is a function of the set of times: an event that is imported a month late makes the same visits as one that
came at once. Of the newest `_KEPT` visits the profile knows begin and end; what happened before those is counted no
more, for nobody can tell whether its visit was counted already.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

from ..model import Profile

VISIT_GAP: Final = 1800.0  # seconds without an event that end a visit (the web's own convention)
_KEPT: Final = 100  # visits before the newest one, whose begin and end are known


def be_active(profile: Profile, time: float) -> None:
    """Somebody was there at `time`."""
    if profile.visits and profile.began <= time <= profile.last_seen + VISIT_GAP:
        if time > profile.last_seen:
            profile.last_seen = time
    elif not profile.visits:
        profile.visits, profile.first_seen, profile.began, profile.last_seen = 1, time, time, time
    elif time > profile.last_seen:
        profile.earlier_visits = (*profile.earlier_visits, (profile.began, profile.last_seen))[-_KEPT:]
        profile.visits += 1
        profile.began = profile.last_seen = time
    else:
        _be_active_late(profile, time)


def _be_active_late(profile: Profile, time: float) -> None:
    """Before the newest visit: on its own, or longer on one side, or what lay between two visits is filled."""
    earlier = profile.earlier_visits
    everything = profile.visits == len(earlier) + 1
    profile.first_seen = min(profile.first_seen, time)
    if not everything and (not earlier or time < earlier[0][0] - VISIT_GAP):
        return
    runs = [*earlier, (profile.began, profile.last_seen)]
    place = bisect_left(runs, (time,))
    begin = end = time
    first, last = place, place
    if place and time - runs[place - 1][1] <= VISIT_GAP:
        first = place - 1
        begin, end = runs[first][0], max(time, runs[first][1])
    if place < len(runs) and runs[place][0] - end <= VISIT_GAP:
        last = place + 1
        end = max(end, runs[place][1])
    profile.visits += 1 - (last - first)
    runs[first:last] = [(begin, end)]
    profile.began, profile.last_seen = runs.pop()
    profile.earlier_visits = tuple(runs[-_KEPT:])
