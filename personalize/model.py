"""Every value that crosses a floor. Read this first.

Values are frozen unless their docstring says otherwise. Times are Unix seconds (float), durations are
seconds (float), money is in the site's one currency.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from .config.models import Content

Headers = Sequence[tuple[bytes, bytes]]

# Google Consent Mode's vocabulary; a purpose that was not granted is denied.
PURPOSES = (
    "ad_storage", "ad_user_data", "ad_personalization", "analytics_storage",
    "functionality_storage", "personalization_storage", "security_storage",
)  # fmt: skip


# --- config: where something was written, and what is wrong with it ------------------------------------


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a config file; line and column count from 1. Line 0: no place in it is known."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a config: where, a stable id (PZ101), what, and what may have been meant."""

    mark: Mark
    code: str
    message: str
    severity: Literal["error", "warning"] = "error"
    hint: str = ""
    source_line: str = ""

    def __str__(self) -> str:
        text = f"{self.mark}: {self.severity} {self.code}: {self.message}"
        return f"{text} ({self.hint})" if self.hint else text


# --- the request and who makes it ----------------------------------------------------------------------


@dataclass(slots=True)
class Request:
    """What the door read from an ASGI scope. Header names are lower case; of repeated headers the values
    are joined with b", " (cookies with b"; "). Never written to; not frozen, since one is made for every page and
    Python takes five times as long to make a frozen one."""

    method: str
    path: str
    query: bytes
    scheme: str
    headers: Mapping[bytes, bytes]
    params: Mapping[str, str] = field(default_factory=dict)  # captured by the route's path pattern
    attributes: Mapping[str, Any] = field(default_factory=dict)  # what the site itself says, in the scope

    @property
    def host(self) -> str:
        return self.headers.get(b"host", b"").decode("latin-1")


@dataclass(frozen=True, slots=True)
class Consent:
    """Purposes the visitor granted. Absent means denied."""

    granted: frozenset[str] = frozenset()
    gpc: bool = False  # Sec-GPC: 1

    def allows(self, purpose: str) -> bool:
        return purpose == "none" or purpose in self.granted


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is asking. `id` is None without consent and for bots; then no profile is read or written."""

    id: str | None
    consent: Consent
    fresh: bool = False  # the id was made for this request
    bot: bool = False
    set_cookie: bytes | None = None  # a Set-Cookie value to append to a personalized response
    forged: bool = False  # an id cookie came whose signature is wrong
    off: bool = False  # turned personalization off on the visitor's own page


OWN_ID = re.compile(r"[0-9a-f]{32}")  # in full, an id that the middleware made for a browser
PREVIEW = "personalize_preview"  # the parameter of an address that holds a preview's token
WITHDRAWN = "Consent Withdrawn"  # an event's name: the visitor refused what was granted before
ERASED = "Visitor Erased"  # an event's name: nothing of this visitor up to its time may be known again
SHOWING = ("Page Viewed", "Experience Viewed")  # events that may say what was shown, see Event.exposures
# What those who run the site did: events of no visitor.
OPERATOR = "site:operator"  # stands where a visitor's id does
PAUSED, RESUMED, CONFIG_LIVE = "Experience Paused", "Experience Resumed", "Config Live"
PROMOTED, DEMOTED = "Variant Promoted", "Variant Demoted"
EXPIRED = "Events Expired"  # lines older than they are to be kept have left the log

Party = Literal["first", "second", "third"]


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where one trait is from. First party: the site itself, and the visitor; second: a partner's own data; third: data
    that somebody else collected. `source` is who said it, such as "visitor", "crm" or a file's name; may be empty."""

    party: Party = "first"
    source: str = ""
    time: float = 0.0  # when it was said


# --- what happened: one log ----------------------------------------------------------------------------


class Shown(list[dict[str, Any]]):
    """The exposures on a page (see events.exposure_of) as one list that the page views of many visitors carry. Made of
    texts, booleans, finite numbers and None alone, and never changed; so what readers make of it, they may keep in it:
    `text`, the list as JSON, and `known`, what a fold reads in it."""

    __slots__ = ("known", "text")

    def __init__(self, exposures: Iterable[dict[str, Any]]) -> None:
        super().__init__(exposures)
        self.text: str | None = None
        self.known: Any = None


