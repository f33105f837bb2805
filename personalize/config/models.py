"""The shape of a checked config. What an editor writes, field by field; cross-checks live in `checks`.

The descriptions are what an editor's YAML plugin shows on hover, and what the reference page is made from.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PrivateAttr

from ..model import Catalogue, Mark, Problem
from ..quantities import Duration as Duration
from ..quantities import Share as Share
from ..quantities import Size as Size
from ..quantities import duration as duration
from ..quantities import share as share
from .actions import Action as Action
from .content import CONTENT_FORMS as CONTENT_FORMS
from .content import CONTENT_WORDS as CONTENT_WORDS
from .content import PAGE as PAGE
from .content import Content as Content
from .members import Members as Members
from .site import Cap as Cap
from .site import Complaints as Complaints
from .site import ConsentRules as ConsentRules
from .site import Cookie as Cookie
from .site import Granted as Granted
from .site import Limits as Limits
from .site import Model as Model
from .site import Signal as Signal
from .site import Site as Site
from .variants import Experiment as Experiment
from .variants import Variant as Variant

Condition = str | dict[str, Any] | list[Any]  # checked and compiled by `conditions`
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Purpose = Literal["none", Granted]


# --- sources -------------------------------------------------------------------------------------------


class Breaker(Model):
    """When a source that keeps failing is left alone."""

    failures: int = Field(default=5, ge=1, description="So many failures in a row open it: the source is not asked.")
    open_for: Duration = Field(default=30.0, description="How long it stays open before one request tries again.")


class SourceConfig(Model):
    """Where slots' content comes from."""

    use: str = Field(description='recommendations, proof, http, or a plugin\'s class: "package.module:Name".')
    url: str | None = Field(
        default=None,
        description="For http: the address. {path}, a slot path's captures and what vary_by names are filled in.",
    )
    timeout: Duration = Field(default=0.04, le=10, description="How long a page waits for an answer.")
    deadline: Duration = Field(
        default=2.0, description="How long a fetch may take that no page waits for any more; it still fills the cache."
    )
    fresh: Duration = Field(default=60.0, description="How long an answer is used without asking again.")
    stale_while_revalidate: Duration = Field(
        default=600.0, description="After that: how long the old answer is used while a new one is fetched."
    )
    stale_if_error: Duration = Field(
        default=86_400.0, description="After that: how long the old answer is used while the source fails."
    )
    vary_by: list[str] = Field(
        default=[], description="The facts the content depends on, such as locale. No other reaches the fetch."
    )
    trust: Literal["sanitize", "trusted"] = Field(
        default="sanitize", description="sanitize lets only harmless HTML through; trusted takes it as it is."
    )
    breaker: Breaker = Field(default=Breaker(), description="When a source that keeps failing is left alone.")
    concurrency: int = Field(default=20, ge=1, le=1000, description="At most so many fetches at a time.")
    allow_private: bool = Field(default=False, description="Whether the host may be a private address.")
    options: dict[str, Any] = Field(default={}, description="Handed to a plugin as they are.")


class CatalogueConfig(Model):
    """The product list."""

    file: str | None = Field(default=None, description="A Google-style product list as JSON lines, beside this file.")
    url: str | None = Field(default=None, description="The same list at an address.")


class Goal(Model):
    """What an experiment is measured by."""

    event: str = Field(description="The event that counts, such as Order Completed.")
    value: str | None = Field(default=None, description="The event's property to add up, such as revenue.")
    window: Duration = Field(default=14 * 86_400.0, description="How long after the first exposure an event counts.")
    nth: int = Field(default=1, ge=1, description="2: the second such event counts, as in repeat orders.")
    direction: Literal["increase", "decrease"] = Field(default="increase", description="Which way is better.")


# --- segments ------------------------------------------------------------------------------------------


