"""The embedded engine's laws, each with planted mistakes: nothing unfit, a pure fold, bounded memory."""

from __future__ import annotations

import gc
import random
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize.config.vocabulary import STRATEGIES
from personalize.model import Event, Product
from personalize.recommend import Embedded

from .test_embedded import DAY, NOW, Log, shop

# --- laws ----------------------------------------------------------------------------------------------

NAMES = [f"p{n}" for n in range(12)]
CATALOGUE = {
    name: Product(name, name, category=f"c{n % 3}", availability="out_of_stock" if n % 5 == 4 else "in_stock")
    for n, name in enumerate(NAMES[:10])
}
EVENTS = st.lists(
    st.builds(
        lambda name, visitor, time, items: (name, visitor, NOW + time, {"products": items}),
        st.sampled_from(["Product Viewed", "Product Added", "Order Completed", "Page Viewed"]),
        st.sampled_from(["v1", "v2", "v3"]),
        st.floats(0, 60 * DAY),
        st.lists(st.sampled_from(NAMES), max_size=4),
    ),
    max_size=30,
)
ASKED = st.tuples(
    st.sampled_from(sorted(STRATEGIES)),
    st.integers(0, 12),
    st.lists(st.sampled_from([*NAMES, "stranger"]), max_size=6),
    st.frozensets(st.sampled_from(NAMES), max_size=4),
)
Asked = tuple[str, int, list[str], frozenset[str]]


def answer(engine: Embedded, asked: Asked) -> list[str]:
    strategy, limit, items, exclude = asked
    return engine.recommend(strategy, limit, items=items, exclude=exclude)


def nothing_unfit_is_recommended(kind: type[Embedded], events: Sequence[Any], asked: Asked) -> None:
    """The law: at most `limit`, none twice, excluded or unavailable, and no starting item save in one's own lists."""
    engine = kind(CATALOGUE)
    log = Log(engine)
    for name, visitor, time, properties in events:
        log.add(name, visitor, time, **properties)
    strategy, limit, items, exclude = asked
    found = answer(engine, asked)
    assert len(found) <= limit
    assert len(set(found)) == len(found)
    assert not exclude.intersection(found)
    assert all(item in CATALOGUE and CATALOGUE[item].availability == "in_stock" for item in found)
    own = strategy in ("recently_viewed", "replenishment")
    again = set() if strategy == "next_basket" else set(items)  # the next basket holds what was bought before, too
    assert set(found) <= set(items) if own else not again.intersection(found)
    if not own:
        fit = {name for name, product in CATALOGUE.items() if product.availability == "in_stock"} - exclude - again
        assert len(found) == min(limit, len(fit)), "a place was left empty though something would fit"


@given(EVENTS, ASKED)
def test_nothing_unfit_is_recommended(events: Sequence[Any], asked: Asked) -> None:
    """Never an excluded, unavailable or repeated item, never more than asked for, and no empty place without need."""
    nothing_unfit_is_recommended(Embedded, events, asked)


class _IgnoresStock(Embedded):
    def __init__(self, products: Any) -> None:
        super().__init__({name: replace(product, availability="in_stock") for name, product in products.items()})


class _IgnoresExclusions(Embedded):
    def recommend(self, strategy: str, limit: int, **more: Any) -> list[str]:
        return super().recommend(strategy, limit, **{**more, "exclude": frozenset()})


class _ForgetsTheLimit(Embedded):
    def recommend(self, strategy: str, limit: int, **more: Any) -> list[str]:
        return super().recommend(strategy, limit + 1, **more)


class _RepeatsItself(Embedded):
    def recommend(self, strategy: str, limit: int, **more: Any) -> list[str]:
        found = super().recommend(strategy, limit, **more)
        return found[:-1] + found[:1]


class _NoFallback(Embedded):
    def _ladder(self, *given: Any) -> Any:
        return list(super()._ladder(*given))[:1]


