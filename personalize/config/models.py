"""The shape of a checked config. What an editor writes, field by field; cross-checks live in `checks`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, model_validator

from ..model import Catalogue, Mark, Problem

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_LONGEST = 36_525 * 86_400.0
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)")


def duration(value: object) -> float:
    """Seconds from "50ms", "90s", "10m", "12h", "7d" or "2w"; a plain number is seconds."""
    seconds = -1.0
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
    elif isinstance(value, str) and (m := _DURATION.fullmatch(value.strip())):
        seconds = float(m[1]) * _UNITS[m[2]]
    if not 0 <= seconds < math.inf:
        raise ValueError('a duration such as "50ms", "90s", "10m", "12h" or "7d" is needed here')
    if seconds > _LONGEST:
        raise ValueError("a duration of more than 100 years is not meant")
    return seconds


def share(value: object) -> float:
    """A share of one from "100%", "12.5%" or a number between 0 and 1."""
    if isinstance(value, str) and value.endswith("%"):
        try:
            number = float(value[:-1]) / 100
        except ValueError:
            number = -1.0
    elif isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
    else:
        number = -1.0
    if not 0 <= number <= 1:
        raise ValueError('a share such as "50%" or 0.5 is needed here')
    return number


Duration = Annotated[float, BeforeValidator(duration, json_schema_input_type=str | float)]
Share = Annotated[float, BeforeValidator(share, json_schema_input_type=str | float)]
Condition = str | dict[str, Any] | list[Any]  # checked and compiled by `conditions`


class Model(BaseModel):
    # strict: "yes" is no boolean and "5" is no number, as the JSON schema that editors see says too
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True)


# --- the site ------------------------------------------------------------------------------------------


class Cookie(Model):
    name: str = Field("pz", pattern=r"^[A-Za-z0-9_-]{1,40}$")
    days: int = Field(180, ge=1, le=400)
    partitioned: bool = False  # for a site that lives in other sites' frames


class ConsentRules(Model):
    cookie: str = "consent"
    default: Literal["denied", "granted"] = "denied"
    honour_gpc: bool = True


class Signal(Model):
    """An event read off the site's own traffic: a request on `path` that the app answered with success."""

    path: str
    method: Literal["GET", "POST", "PUT", "DELETE"] = "GET"
    event: str
    item: str | None = None  # "{product}": a segment captured by the path; Order Completed takes the cart


class Site(Model):
    cookie: Cookie = Cookie()
    consent: ConsentRules = ConsentRules()
    geo_headers: list[str] = []
    budget: Duration = 0.05
    templates: str = "templates"  # a folder beside this file
    prefix: str = "/_personalize"
    cache_control: Literal["no-store", "no-cache"] = "no-store"
    signals: list[Signal] = []


# --- sources -------------------------------------------------------------------------------------------


class Breaker(Model):
    failures: int = Field(5, ge=1)
    open_for: Duration = 30.0


class SourceConfig(Model):
    """`use` is recommendations, proof, http, or "package.module:Name" of a class that fits protocols.Source."""

    use: str
    url: str | None = None
    timeout: Duration = 0.04
    deadline: Duration = 2.0  # a fetch the page no longer waits for still fills the cache until then
    fresh: Duration = 60.0
    stale_while_revalidate: Duration = 600.0
    stale_if_error: Duration = 86_400.0
    vary_by: list[str] = []
    trust: Literal["sanitize", "trusted"] = "sanitize"
    breaker: Breaker = Breaker()
    concurrency: int = Field(20, ge=1, le=1000)
    allow_private: bool = False  # may the host be a private address
    options: dict[str, Any] = {}  # handed to a plugin


class CatalogueConfig(Model):
    file: str | None = None
    url: str | None = None


class Goal(Model):
    event: str
    value: str | None = None
    window: Duration = 14 * 86_400.0
    nth: int = Field(1, ge=1)
    direction: Literal["increase", "decrease"] = "increase"


# --- segments ------------------------------------------------------------------------------------------


class Segment(Model):
    label: str = ""
    all: list[Any] | None = None
    any: list[Any] | None = None
    not_: list[Any] | None = Field(None, alias="not")
    remember_for: Duration | None = None
    value: float | None = None

    @property
    def condition(self) -> dict[str, Any]:
        parts = {"all": self.all, "any": self.any, "not": self.not_}
        return {k: v for k, v in parts.items() if v is not None}


class Holdout(Model):
    percent: float = Field(ge=0, le=100)
    salt: str = "holdout"


# --- slots ---------------------------------------------------------------------------------------------


CONTENT_WORDS = ("page", "empty", "last_good")
CONTENT_FORMS = "write page, empty, last_good, {html: ...}, {template: ...}, {parts: ...} or {source: ...}"


