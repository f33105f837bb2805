"""The shape of what holds for a whole site: its cookie, consent, limits and signals; and what every shape here is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ..model import PURPOSES
from ..quantities import Duration, Share, Size

Granted = Literal[
    "ad_storage", "ad_user_data", "ad_personalization", "analytics_storage", "functionality_storage",
    "personalization_storage", "security_storage",
]  # fmt: skip


class Model(BaseModel):
    # strict: "yes" is no boolean and "5" is no number, as the JSON schema that editors see says too
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True)


class Cap(Model):
    """At most so many exposures to one visitor in a time."""

    max: int = Field(ge=1, le=50, description="At most so many times; up to 50 are counted.")
    within: Duration = Field(description="In this time.")


class Cookie(Model):
    """The visitor's id cookie. It is signed with the keys in PERSONALIZE_SECRET, which never stand in this file."""

    name: str = Field(
        default="pz", pattern=r"^[A-Za-z0-9_-]{1,40}$", description="Its name; over https it becomes __Host-NAME."
    )
    days: int = Field(default=180, ge=1, le=400, description="How long the browser keeps it, in days.")
    partitioned: bool = Field(default=False, description="For a site that lives in other sites' frames (CHIPS).")


class ConsentRules(Model):
    """Where the visitor's consent is read. Without consent there is no id, no profile and no personalization."""

    cookie: str = Field(default="consent", description="The cookie in which the consent banner keeps the answer.")
    categories: dict[str, list[Granted]] = Field(
        default={}, description="What the banner's own categories grant, such as statistics: [analytics_storage]."
    )
    default: Literal["denied", "granted"] = Field(
        default="denied", description="What holds while the visitor has not answered."
    )
    honour_gpc: bool = Field(default=True, description="Whether the browser's Sec-GPC: 1 counts as a refusal.")
    gpc_json: bool = Field(
        default=True, description="Whether /.well-known/gpc.json is answered where the app itself has none."
    )

    def granted_by(self, names: Iterable[str]) -> frozenset[str]:
        """The purposes that a yes to these grants: purposes by name, and the banner's own categories."""
        given = frozenset(names)
        granted = set(given.intersection(PURPOSES))
        for category in given.intersection(self.categories):
            granted.update(self.categories[category])
        return frozenset(granted)


class Signal(Model):
    """An event read off the site's own traffic: a request on `path` that the app answered with success."""

    path: str = Field(description="A path pattern: literal text, {name} one segment, * one segment, ** the rest.")
    method: Literal["GET", "POST", "PUT", "DELETE"] = Field(default="GET", description="The request's method.")
    event: str = Field(description="The event's name, such as Product Viewed or Order Completed.")
    item: str | None = Field(
        default=None, description='The product: "{product}" is what the path captured; Order Completed takes the cart.'
    )


class Limits(Model):
    """How many events and questions a second are taken from one sender, on average; ten seconds' worth may come at
    once."""

    server: float = Field(default=10_000, gt=0, description="With one write key.")
    visitor: float = Field(default=20, gt=0, description="From the browser of one visitor, by the signed cookie.")
    address: float = Field(
        default=100, gt=0, description="From browsers without a cookie yet, by their address (or your proxy's)."
    )


class Complaints(Model):
    """When visitors' own answers stop an experience, or call whoever looks after it. It needs both: so many visitors,
    and so large a share."""

    answers: list[str] = Field(
        default=["not relevant"], min_length=1, description="The answers that are complaints, in any case."
    )
    visitors: int = Field(default=20, ge=1, le=1000, description="So many visitors must have answered so.")
    share: Share = Field(default=0.05, description="So many of the times that it was shown they must be, at least.")
    within: Duration = Field(default=86_400.0, gt=0, description="In this time.")
    then: Literal["pause", "alert"] = Field(
        default="pause", description="pause: the kill switch takes it out; alert: the log of the server says so."
    )

    @property
    def meant(self) -> frozenset[str]:
        return frozenset(answer.casefold() for answer in self.answers)


class Shared(Model):
    """Pages of which a cache in front keeps one copy for each value of some request headers, for everybody. Slots with
    `shared: true` are decided from these headers and the address alone."""

    vary: list[str] = Field(
        min_length=1, description="The request headers that the cache tells copies apart by; they come into Vary."
    )
    segments: str | None = Field(
        default=None,
        description="The one of them in which the cache names the visitor's segments, separated by commas.",
    )
    for_: Duration = Field(default=300, alias="for", gt=0, description="How long the cache may keep a copy.")


class Site(Model):
    """What holds for the whole site."""

    cookie: Cookie = Field(default=Cookie(), description="The visitor's id cookie.")
    consent: ConsentRules = Field(default=ConsentRules(), description="Where the visitor's consent is read.")
    geo_headers: list[str] = Field(
        default=[], description="Headers in which your CDN tells the visitor's country; the first that is there counts."
    )
    budget: Duration = Field(default=0.05, le=10, description="How long a page may wait for all its slots together.")
    cap: Cap | None = Field(
        default=None,
        description="How often one visitor may see any experience, all slots together, also on one page. Slots whose"
        " consent is none neither count nor are held back.",
    )
    complaints: Complaints | None = Field(
        default=None, description='When many visitors answer "not relevant", the experience is paused.'
    )
    templates: str = Field(default="templates", description="The folder of the templates, beside this file.")
    prefix: str = Field(default="/_personalize", description="Below this path are the middleware's own addresses.")
    cache_control: Literal["no-store", "no-cache"] = Field(
        default="no-store", description="Cache-Control of pages that were personalized."
    )
    shared: Shared | None = Field(default=None, description="Pages that a cache in front may keep.")
    compress: bool = Field(
        default=False,
        description="Whether pages that are personalized leave compressed, for browsers that take it. Pages without a"
        " slot, and what the app compressed itself, stay the app's.",
    )
    page_memory: Size = Field(
        default=64 << 20,
        description="What each worker may use to know pages again that came before; an eighth is the largest page that"
        " is known. 0: every page is read anew.",
    )
    freeze_at_start: bool = Field(
        default=False,
        description="Whether, once the app has started, what is in memory then is kept from Python's garbage collector"
        " (`gc.freeze`). It concerns the whole process: so it is said in the log, and off unless told.",
    )
    signals: list[Signal] = Field(default=[], description="Events read off the site's own traffic.")
    write_keys: list[str] = Field(
        default=[],
        description='Secrets for your servers to send events with, each as "${NAME}"; besides PERSONALIZE_WRITE_KEYS.',
    )
    limits: Limits = Field(default=Limits(), description="How much is taken from one sender.")
