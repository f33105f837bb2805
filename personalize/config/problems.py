"""What can be wrong with a config: the stable ids, and the plain words that messages are made of."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

# An id is never given a second meaning; docs/reference/problems.md has a section for each.
CODES: Mapping[str, str] = {
    # the file and its YAML
    "PZ101": "the file cannot be read",
    "PZ102": "the file is empty",
    "PZ103": "the file is too large",
    "PZ104": "the file is not plain UTF-8 text",
    "PZ105": "the file is not valid YAML",
    "PZ106": "a tab where spaces are needed",
    "PZ107": "a key is written twice",
    "PZ108": "an anchor, alias, merge key or tag",
    "PZ109": "nested too deep",
    "PZ110": "not a mapping of plain values",
    "PZ111": "more than one document",
    "PZ112": "a number too large",
    # what the engine finds when it puts the parts together
    "PZ151": "a source's address cannot be used",
    "PZ180": "the secret is missing or too weak",
    # the shape
    "PZ201": "an unknown key",
    "PZ202": "a required key is missing",
    "PZ203": "a value of the wrong kind",
    "PZ204": "a word that is not one of the choices",
    "PZ205": "a value out of range",
    "PZ206": "a name with other characters than a-z, 0-9, - and _",
    "PZ207": "an id used twice",
    "PZ208": "nothing, or two things, to show",
    "PZ209": "two ways to find one slot",
    "PZ210": "something that cannot be done at a slot",
    # what does not fit together
    "PZ301": "an unknown segment",
    "PZ302": "segments that depend on each other in a circle",
    "PZ303": "a condition that cannot be understood",
    "PZ304": "an unknown source",
    "PZ305": "an unknown part",
    "PZ306": "an unknown goal",
    "PZ307": "an unknown strategy, metric or exclusion",
    "PZ308": "a template that does not exist",
    "PZ309": "a template that cannot be parsed",
    "PZ310": "content that needs a template and has none",
    "PZ311": "an unknown time zone",
    "PZ312": "a schedule that cannot be understood",
    "PZ313": "a path pattern that cannot be understood",
    "PZ314": "a placeholder that nothing fills",
    "PZ315": "an address that a source cannot use",
    "PZ316": "an environment variable that is not set",
    "PZ317": "a catalogue that cannot be read",
    "PZ318": "a bad line in the catalogue",
    "PZ319": "a slot's element cannot be looked for",
    "PZ320": "a plugin cannot be loaded",
    "PZ321": "a store that does not exist",
    "PZ322": "an unknown fact",
    "PZ323": "a secret in the file",
    "PZ324": "an unknown experiment or variant",
    "PZ325": "experiments that require each other in a circle",
    "PZ326": "a bandit that cannot learn, or be gone by",
    "PZ327": "a shared slot that would know one visitor",
    # warnings
    "PZ401": "an experience that can never be shown",
    "PZ402": "defined and never used",
    "PZ403": "a schedule that is over",
    "PZ404": "a habit shown without being measured",
    "PZ405": "words that feel like being watched",
    "PZ406": "not supported yet",
    "PZ407": "a key that has no effect here",
    "PZ408": "two experiments with one key",
    "PZ409": "an event's name that was probably misspelt",
    "PZ410": "a condition that can never hold",
}


def nearest(word: str, names: Iterable[str]) -> str | None:
    """The name that was probably meant, or None when nothing is near."""
    by_folded = {name.casefold(): name for name in names}
    found = difflib.get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[found[0]] if found else None


def did_you_mean(word: str, names: Iterable[str], what: str = "known here") -> str:
    """The hint for a name that is not among `names`: the near one, or a short list of all."""
    names = sorted(set(names))
    if (near := nearest(word, names)) is not None:
        return f'did you mean "{near}"?'
    if not names:
        return f"{what}: none"
    shown = ", ".join(names[:16])
    return f"{what}: {shown}{', ...' if len(names) > 16 else ''}"


def quoted(text: str, limit: int = 60) -> str:
    """The text in quotes on one line, cut where it is long."""
    flat = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in " ".join(text.split()))
    return f'"{flat[: limit - 1]}…"' if len(flat) > limit else f'"{flat}"'


def spoken(value: Any) -> str:
    """A value as an editor would name it."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return quoted(value)
    return "a list" if isinstance(value, list) else "a mapping"
