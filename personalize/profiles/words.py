"""What was said about a visitor: traits, and which word counts where several were said. Pure.

Rule 1  The visitor's own word, said on their own page or in an answer, counts against everybody else's, whenever those
        were said: what they corrected or removed does not come back with a file, old or new, until they allow it.
Rule 2  What the site's servers or its imports said counts against what a script in the browser says: anybody can make
        their browser say anything.
Rule 3  Otherwise the later word counts, by when it was said and not by when it came. That a trait was taken away is a
        word too.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from ..model import Profile, Provenance
from .provenance import VISITOR

_BROWSER: Final = "browser"  # and of what the collector has from scripts
ANSWERS: Final = "answers"  # the trait that holds their answers
_MOST: Final = 100
_LONGEST: Final = 2000  # characters of JSON
_MOST_ANSWERS: Final = 50
_FORGOTTEN: Final = ""  # no question: until when answers were removed


def say(profile: Profile, name: str, value: Any, provenance: Provenance) -> None:
    """A trait is said to have this value; None takes it away."""
    known = profile.provenance.get(name) or profile.removed.get(name)
    if name == ANSWERS and value is None and is_own_word(provenance):
        _forget_answers(profile, provenance)
        return
    if known is not None and _rank(known) > _rank(provenance):
        return
    if value is None:
        profile.traits.pop(name, None)
        profile.provenance.pop(name, None)
        _put(profile.removed, name, provenance)
    elif len(json.dumps(value)) <= _LONGEST:
        profile.removed.pop(name, None)
        profile.traits.pop(name, None)  # the one said last stands last
        profile.traits[name] = value
        dropped = _put(profile.provenance, name, provenance)
        if dropped:
            del profile.traits[dropped]


def answer_question(profile: Profile, question: str, answer: str, time: float) -> None:
    """The newest answer to each question counts."""
    if time < profile.answered.get(question, -math.inf) or time <= profile.answered.get(_FORGOTTEN, -math.inf):
        return
    before = profile.traits.get(ANSWERS)
    answers = {**before, question: answer} if isinstance(before, Mapping) else {question: answer}
    answered = {**profile.answered, question: time}
    while len(answers) > _MOST_ANSWERS or len(json.dumps(answers)) > _LONGEST:
        oldest = min(answers, key=lambda one: answered.get(one, -math.inf))
        del answers[oldest]
        answered.pop(oldest, None)
    profile.answered = answered
    _say_answers(profile, answers)


def _forget_answers(profile: Profile, word: Provenance) -> None:
    """The visitor removed them: those of later count."""
    since = max(word.time, profile.answered.get(_FORGOTTEN, -math.inf))
    profile.answered = {one: time for one, time in profile.answered.items() if time > since} | {_FORGOTTEN: since}
    before = profile.traits.get(ANSWERS)
    left = {one: said for one, said in before.items() if one in profile.answered} if isinstance(before, dict) else {}
    if left:
        _say_answers(profile, left)
    else:
        profile.traits.pop(ANSWERS, None)
        profile.provenance.pop(ANSWERS, None)
        _put(profile.removed, ANSWERS, replace(word, time=since))


def _say_answers(profile: Profile, answers: Mapping[str, str]) -> None:
    newest = max(profile.answered[question] for question in answers)
    say(profile, ANSWERS, answers, Provenance("first", VISITOR, newest))


def allow(profile: Profile, name: str, word: Provenance) -> None:
    """The visitor lets others say again, from now on, what they had removed."""
    gone = profile.removed.get(name)
    if gone is not None and is_own_word(word) and gone.time <= word.time:
        profile.removed[name] = Provenance(time=word.time)


def is_own_word(word: Provenance) -> bool:
    """Whether the visitor said it."""
    return word.party == "first" and word.source == VISITOR


def _rank(word: Provenance) -> tuple[int, float]:
    if is_own_word(word):
        return 2, word.time
    return (0 if word.party == "first" and word.source == _BROWSER else 1), word.time


def _put(kept: dict[str, Provenance], name: str, word: Provenance) -> str:
    """Returns the name that had to go: the one whose word counts least."""
    kept.pop(name, None)
    kept[name] = word
    if len(kept) <= _MOST:
        return ""
    least = min(kept, key=lambda one: _rank(kept[one]))
    del kept[least]
    return least
