"""A profile as values that ..packed can keep: by far the most of those in memory are not asked for just now. Pure."""

from __future__ import annotations

from dataclasses import fields
from operator import attrgetter
from typing import Any, Final

from ..model import Draw, Profile, Provenance
from .identity import Member
from .people import Person, alone
from .purchases import from_rows, to_rows

_NAMES: Final = [field.name for field in fields(Profile)]
_PROFILE: Final = attrgetter(*_NAMES)
_DRAWS: Final = _NAMES.index("draws")
_WORDS: Final = (_NAMES.index("provenance"), _NAMES.index("removed"))
_BOUGHT: Final = {name: _NAMES.index(name) for name in ("sales", "refunds", "cart_changes")}
_DRAW: Final = attrgetter(*(field.name for field in fields(Draw)))
_MEMBER: Final = attrgetter(*(field.name for field in fields(Member)))
_SAID: Final = attrgetter(*(field.name for field in fields(Provenance)))


def packed(person: Person, profile: Profile, known: int) -> tuple[Any, ...]:
    """`known` is the last seq that the profile needs no event of."""
    values = list(_PROFILE(profile))
    if profile.draws:
        values[_DRAWS] = {id_: {k: _DRAW(d) for k, d in drawn.items()} for id_, drawn in profile.draws.items()}
    for place in _WORDS:
        if values[place]:
            values[place] = {trait: _SAID(said) for trait, said in values[place].items()}
    if profile.sales or profile.refunds or profile.cart_changes:
        for name, rows in to_rows(profile).items():
            values[_BOUGHT[name]] = rows
    members = None if person.is_alone(person.name) else [_MEMBER(m) for m in person.members]
    return person.name, members, person.known, known, values


def unpacked(value: tuple[Any, ...]) -> tuple[Person, Profile, int]:
    """What `packed` was given."""
    name, members, told, known, values = value
    if values[_DRAWS]:
        values[_DRAWS] = {id_: {k: Draw(*d) for k, d in drawn.items()} for id_, drawn in values[_DRAWS].items()}
    for place in _WORDS:
        if values[place]:
            values[place] = {trait: Provenance(*said) for trait, said in values[place].items()}
    if any(values[place] for place in _BOUGHT.values()):
        for kept, rows in from_rows({kind: values[place] for kind, place in _BOUGHT.items()}).items():
            values[_BOUGHT[kept]] = rows
    person = alone(name) if members is None else Person(name, tuple(Member(*m) for m in members), told)
    return person, Profile(*values), known
