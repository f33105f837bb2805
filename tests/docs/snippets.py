"""The fenced blocks of the docs, and what turns each into something that can be run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from personalize.config.models import Config
from personalize.config.yaml12 import parse

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
# What a fragment may name that another part of the reader's file would hold.
SUPPOSED: dict[str, Any] = {
    "segments": {name: {"all": ["everyone"]} for name in ("returning", "returning-mobile", "loyal")},
    "goals": {"order": {"event": "Order Completed"}},
    "slots": {"supposed": {"match": {"path": "/supposed"}, "experiences": [
        {"id": "menu", "experiment": {"key": "menu-2", "variants": [{"id": "slim"}, {"id": "wide"}]}}]}},
}  # fmt: skip
for variant in SUPPOSED["slots"]["supposed"]["experiences"][0]["experiment"]["variants"]:
    variant["show"] = "page"


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: its page (from the root), the line of its fence, its language and its text."""

    page: str
    line: int
    language: str
    text: str

    @property
    def first(self) -> str:
        """Its first line, by which a table may name it."""
        return self.text.partition("\n")[0].strip()

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    """Every fenced block of a page. One that stands indented in a list is taken out of it."""
    text = page.read_text("utf-8")
    for found in re.finditer(r"^( *)```(\w*)\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE):
        inner = re.sub(rf"^{found[1]}", "", found[3], flags=re.MULTILINE)
        yield Block(str(page.relative_to(ROOT)), text[: found.start()].count("\n") + 1, found[2], inner)


def configs(text: str) -> Iterator[str]:
    """The whole configs that a block of YAML stands for: itself, or each of its fragments put where it belongs."""
    if re.search(r"^version: 1$", text, re.MULTILINE):
        yield text
        return
    for fragment in re.split(r"^(?=when:|\{)", text, flags=re.MULTILINE):
        if fragment.strip():
            yield json.dumps(_merged({"version": 1} | SUPPOSED, _placed(_read(fragment))), ensure_ascii=False)


def _read(fragment: str) -> dict[str, Any]:
    tree = parse(fragment.encode(), "fragment.yaml")
    assert not tree.problems and isinstance(tree.data, dict), (fragment, tree.problems)
    return tree.data


def _placed(data: dict[str, Any]) -> dict[str, Any]:
    """A fragment below the keys that lead to it: of a slot, of an experience, or a condition by itself."""
    if data.keys() <= Config.model_fields.keys():
        return data
    if "match" in data:
        return {"slots": {"a-slot": {"default": {"html": "x"}} | data}}
    if not data.keys() <= {"when", "experiment"}:
        data = {"when": data}
    experience = {"id": "an-experience"} | data | ({} if "experiment" in data else {"show": {"html": "x"}})
    return {"slots": {"a-slot": {"match": {"path": "/"}, "experiences": [experience]}}}


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    both = {key: _merged(one[key], other[key]) for key in one.keys() & other.keys() if isinstance(one[key], Mapping)}
    return {**one, **other, **both}


def session(text: str) -> Iterator[tuple[str, str | None]]:
    """The commands of a block, each with the output that is printed below it: None where the block prints none."""
    if not text.startswith("$ "):
        for line in text.replace("\\\n", " ").splitlines():
            if line.strip() and not line.startswith("#"):
                yield line, None
        return
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield command, output


def prints(shown: str, printed: str) -> bool:
    """Is what a page shows what was printed? A line `...` stands for any lines, `...` at the end of a line for the rest
    of it, and no two runs take the same time."""
    wanted = [r"(?:.*\n)*?" if line.strip() == "..." else f"{_timeless(line)} *\n" for line in shown.splitlines()]
    return re.fullmatch("".join(wanted), printed) is not None


def _timeless(line: str) -> str:
    timeless = re.sub(r"\d+\\ µs", r"\\d+ µs", re.escape(line.rstrip()))
    return re.sub(r"\\.\\.\\.$", ".*", timeless)