class Segment(Model):
    """A group of visitors, by conditions. With more than one of all, any and not, each of them must hold."""

    label: str = Field(default="", description="The name that people see.")
    all: list[Any] | None = Field(default=None, description="Every one of these conditions must hold.")
    any: list[Any] | None = Field(default=None, description="At least one of these conditions must hold.")
    not_: list[Any] | None = Field(default=None, alias="not", description="None of these conditions may hold.")
    members: Members | None = Field(
        default=None, description="A list kept elsewhere; a visitor must be in it, and every condition hold."
    )
    remember_for: Duration | None = Field(
        default=None, description="A visitor who was in the segment stays in it for this long."
    )
    value: float | None = Field(default=None, description="What a member is worth, in the site's currency.")

    @property
    def condition(self) -> dict[str, Any]:
        parts = {"all": self.all, "any": self.any, "not": self.not_}
        given = {k: v for k, v in parts.items() if v is not None}
        return given or ({"all": ["everyone"]} if self.members is not None else {})


class Holdout(Model):
    """Visitors who see the site as it is; everything is measured against them."""

    percent: float = Field(ge=0, le=100, description="How many of a hundred visitors are held out.")
    salt: str = Field(default="holdout", description="Change it to draw other visitors.")


class ExperienceHoldout(Model):
    """Visitors who would get this experience and see the page's own markup instead, to measure what it adds."""

    percent: float = Field(ge=0, le=100, description="How many of a hundred of its visitors are held out.")
    salt: str | None = Field(
        default=None, description="Give two experiences the same one to hold the same visitors out of both."
    )


# --- slots ---------------------------------------------------------------------------------------------


class Match(Model):
    """Where a slot is, and what is done there: a path pattern, and an element by CSS selector or a comment pair. With
    neither, both [data-slot=NAME] and <!-- slot:NAME --> are looked for."""

    path: str | list[str] = Field(
        description="The pages, as path patterns: literal text, {name} one segment, * one segment, ** the rest."
    )
    element: str | None = Field(default=None, description="A CSS selector; the first element that fits is it.")
    comment: str | None = Field(default=None, description="NAME of <!-- slot:NAME --> ... <!-- /slot:NAME -->.")
    do: Action = Field(
        default="replace_inner",
        description="What the content does: it replaces what is in the element, or the element (replace); it comes"
        " before or after it, at its start or end; the element goes (remove); or an attribute is set or goes.",
    )
    attribute: str | None = Field(default=None, description="For set_attribute and remove_attribute: its name.")
    all: bool = Field(default=False, description="Every element that fits, not only the first.")

    @property
    def paths(self) -> tuple[str, ...]:
        return (self.path,) if isinstance(self.path, str) else tuple(self.path)


class Schedule(Model):
    """When an experience is live. All times are in the config's one timezone."""

    from_: str | None = Field(
        default=None, alias="from", description='The first moment, as "2026-12-01 09:00" or a date (its first minute).'
    )
    until: str | None = Field(default=None, description="The moment it ends, written in the same way; exclusive.")
    days: list[Weekday] = Field(default=[], description="Only on these days of the week.")
    hours: str | None = Field(
        default=None, description='Only in these hours, as "08:00-22:00"; past midnight where the second is smaller.'
    )


class CoolDown(Model):
    """A pause after something happened."""

    after: str = Field(description="An event's name, such as Order Completed.")
    for_: Duration = Field(alias="for", description="How long nothing is shown after it.")


class Experience(Model):
    """Something to show to some visitors. Of a slot's experiences the first match from the top wins."""

    id: str = Field(description="Its name: a-z, 0-9, - and _. Reports go by it.")
    owner: str = Field(default="", description="Who looks after it.")
    status: Literal["draft", "preview", "live", "paused", "archived"] = Field(
        default="live", description="Only a live experience is shown; a preview one only in previews."
    )
    when: Condition = Field(default="everyone", description="A segment's name, a condition, or a list that must hold.")
    schedule: Schedule | None = Field(default=None, description="When it is live.")
    cap: Cap | None = Field(default=None, description="How often one visitor may see it.")
    cool_down: CoolDown | None = Field(default=None, description="A pause after something happened.")
    delay: Duration | None = Field(default=None, description="The signal must be at least this old.")
    expire: Duration | None = Field(default=None, description="The signal must be younger than this.")
    holdout: ExperienceHoldout | None = Field(default=None, description="Visitors who see the page without it.")
    exclusive_group: str | None = Field(
        default=None,
        min_length=1,
        description="Of the experiences that name the same group, one page shows at most one: that of the first slot.",
    )
    experiment: Experiment | None = Field(default=None, description="Variants to compare, in place of show.")
    show: Content | None = Field(default=None, description="What it shows.")
    exclude: list[str] = Field(default=[], description="Products to leave out: bought, in_cart, out_of_stock.")
    why: str = Field(default="", description='What a visitor reads under "why am I seeing this?".')