@pytest.mark.parametrize("wrong", [_IgnoresStock, _IgnoresExclusions, _ForgetsTheLimit, _RepeatsItself, _NoFallback])
def test_the_law_catches_planted_mistakes(wrong: type[Embedded]) -> None:
    """Each part of the law fails for an engine that breaks it."""
    views = [("Product Viewed", f"v{n}", NOW, {"products": [name]}) for n, name in enumerate(NAMES)]
    with pytest.raises(AssertionError):
        nothing_unfit_is_recommended(wrong, views, ("related", 5, ["p11"], frozenset({"p0"})))


def asking_changes_nothing(kind: type[Embedded], events: Sequence[Any], asked: Sequence[Asked]) -> None:
    """The law: an engine that was asked after every event ends like one rebuilt from the log in silence."""
    live, log = kind(CATALOGUE), Log()
    for number, (name, visitor, time, properties) in enumerate(events):
        log.add(name, visitor, time, **properties)
        live.apply(log.events[-1])
        if asked:
            answer(live, asked[number % len(asked)])
    rebuilt = kind(CATALOGUE)
    for event in log.events:
        rebuilt.apply(event)
    assert live.revision == rebuilt.revision
    for each in asked:
        assert answer(live, each) == answer(rebuilt, each)


@given(EVENTS, st.lists(ASKED, max_size=5))
def test_a_rebuild_from_the_log_gives_the_same_engine(events: Sequence[Any], asked: Sequence[Asked]) -> None:
    """The engine is a pure function of the events, in order; being asked leaves no trace."""
    asking_changes_nothing(Embedded, events, asked)


def test_a_rebuild_is_the_same_past_the_size_where_similarities_settle() -> None:
    """Also with many events, where similarities are kept for a while, it does not matter when it was asked."""
    chance = random.Random(5)
    events = [
        ("Product Viewed", f"v{number // 4}", NOW + number, {"product_id": chance.choice(NAMES)})
        for number in range(9000)
    ]
    strategies = ("related", "next_product")
    asking_changes_nothing(Embedded, events, [(each, 6, [name], frozenset()) for each in strategies for name in NAMES])


class _LearnsFromQuestions(Embedded):
    def recommend(self, strategy: str, limit: int, **more: Any) -> list[str]:
        found = super().recommend(strategy, limit, **more)
        for item in found[-1:]:
            self._popularity.add(item, NOW, 10.0)
        return found


def test_the_rebuild_law_catches_a_planted_mistake() -> None:
    """An engine in which a question leaves a trace breaks the law."""
    events = [("Product Viewed", f"v{n}", NOW, {"product_id": name}) for n, name in enumerate(NAMES[:4])]
    with pytest.raises(AssertionError):
        asking_changes_nothing(_LearnsFromQuestions, events, [("popular", 3, [], frozenset())])


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strangers who invent items, or stay for thousands of views, cannot make the engine grow without end."""
    for name, most in (("_MOST_ITEMS", 300), ("_ROOM", 20_000), ("_ROOM_OF_BUYERS", 20_000)):
        monkeypatch.setattr(f"personalize.recommend.embedded.{name}", most)
    chance = random.Random(7)
    engine = Embedded(shop("a"))
    log = Log()
    sizes = []
    for number in range(12_000):
        item, visitor = f"junk{number if number % 2 else chance.randrange(200)}", f"v{number // 20}"
        name = "Order Completed" if number % 3 == 0 else "Product Viewed"
        engine.apply(Event(str(number), name, NOW + number, visitor, {"items": [item, f"junk{chance.randrange(200)}"]}))
        if number in (6000, 11_999):
            sizes.append(_size(engine))
    assert not log.events and sizes[1] < sizes[0] * 1.3


def _size(root: object) -> int:
    """Bytes of all that can be reached from `root` inside its own containers."""
    seen: set[int] = set()
    todo, total = [root], 0
    while todo:
        each = todo.pop()
        if id(each) in seen or isinstance(each, type):
            continue
        seen.add(id(each))
        total += sys.getsizeof(each)
        todo.extend(gc.get_referents(each))
    return total