@dataclass(slots=True)
class Event:
    """One line of the log. `name` is canonical (Segment's ecommerce names; ours are "Page Viewed",
    "Experience Viewed", "Segment Entered"). `seq` is the log's own order, 0 until stored. Never written to; not frozen
    for the reason that Request is not."""

    id: str
    name: str
    time: float
    visitor: str
    properties: Mapping[str, Any] = field(default_factory=dict)
    seq: int = 0
    # Known to come back from the log as it is: whoever made it looked through all that it holds.
    plain: bool = field(default=False, compare=False, repr=False)

    @property
    def counted(self) -> bool:
        """Whether reports may count it; else it serves the visitor's own profile only (no analytics_storage)."""
        return self.properties.get("counted") is not False

    @property
    def exposures(self) -> Sequence[Mapping[str, Any]]:
        """What it says was shown: a page view's list, or the one of an "Experience Viewed" from another channel."""
        if self.name == "Page Viewed":
            shown = self.properties.get("shown")
            if isinstance(shown, Shown):
                return shown
            return [e for e in shown if isinstance(e, Mapping)] if isinstance(shown, list) else ()
        return (self.properties,) if self.name == "Experience Viewed" else ()


class Line(NamedTuple):
    """One line of an order or a refund; of a refund a quantity of 0 means all of it."""

    item: str
    quantity: int
    price: float  # of one


class Sale(NamedTuple):
    """An order as it was made. `id` and `currency` may be empty."""

    time: float
    id: str
    revenue: float
    currency: str
    lines: tuple[Line, ...]


class Refund(NamedTuple):
    """What came back of the order named `order`: the `whole` of it, or its `lines`, worth `amount` where that is said.
    `id` is the refund's own, if it has one."""

    time: float
    order: str
    id: str
    whole: bool
    amount: float | None
    currency: str
    lines: tuple[Line, ...]


class CartChange(NamedTuple):
    """Put into the cart (a quantity above 0), taken out of it (below), or the whole line taken out (0)."""

    time: float
    item: str
    quantity: int
    price: float | None = None


@dataclass(slots=True)
class Profile:
    """What is known of one visitor: a fold over that visitor's events, made by `profiles` and read by others,
    who never write to it. Every list is bounded by the fold; newest last."""

    visitor: str
    version: int = 0  # seq of the last event folded in
    first_seen: float = 0.0
    last_seen: float = 0.0
    visits: int = 0  # a visit ends after 30 minutes without an event
    began: float = 0.0  # the newest visit, which ended, so far, at last_seen
    earlier_visits: tuple[tuple[float, float], ...] = ()  # (begin, end), the newest of them
    views: list[tuple[float, str, str]] = field(default_factory=list)  # (time, item or "", path)
    cart: dict[str, tuple[int, float]] = field(default_factory=dict)  # item -> (quantity, unit price)
    # (time, revenue, items) of what was bought and not given back: made of `sales` and `refunds`.
    orders: list[tuple[float, float, tuple[str, ...]]] = field(default_factory=list)
    sales: list[Sale] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)
    cart_changes: list[CartChange] = field(default_factory=list)  # since the newest order; `cart` is made of them
    traits: dict[str, Any] = field(default_factory=dict)
    removed: dict[str, Provenance] = field(default_factory=dict)  # traits that were taken away -> by whom, and when
    answered: dict[str, float] = field(default_factory=dict)  # question -> when the answer that counts was given
    exposures: dict[str, list[float]] = field(default_factory=dict)  # "slot/experience" -> times shown
    happened: dict[str, float] = field(default_factory=dict)  # event name -> last time
    remembered: dict[str, float] = field(default_factory=dict)  # segment -> last time its condition held
    # By each of the person's ids, in the order in which they were first shown an experiment: its key -> the variant it
    # was seen as there; "key/part" -> the level of a part that is drawn on its own.
    assignments: dict[str, dict[str, str]] = field(default_factory=dict)
    # The same of what a browser was shown before it was signed out: perhaps another person. Decides, and is never told.
    before: dict[str, dict[str, str]] = field(default_factory=dict)
    draws: dict[str, dict[str, Draw]] = field(default_factory=dict)  # by id: bandit's key -> the newest that was shown
    provenance: dict[str, Provenance] = field(default_factory=dict)  # trait -> where it is from; the same keys
    gpc: bool = False  # the browser objected to selling and sharing (Sec-GPC: 1) on the last page
    consented: float = float("-inf")  # one of their browsers was last here with consent then
    withdrawn: float = float("-inf")  # consent was withdrawn then: not to be exported until a browser consents anew
    # By id: what was erased of it, as (seq, Unix seconds, of before a sign-out?). See profiles.erasing.
    erased: dict[str, list[tuple[int, float, bool]]] = field(default_factory=dict)

    def purchases(self, items: frozenset[str] | None = None) -> list[float]:
        """Times at which any of `items` (None: anything) was ordered, oldest first."""
        return [t for t, _, bought in self.orders if items is None or not items.isdisjoint(bought)]


