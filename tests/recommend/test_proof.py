"""Social proof: true figures, and none at all below the minimum."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize.config.models import Content
from personalize.errors import BadFragment
from personalize.model import Ask, Choice, Event, Product, Request
from personalize.recommend import ProofCounts, ProofSource

HOUR, DAY = 3600.0, 86_400.0
NOW = 20_000 * DAY
WORDS = {"bought": "Order Completed", "viewed": "Product Viewed"}


def happened(metric: str, visitor: str, time: float, *items: str) -> Event:
    return Event(f"{visitor}{time}{items}", WORDS.get(metric, metric), time, visitor, {"items": list(items)})


def ask(*, params: dict[str, str] | None = None, now: float = NOW, **content: Any) -> Ask:
    shown = Content.model_validate({"source": "proof", "item": "{product}", **content})
    choice = Choice("proof", shown, Content.model_validate("page"))
    route = {"product": "a"} if params is None else params
    return Ask(choice, Request("GET", "/p/a", b"", "https", {}, route), {}, None, now)


def test_the_figure_is_live_and_hidden_below_the_minimum() -> None:
    """At 20 buyers in a day the sentence appears, at 19 it does not, and it goes when they are a day old (B42)."""
    counts = ProofCounts()
    shown = ProofSource(counts, {"a": Product("a", "Lamp")})
    content = {"metric": "bought", "window": "1d", "min_count": 20}
    for number in range(20):
        key = shown.key(ask(**content))
        with pytest.raises(BadFragment, match="not bought often enough"):
            shown.ready(key)
        counts.apply(happened("bought", f"v{number}", NOW - HOUR, "a", "b"))
    key = shown.key(ask(**content))
    values = shown.ready(key).values
    assert values["count"] == 20 and values["metric"] == "bought" and values["item"]["title"] == "Lamp"
    assert asyncio.run(shown.fetch(key)) == shown.ready(key)
    with pytest.raises(BadFragment):
        shown.ready(shown.key(ask(now=NOW + DAY, **content)))
    asyncio.run(shown.close())


def test_nothing_is_never_shown() -> None:
    """Without a minimum, a count of nought still shows nothing."""
    shown = ProofSource(ProofCounts(), {})
    with pytest.raises(BadFragment):
        shown.ready(shown.key(ask(min_count=0)))


def test_views_and_orders_are_told_apart() -> None:
    """Each metric counts its own events, of its own item."""
    counts = ProofCounts()
    counts.apply(happened("viewed", "v1", NOW, "a"))
    counts.apply(happened("viewed", "v2", NOW, "a"))
    counts.apply(happened("bought", "v1", NOW, "a", "b"))
    counts.apply(happened("Product Added", "v3", NOW, "a"))
    assert counts.count("viewed", "a", DAY, NOW) == 2
    assert counts.count("bought", "a", DAY, NOW) == 1
    assert counts.count("bought", "b", DAY, NOW) == 1
    assert counts.count("viewed", "b", DAY, NOW) == 0


def test_one_visitor_counts_once_a_day() -> None:
    """Reloading a page all day makes nobody look popular; another day counts again."""
    counts = ProofCounts()
    for minute in range(200):
        counts.apply(happened("viewed", "v1", NOW + minute * 60, "a"))
    assert counts.count("viewed", "a", DAY, NOW + 4 * HOUR) == 1
    counts.apply(happened("viewed", "v1", NOW + 25 * HOUR, "a"))
    assert counts.count("viewed", "a", 2 * DAY, NOW + 26 * HOUR) == 2


@pytest.mark.parametrize(
    ("content", "params", "message"),
    [
        ({"metric": "loved"}, None, "loved"),
        ({}, {}, "name it"),
        ({"item": None}, None, "name it"),
        ({"window": "31d"}, None, "30 days"),
    ],
)
def test_mistakes_are_named(content: dict[str, Any], params: dict[str, str] | None, message: str) -> None:
    """An unknown metric, a missing item or too long a window makes the slot fall back with a reason."""
    with pytest.raises(BadFragment, match=message):
        ProofSource(ProofCounts(), {}).key(ask(params=params, **content))


# --- the law -------------------------------------------------------------------------------------------

EVENTS = st.lists(
    st.tuples(st.sampled_from(["v1", "v2", "v3", "v4"]), st.floats(0, 3 * DAY), st.sampled_from(["a", "b"])),
    max_size=40,
)


def the_figure_is_true(
    kind: type[ProofCounts], events: list[tuple[str, float, str]], window: float, now: float
) -> None:
    """The law: never more than what happened inside the window, by hand, and at most five minutes' worth fewer."""
    counts = kind()
    taken: dict[tuple[str, str], list[float]] = defaultdict(list)
    last: dict[tuple[str, str], float] = {}
    for visitor, time, item in events:
        counts.apply(happened("viewed", visitor, time, item))
        if abs(time - last.get((visitor, item), -1e9)) >= DAY:
            last[visitor, item] = time
            taken["viewed", item].append(time)
    for item in ("a", "b"):
        inside = [time for time in taken["viewed", item] if now - window <= time < now - now % 300 + 300]
        surely = [time for time in inside if time >= now - window + 300]
        assert len(surely) <= counts.count("viewed", item, window, now) <= len(inside)


@given(EVENTS, st.floats(HOUR, 3 * DAY), st.floats(0, 3 * DAY))
def test_the_figure_is_true(events: list[tuple[str, float, str]], window: float, now: float) -> None:
    """Whatever the order in which events come, the window holds what happened in it and nothing else."""
    the_figure_is_true(ProofCounts, events, window, now)


class _CountsForever(ProofCounts):
    def count(self, metric: str, item: str, window: float, now: float) -> int:
        return super().count(metric, item, 10 * DAY, now)


class _CountsReloads(ProofCounts):
    def apply(self, event: Event) -> None:
        self._counted.discard(event.visitor)
        super().apply(event)


class _MixesItems(ProofCounts):
    def count(self, metric: str, item: str, window: float, now: float) -> int:
        return super().count(metric, "a", window, now)


@pytest.mark.parametrize("wrong", [_CountsForever, _CountsReloads, _MixesItems])
def test_the_law_catches_planted_mistakes(wrong: type[ProofCounts]) -> None:
    """Windows that never end, reloads that count, and items mixed up break the law."""
    events = [
        ("v1", 0.0, "a"),
        ("v1", 2 * DAY, "a"),
        ("v1", 2 * DAY + 600, "a"),
        ("v2", 2 * DAY, "a"),
        ("v3", 2 * DAY, "b"),
    ]
    with pytest.raises(AssertionError):
        the_figure_is_true(wrong, events, DAY, 2 * DAY + HOUR)


def test_counts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither invented items, nor visitors, nor time make the counts grow without end; the newest are kept."""
    for name, most in (("_MOST_ITEMS", 50), ("_ROOM", 20_000), ("_MOST_BUCKETS", 100)):
        monkeypatch.setattr(f"personalize.recommend.proof.{name}", most)
    counts = ProofCounts()
    for number in range(1000):
        counts.apply(happened("viewed", f"v{number}", number * 300.0, "hit", f"junk{number}"))
    assert counts.count("viewed", "hit", 50 * 300.0, 999 * 300.0) == 51
    assert counts.count("viewed", "hit", 30 * DAY, 999 * 300.0) <= 101
    assert counts.count("viewed", "junk999", DAY, 999 * 300.0) == 1
    assert len(counts._tallies) <= 50 and counts._counted.size <= 20_000