class Slot(Model):
    """A place in the pages, and what may stand there."""

    match: Match = Field(description="The pages, and the element in them.")
    consent: Purpose = Field(
        default="personalization_storage",
        description="The purpose a visitor must have granted; none for content that is about no one.",
    )
    shared: bool = Field(
        default=False, description="It knows only what site.shared says of a visitor: a cache may keep such pages."
    )
    default: Content = Field(default=PAGE, description="What is shown when no experience matches.")
    fallback: Content = Field(default=PAGE, description="What is shown when a source fails or is late.")
    template: str | None = Field(default=None, description="The template for parts and sources that name none.")
    cap: Cap | None = Field(default=None, description="How often one visitor may see any of its experiences.")
    experiences: list[Experience] = Field(default=[], description="The first match from the top wins.")


class Config(Model):
    """A whole config, checked. `base` is the folder that relative names start from."""

    version: Literal[1] = Field(description="The version of this language.")
    timezone: str = Field(default="UTC", description="The zone of every time here, such as Europe/Istanbul.")
    store: str = Field(
        default="sqlite",
        description="The log: sqlite (beside this file), sqlite:///path, postgresql://user@host/database, memory, or"
        " package.module:Name for one of your own.",
    )
    hot: str | None = Field(
        default=None,
        description="What visitors were just shown, so that caps hold across workers at once. Left out: where the log"
        " is. Else sqlite, sqlite:///path, postgresql://user@host/database, redis://host:6379/0, memory (each worker"
        " its own; others follow within a second), or package.module:Name."
    )
    retention: dict[str, Duration] = Field(
        default={}, description="How long events of a kind are kept, by the event's name; others stay."
    )
    site: Site = Field(default=Site(), description="What holds for the whole site.")
    sources: dict[str, SourceConfig] = Field(default={}, description="Where content comes from, by name.")
    catalogue: CatalogueConfig | None = Field(default=None, description="The product list.")
    goals: dict[str, Goal] = Field(default={}, description="What experiments are measured by, by name.")
    segments: dict[str, Segment] = Field(default={}, description="Groups of visitors, by name.")
    holdout: Holdout | None = Field(default=None, description="Visitors who see the site as it is.")
    slots: dict[str, Slot] = Field(default={}, description="Places in the pages, by name.")
    parts: dict[str, dict[str, Any]] = Field(
        default={}, description="Texts, pictures and offers that templates combine: a group, then a name."
    )

    _file: str = PrivateAttr(default="<dict>")
    _base: Path = PrivateAttr(default_factory=Path.cwd)
    _marks: dict[tuple[str | int, ...], Mark] = PrivateAttr(default_factory=dict)
    _warnings: tuple[Problem, ...] = PrivateAttr(default=())
    _products: Catalogue = PrivateAttr(default_factory=dict)

    @property
    def file(self) -> str:
        return self._file

    @property
    def base(self) -> Path:
        return self._base

    @property
    def warnings(self) -> tuple[Problem, ...]:
        return self._warnings

    @property
    def products(self) -> Catalogue:
        """The catalogue's products by id, read when the config was loaded."""
        return self._products

    def mark(self, *path: str | int) -> Mark:
        """Where a key was written, such as mark("slots", "hero", "experiences", 0); the nearest known parent's
        place where it was not, and line 0 for a config that came as a dict."""
        for end in range(len(path), -1, -1):
            if (found := self._marks.get(path[:end])) is not None:
                return found
        return Mark(self._file, 0, 0)