class Content(Model):
    """What a slot can show. Written as "page", "empty", "last_good", or a mapping with html, template,
    parts or source; `kind` is worked out from what is there."""

    kind: Literal["page", "empty", "last_good", "html", "template", "source"] = "page"
    html: str | None = None
    template: str | None = None
    parts: dict[str, str] = {}  # template variable -> a part's name, or plain text
    source: str | None = None
    strategy: str | None = None
    limit: int = Field(8, ge=1, le=100)
    novelty: float | None = Field(None, ge=0, le=1)
    metric: str | None = None
    item: str | None = None
    window: Duration = 86_400.0
    min_count: int = Field(0, ge=0)
    path: str | None = None  # fills {path} in a source's url instead of the page's own
    vars: dict[str, str | int | float | bool] = {}  # more template variables

    @model_validator(mode="before")
    @classmethod
    def _kind(cls, raw: Any) -> Any:
        if isinstance(raw, str):
            if raw not in CONTENT_WORDS:
                raise ValueError(f'"{raw}" is nothing to show: {CONTENT_FORMS}')
            return {"kind": raw}
        if isinstance(raw, Mapping) and "kind" not in raw:
            for key, kind in (("source", "source"), ("html", "html"), ("template", "template"), ("parts", "template")):
                if key in raw:
                    return {**raw, "kind": kind}
            raise ValueError(f"this names nothing to show: {CONTENT_FORMS}")
        return raw


PAGE = Content(kind="page")


class Match(Model):
    """Where a slot is: a path pattern, and an element by CSS selector or a comment pair. With neither, both
    [data-slot=NAME] and <!-- slot:NAME --> are looked for."""

    path: str | list[str]
    element: str | None = None
    comment: str | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        return (self.path,) if isinstance(self.path, str) else tuple(self.path)


class Schedule(Model):
    """All times are in the config's one timezone. `from` is inclusive, `until` exclusive."""

    from_: str | None = Field(None, alias="from")
    until: str | None = None
    days: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] = []
    hours: str | None = None  # "08:00-22:00"; past midnight where the second is smaller


class Cap(Model):
    max: int = Field(ge=1)
    within: Duration


class CoolDown(Model):
    after: str  # an event's name
    for_: Duration = Field(alias="for")


class Variant(Model):
    id: str
    weight: float = Field(1, ge=0)
    show: Content | None = None
    parts: dict[str, str] | None = None
    html: str | None = None

    @property
    def content(self) -> Content:
        if self.show is not None:
            return self.show
        if self.html is not None:
            return Content(kind="html", html=self.html)
        return Content(kind="template", parts=self.parts or {})


class Namespace(Model):
    id: str
    range: tuple[float, float] = Field(strict=False)


class Promote(Model):
    probability: float = Field(0.95, gt=0.5, lt=1)
    min_visitors: int = 0
    min_days: int = 0
    approval: Literal["required", "none"] = "required"


class Experiment(Model):
    key: str
    iteration: int = 1
    coverage: Share = 1.0
    namespace: Namespace | None = None
    goal: str | None = None
    guardrails: list[str] = []
    promote: Promote | None = None
    variants: list[Variant] = Field(min_length=2)


class Experience(Model):
    id: str
    owner: str = ""
    status: Literal["draft", "preview", "live", "paused", "archived"] = "live"
    when: Condition = "everyone"
    schedule: Schedule | None = None
    cap: Cap | None = None
    cool_down: CoolDown | None = None
    delay: Duration | None = None
    expire: Duration | None = None
    experiment: Experiment | None = None
    show: Content | None = None
    exclude: list[str] = []
    why: str = ""


class Slot(Model):
    match: Match
    consent: Literal["none", "ad_storage", "ad_user_data", "ad_personalization", "analytics_storage",
                     "functionality_storage", "personalization_storage", "security_storage"] = "personalization_storage"  # fmt: skip
    default: Content = PAGE
    fallback: Content = PAGE
    template: str | None = None
    cap: Cap | None = None
    experiences: list[Experience] = []


class Config(Model):
    """A whole config, checked. `base` is the folder that relative names start from."""

    version: Literal[1]
    timezone: str = "UTC"
    store: str = "sqlite"  # sqlite (beside this file), sqlite:///path, memory
    site: Site = Site()
    sources: dict[str, SourceConfig] = {}
    catalogue: CatalogueConfig | None = None
    goals: dict[str, Goal] = {}
    segments: dict[str, Segment] = {}
    holdout: Holdout | None = None
    slots: dict[str, Slot] = {}
    parts: dict[str, dict[str, Any]] = {}

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
