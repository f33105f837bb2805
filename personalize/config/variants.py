"""The shape of an experiment: its variants or parts, who takes part, and how visitors are shared out."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ..quantities import Duration, Share
from .content import Content
from .mixes import combinations, name_of
from .site import Model


class Variant(Model):
    """One arm of an experiment. It names what to show by exactly one of show, parts and html."""

    id: str = Field(description="The variant's name, such as control.")
    weight: float = Field(default=1, ge=0, description="Its share, relative to the other variants' weights.")
    show: Content | None = Field(default=None, description="What it shows.")
    parts: dict[str, str] | None = Field(default=None, description="Short for show: {parts: ...}.")
    html: str | None = Field(default=None, description="Short for show: {html: ...}.")
    range: tuple[float, float] | None = Field(
        default=None,
        strict=False,
        description="The part of [0, 1) it takes, such as [0, 0.4], in place of weights and coverage.",
    )

    @property
    def content(self) -> Content:
        if self.show is not None:
            return self.show
        if self.html is not None:
            return Content(kind="html", html=self.html)
        return Content(kind="template", parts=self.parts or {})


class Level(Model):
    """One of the things that a drawn part can be."""

    id: str = Field(description="The level's name, such as points.")
    part: str = Field(description="The name of a part, such as headlines.points, or plain text; empty for none.")
    weight: float = Field(default=1, ge=0, description="Its share, relative to the other levels' weights.")


class Namespace(Model):
    """Experiments that share a namespace and have ranges apart never meet in one visitor."""

    id: str = Field(description="The namespace's name.")
    range: tuple[float, float] = Field(strict=False, description="The share of visitors it may take, such as [0, 0.5].")


class Filter(Model):
    """Lets visitors in whose hash under a seed of its own lies in one of the ranges. Takes the place of a namespace."""

    seed: str = Field(description="What the visitor's id is hashed with.")
    ranges: list[Annotated[tuple[float, float], Field(strict=False)]] = Field(
        min_length=1, description="Such as [[0, 0.5]]."
    )


class Requirement(Model):
    """Another experiment that a visitor must be in, as one of these variants. Its condition is not asked."""

    experiment: str = Field(description="The other experiment's key.")
    variants: list[str] = Field(min_length=1, description="The variants that count.")


class Promote(Model):
    """When the best variant wins for good."""

    probability: float = Field(default=0.95, gt=0.5, lt=1, description="How probably it must be the best.")
    min_visitors: int = Field(default=0, ge=0, description="Each variant must have been shown to so many visitors.")
    min_days: int = Field(default=0, ge=0, description="So many days must have passed since it was first shown.")
    approval: Literal["required", "none"] = Field(
        default="required", description="required: `personalize promote` does it; none: the site does it by itself."
    )


class Bandit(Model):
    """How a bandit learns: what it counts as a reward, for whom apart, and how often it thinks again."""

    reward: Literal["conversion", "revenue"] = Field(
        default="conversion",
        description="conversion: whether the goal was reached; revenue: what the goal's value adds up to.",
    )
    by: list[str] = Field(
        default=[],
        max_length=20,
        description="Segments that it learns for apart: the first that a visitor is in counts; the rest are one more.",
    )
    floor: Share = Field(
        default=0.01, ge=0.01, le=0.5, description="The least share of visitors that every variant keeps."
    )
    every: Duration = Field(default=600.0, ge=1.0, description="How long the shares stay as they are.")
    window: Duration | None = Field(
        default=None,
        gt=0.0,
        description="How long after the first exposure a reward counts, and the visitor keeps the variant; without it"
        " the goal's window.",
    )
    settle: Duration = Field(
        default=0.0, description="A visitor is learned from only when so much time has passed since the first exposure."
    )
    half_life: Duration | None = Field(
        default=None, gt=0.0, description="A visitor this long ago counts half. Without it all count alike."
    )


class Experiment(Model):
    """Variants that share an experience's visitors, each visitor always in the same one; or parts, each drawn on its
    own, that combine in the template of what the experience shows."""

    key: str = Field(
        description="Visitors are split by this and their id. Keep it while it runs; a new key splits anew."
    )
    iteration: int = Field(default=1, ge=1, description="Which try at this idea it is, as reports and triggers say it.")
    coverage: Share = Field(default=1.0, description="The share of visitors that takes part.")
    namespace: Namespace | None = Field(default=None, description="Keeps its visitors apart from other experiments'.")
    filters: list[Filter] = Field(default=[], description="All must let a visitor in. They take namespace's place.")
    requires: list[Requirement] = Field(default=[], description="Other experiments that a visitor must be in.")
    seed: str | None = Field(default=None, description="What the id is hashed with, where it is not the key.")
    hash_version: Literal[1, 2] = Field(
        default=2, description="GrowthBook's hash: 2, or 1 for an experiment that began with it."
    )
    sticky: bool = Field(
        default=True, description="A visitor who saw a variant keeps it, whatever happens to weights and coverage."
    )
    force: str | None = Field(
        default=None, description="Everybody in it gets this variant; it no longer counts as an experiment."
    )
    goal: str | None = Field(default=None, description="The goal it is measured by.")
    allocate: Literal["weights", "thompson"] = Field(
        default="weights", description="thompson: a bandit, which shows more of what earns more, by its goal."
    )
    bandit: Bandit = Field(default=Bandit(), description="For allocate: thompson: how it learns.")
    guardrails: list[str] = Field(default=[], description="Goals that must not suffer for it to be promoted.")
    promote: Promote | None = Field(default=None, description="When the best variant wins for good.")
    variants: list[Variant] = Field(default=[], min_length=2, description="What is compared; the first is the control.")
    parts: dict[str, Annotated[list[Level], Field(min_length=2)]] = Field(
        default={},
        min_length=1,
        description="In place of variants: a template's variables, each with what it can be; the first is the control.",
    )

    @property
    def names(self) -> list[str]:
        """What a visitor can be in it: the variants, or the combinations of its parts, such as "headline=points"."""
        if not self.parts:
            return [variant.id for variant in self.variants]
        return [name_of(levels) for levels in combinations(self.levels)]

    @property
    def levels(self) -> dict[str, list[str]]:
        """The ids of each part's levels."""
        return {part: [level.id for level in levels] for part, levels in self.parts.items()}
