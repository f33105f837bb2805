"""Every place in a config's tree where a slot's content is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .tree import Path, Tree


@dataclass(frozen=True, slots=True)
class Shown:
    """A content as it was written, its place, and the slot it is for (path and values)."""

    path: Path
    raw: Mapping[str, Any]
    slot: Path
    slot_raw: Mapping[str, Any]

    def text(self, key: str) -> str | None:
        """The text under a key, None where there is none."""
        value = self.raw.get(key)
        return value if isinstance(value, str) else None

    @property
    def template(self) -> str | None:
        """The content's own template, or the slot's."""
        own, slot = self.raw.get("template"), self.slot_raw.get("template")
        return own if isinstance(own, str) else slot if isinstance(slot, str) else None


def contents(tree: Tree) -> Iterator[Shown]:
    """The contents that are mappings, in the order of the file; a word such as page needs no checks.
    A variant's own `parts` and `html` count as a content at the variant's place."""
    for slot, raw in tree.each("slots", "*"):
        if not isinstance(raw, Mapping):
            continue
        for path, content in _of_slot(tree, slot):
            if isinstance(content, Mapping):
                yield Shown(path, content, slot, raw)


def _of_slot(tree: Tree, slot: Path) -> Iterator[tuple[Path, Any]]:
    for key in ("default", "fallback"):
        yield (*slot, key), tree.get((*slot, key))
    for i, experience in enumerate(_items(tree.get((*slot, "experiences")))):
        here = (*slot, "experiences", i)
        if not isinstance(experience, Mapping):
            continue
        yield (*here, "show"), experience.get("show")
        variants = (*here, "experiment", "variants")
        for j, variant in enumerate(_items(tree.get(variants))):
            if isinstance(variant, Mapping):
                yield (*variants, j, "show"), variant.get("show")
                own = {key: variant[key] for key in ("parts", "html") if key in variant}
                if own:
                    yield (*variants, j), own


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