def due_at(times: Sequence[float]) -> float | None:
    """When a repeated purchase is next due: the last time plus the median gap, or None below two gaps' worth
    of evidence (three purchases, or two that are a day or more apart)."""
    gaps = sorted(b - a for a, b in pairwise(times) if b - a >= 86_400)
    if not gaps:
        return None
    middle = len(gaps) // 2
    median = gaps[middle] if len(gaps) % 2 else (gaps[middle - 1] + gaps[middle]) / 2
    return times[-1] + median


# --- the catalogue -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Product:
    """One line of a Google-style product list; what has no field of its own is in `extra`."""

    id: str
    title: str
    link: str = ""
    image_link: str = ""
    price: float = 0.0
    sale_price: float | None = None
    currency: str = ""
    availability: str = "in_stock"
    brand: str = ""
    category: str = ""  # the last part of product_type, or of google_product_category
    extra: Mapping[str, Any] = field(default_factory=dict)


Catalogue = Mapping[str, Product]


# --- bandits -------------------------------------------------------------------------------------------

PARTS = 10_000  # of a whole: as many as the hash of a visitor tells apart


@dataclass(frozen=True, slots=True)
class Allocation:
    """How a bandit shares out its visitors from one update to the next. Each mapping is by context (a segment, or ""
    for visitors in none of them) and has one number per arm: `parts` of PARTS, the `visitors` that these were learned
    from, and the `means` that are believed of an arm's reward. `batch` is when the update was due."""

    arms: tuple[str, ...]
    batch: int
    parts: Mapping[str, tuple[int, ...]]
    visitors: Mapping[str, tuple[float, ...]]
    means: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class Draw:
    """What a bandit drew for a visitor: an arm, with which probability (`propensity`), in which context, by the
    allocation of which `batch`. It holds `until` then; `number` counts a visitor's draws, from 1."""

    variant: str
    context: str
    propensity: float
    batch: int
    number: int
    until: float


# --- decisions -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Step:
    """One line of an explanation: what was asked, whether it held, the values seen; `inner` are its parts."""

    what: str
    held: bool
    saw: str = ""
    inner: tuple[Step, ...] = ()
    mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """What one slot shows. `experience` and `variant` name what won (None: nobody matched). When `held` is
    True the visitor is held out: `content` is the page's own, and the names say what would have been shown."""

    slot: str
    content: Content
    fallback: Content
    experience: str | None = None
    variant: str | None = None
    experiment: str | None = None  # the experiment's key, when one split the visitor
    held: bool = False
    why: str = ""  # the visitor's sentence
    exclude: tuple[str, ...] = ()
    reason: str = "default"  # experience | default | consent | bot | holdout
    levels: Mapping[str, str] = field(default_factory=dict)  # of a multivariate experiment: each part's level


@dataclass(frozen=True, slots=True)
class Plan:
    """One choice per slot of the route, in the config's order; and by experiment what bandits drew for the visitor."""

    choices: tuple[Choice, ...]
    draws: Mapping[str, Draw] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ask:
    """All that content could depend on. A source's `key` picks from it; `fetch` receives only the key."""

    choice: Choice
    request: Request
    facts: Mapping[str, Any]
    profile: Profile | None
    now: float


# --- content -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fragment:
    """What a source gives: finished HTML, or values for a template (such as {"items": [...]})."""

    html: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)


FillState = Literal["inline", "fresh", "stale", "fallback", "page"]


@dataclass(frozen=True, slots=True)
class Fill:
    """What goes into a slot; `html` None leaves the page's own markup. `state` says where it came from."""

    slot: str
    html: str | None
    state: FillState = "inline"
    note: str = ""  # for operators: why a fallback was taken

    def encoded(self, charset: str) -> bytes | None:
        """The HTML in the page's encoding; what it cannot express becomes a numeric reference. None keeps."""
        return None if self.html is None else self.html.encode(charset, "xmlcharrefreplace")
