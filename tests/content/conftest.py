"""What content tests share: an observer that remembers, and a site of templates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from personalize.config.models import PAGE, Config, Content
from personalize.content import Contents
from personalize.model import Ask, Choice, Request


class Remembering:
    """An Observer that keeps what it is told."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.changes: list[tuple[str, str, str]] = []
        self.failures: list[tuple[str, BaseException]] = []

    def count(self, name: str, n: int = 1) -> None:
        self.counts[name] += n

    def changed(self, part: str, state: str, detail: str = "") -> None:
        self.changes.append((part, state, detail))

    def failed(self, where: str, error: BaseException) -> None:
        self.failures.append((where, error))


class Site:
    """A config folder with templates, and the contents made from it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.observer = Remembering()
        self.now = 1000.0
        (folder / "templates").mkdir()

    def template(self, name: str, source: str) -> None:
        file = self.folder / "templates" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source, "utf-8")

    def contents(
        self, made_sources: dict[str, Any] | None = None, *, sources: dict[str, Any] | None = None, **config: Any
    ) -> Contents:
        """Contents over `made_sources`; `sources` and the rest are the config's own."""
        made = Config.model_validate({"version": 1, "sources": sources or {}, **config})
        made._base = self.folder
        return Contents(made, made_sources or {}, self.observer, clock=lambda: self.now)


def _ask(
    content: Any,
    *,
    fallback: Any = PAGE,
    slot: str = "hero",
    path: str = "/",
    params: dict[str, str] | None = None,
    facts: dict[str, Any] | None = None,
    why: str = "",
    experience: str | None = "e",
    variant: str | None = None,
) -> Ask:
    content, fallback = (c if isinstance(c, Content) else Content.model_validate(c) for c in (content, fallback))
    choice = Choice(slot, content, fallback, experience=experience, variant=variant, why=why)
    return Ask(choice, Request("GET", path, b"", "https", {}, params or {}), facts or {}, None, 0.0)


@pytest.fixture
def ask() -> Callable[..., Ask]:
    """Make an Ask from a content as it is written in a config."""
    return _ask


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site with an empty folder of templates."""
    return Site(tmp_path)
