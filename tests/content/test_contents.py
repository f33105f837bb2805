"""Contents: each kind of content and fallback, sources with content in memory, and what an editor's slip does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import Any

import pytest

from personalize.config.models import Content
from personalize.errors import BadFragment, SourceUnavailable
from personalize.model import Ask, Fill, Fragment, Product


class Memory:
    """A source that has what it is given ready, by the visitor's fact `who`."""

    def __init__(self, gives: Callable[[str], Fragment | None]) -> None:
        self.gives = gives
        self.closed = False

    def key(self, ask: Ask) -> Hashable:
        return (ask.facts["who"],)

    def ready(self, key: Any) -> Fragment | None:
        return self.gives(key[0])

    async def fetch(self, key: Any) -> Fragment:
        raise SourceUnavailable("nothing in memory")

    async def close(self) -> None:
        self.closed = True


def items(*ids: str) -> Fragment:
    return Fragment(values={"items": [Product(i, f"Product {i}", price=2.5) for i in ids]})


RECS = {"recs": {"use": "recommendations"}}
LIST = "{% for i in items %}<li>{{ i.title }}</li>{% endfor %}"


@pytest.mark.parametrize(
    ("content", "fill"),
    [
        ("page", Fill("hero", None, "page")),
        ("empty", Fill("hero", "", "inline")),
        ("last_good", Fill("hero", None, "page")),
        ({"html": "<b>x</b>"}, Fill("hero", "<b>x</b>", "inline")),
        ({"template": "t.html", "vars": {"a": "<1>"}}, Fill("hero", "[&lt;1&gt;]", "inline")),
    ],
)
def test_what_needs_no_source_is_there_at_once(content: Any, fill: Fill, site: Any, ask: Any) -> None:
    """Inline content is a Fill, the same object each time."""
    site.template("t.html", "[{{ a }}]")
    contents = site.contents()
    asked = ask(content)
    assert contents.begin(asked) == fill
    assert contents.begin(asked) is contents.begin(asked)


def test_a_template_gets_parts_vars_and_the_choice(site: Any, ask: Any) -> None:
    """A part's name stands for its text, other text for itself; the choice and captured values are there by name."""
    site.template(
        "hero.html",
        "{{ headline }}|{{ image }}|{{ offer.reward }}|{{ parts.headline }}|{{ vars.n }}{{ n }}|{{ slot }} "
        "{{ experience }} {{ variant }}|{{ why }}|{{ params.product }}",
    )
    contents = site.contents(
        slots={"hero": {"match": {"path": "/"}, "template": "hero.html"}},
        parts={"headlines": {"points": "Earn & save"}, "offers": {"star": {"reward": 50}}},
    )
    content = {
        "parts": {"headline": "headlines.points", "image": "hero/x.webp", "offer": "offers.star"},
        "vars": {"n": 3},
    }
    fill = contents.begin(ask(content, why="Because.", variant="v", params={"product": "<9>"}))
    shown = "Earn &amp; save|hero&#x2f;x.webp|50|Earn &amp; save|33|hero e v|Because.|&lt;9&gt;"
    assert fill == Fill("hero", shown, "inline")


def test_a_template_of_other_inputs_is_made_again(site: Any, ask: Any) -> None:
    """What is remembered of one request's captured values is not shown for another's."""
    site.template("t.html", "{{ params.p }}{{ variant }}")
    contents = site.contents()
    content = Content.model_validate({"template": "t.html"})
    shown = [contents.begin(ask(content, params={"p": p}, variant=v)).html for p in "aba" for v in "xy"]
    assert shown == ["ax", "ay", "bx", "by", "ax", "ay"]


def test_an_equal_content_is_the_same_content(site: Any, ask: Any) -> None:
    """Copies of a content (a variant's is made when asked for) share what was compiled and rendered."""
    site.template("t.html", "x")
    contents = site.contents()
    fills = [contents.begin(ask({"template": "t.html"})) for _ in range(50)]
    assert all(fill is fills[0] for fill in fills)
    assert contents._numbers == 1


@pytest.mark.parametrize(
    "source", [None, "{% if %}", "{% for i in range(99999) %}{{ range(99999) }}{% endfor %}", "<a {{ x }}>"]
)
def test_a_broken_template_falls_back_and_is_told_once(source: str | None, site: Any, ask: Any) -> None:
    """Missing, wrong, endless or unsafe: the slot shows its fallback, and the operator reads one line."""
    if source is not None:
        site.template("t.html", source)
    contents = site.contents()
    asked = ask({"template": "t.html"}, fallback={"html": "plain"})
    for _ in range(3):
        fill = contents.begin(asked)
        assert (fill.html, fill.state) == ("plain", "fallback")
        assert "t.html" in fill.note
    assert [change[:2] for change in site.observer.changes] == [("template t.html", "failing")]


@pytest.mark.parametrize(
    ("fallback", "html"),
    [
        ("page", None),
        ("empty", ""),
        ({"html": "f"}, "f"),
        ({"template": "f.html"}, "from f"),
        ("last_good", None),
        ({"template": "missing.html"}, None),
        ({"source": "nowhere"}, None),
        ({"source": "recs", "template": "l.html"}, None),
    ],
)
def test_each_fallback(fallback: Any, html: str | None, site: Any, ask: Any) -> None:
    """A fallback of any kind is given at once; one that fails itself leaves the page's own markup."""
    site.template("f.html", "from f")
    site.template("l.html", LIST)
    contents = site.contents({"recs": Memory(lambda who: None)}, sources=RECS)
    fill = contents.fallback(ask({"template": "missing2.html"}, fallback=fallback, facts={"who": "a"}), "late")
    assert (fill.html, fill.state) == (html, "fallback")
    assert fill.note.startswith("late")


def test_a_source_may_be_the_fallback(site: Any, ask: Any) -> None:
    """A fallback from a source is what it has ready."""
    site.template("l.html", LIST)
    contents = site.contents({"recs": Memory(lambda who: items(who))}, sources=RECS)
    asked = ask({"template": "missing.html"}, fallback={"source": "recs", "template": "l.html"}, facts={"who": "a"})
    assert contents.begin(asked).html == "<li>Product a</li>"


def test_what_a_source_has_ready_is_shown_at_once(site: Any, ask: Any) -> None:
    """Content in memory is a fresh Fill, each visitor's own, and shows a change on the next page."""
    site.template("l.html", LIST)
    now_of = {"a": "1", "b": "2"}
    contents = site.contents({"recs": Memory(lambda who: items(now_of[who]))}, sources=RECS)
    content = Content.model_validate({"source": "recs", "template": "l.html"})

    def show(who: str) -> Any:
        return contents.begin(ask(content, facts={"who": who}))

    assert show("a") == Fill("hero", "<li>Product 1</li>", "fresh")
    assert [show(who).html for who in "bab"] == ["<li>Product 2</li>", "<li>Product 1</li>", "<li>Product 2</li>"]
    assert show("a") is show("a")
    now_of["a"] = "3"
    assert show("a").html == "<li>Product 3</li>"


@pytest.mark.parametrize("nothing", [Fragment(), items(), Fragment(values={"items": [], "count": 0})])
def test_nothing_to_show_is_the_fallback(nothing: Fragment, site: Any, ask: Any) -> None:
    """An empty list is not an empty box on the page."""
    site.template("l.html", LIST)
    contents = site.contents({"recs": Memory(lambda who: nothing)}, sources=RECS)
    fill = contents.begin(ask({"source": "recs", "template": "l.html"}, fallback={"html": "f"}, facts={"who": "a"}))
    assert (fill.html, fill.note) == ("f", "the source has nothing to show")


def test_last_good_of_content_in_memory(site: Any, ask: Any) -> None:
    """When a source in memory fails, `last_good` is what this key showed last."""
    site.template("l.html", LIST)
    working = True

    def gives(who: str) -> Fragment:
        if working:
            return items(who)
        raise BadFragment("broken")

    contents = site.contents({"recs": Memory(gives)}, sources=RECS)
    content = Content.model_validate({"source": "recs", "template": "l.html"})
    assert contents.begin(ask(content, facts={"who": "a"})).html == "<li>Product a</li>"
    working = False
    for who, html in (("a", "<li>Product a</li>"), ("b", None)):
        assert contents.begin(ask(content, fallback="last_good", facts={"who": who})).html == html


def test_a_source_without_a_template_says_so(site: Any, ask: Any) -> None:
    """Values need a template; the note names the slot."""
    contents = site.contents({"recs": Memory(lambda who: items("1"))}, sources=RECS)
    fill = contents.begin(ask({"source": "recs"}, facts={"who": "a"}))
    assert fill.html is None and "slot hero names no template" in fill.note


def test_a_template_may_wrap_a_fragments_html(site: Any, ask: Any) -> None:
    """A content that names a template gets the source's HTML as `html`, cleaned and not escaped again."""
    site.template("w.html", "<section>{{ html }}</section>")
    raw = Fragment(html="<b onclick=x>1</b><script>2</script>")
    contents = site.contents({"recs": Memory(lambda who: raw)}, sources=RECS)
    asked = ask({"source": "recs", "template": "w.html"}, facts={"who": "a"})
    assert contents.begin(asked).html == "<section><b>1</b></section>"


@pytest.mark.parametrize("broken", ["key", "ready", "unhashable"])
def test_a_plugins_mistake_is_told_and_falls_back(broken: str, site: Any, ask: Any) -> None:
    """What a source raises without meaning to never leaves begin."""

    class Broken(Memory):
        def key(self, ask: Ask) -> Hashable:
            return {}["x"] if broken == "key" else [1] if broken == "unhashable" else ("k",)

        def ready(self, key: Any) -> Fragment | None:
            raise ZeroDivisionError

    contents = site.contents({"recs": Broken(lambda who: None)}, sources=RECS)
    for _ in range(5):
        fill = contents.begin(ask({"source": "recs", "template": "l.html"}, fallback={"html": "f"}))
        assert (fill.html, fill.state) == ("f", "fallback")
    assert len(site.observer.failures) == 1


def test_a_source_that_is_not_there_is_a_fallback(site: Any, ask: Any) -> None:
    """A content of an unknown source leaves the page's own markup with a note."""
    fill = site.contents().begin(ask({"source": "gone"}))
    assert (fill.html, fill.state) == (None, "fallback") and "gone" in fill.note


async def test_a_new_contents_adopts_what_the_old_one_knows(site: Any, ask: Any) -> None:
    """After a reload, content of an unchanged source is still there; of a changed one it is made anew."""

    class Counting(Memory):
        calls = 0

        async def fetch(self, key: Any) -> Fragment:
            Counting.calls += 1
            return Fragment(html=f"{key[0]} {Counting.calls}")

    source = Counting(lambda who: None)
    asked = ask({"source": "cms"}, facts={"who": "a"})
    old = site.contents({"cms": source}, sources={"cms": {"use": "x:Y", "timeout": 5}})
    assert (await old.begin(asked)).html == "a 1"
    same = site.contents({"cms": source}, sources={"cms": {"use": "x:Y", "timeout": 5}})
    same.adopt(old)
    assert same.begin(asked) == Fill("hero", "a 1", "fresh")
    changed = site.contents({"cms": source}, sources={"cms": {"use": "x:Y", "timeout": 5, "vary_by": ["locale"]}})
    changed.adopt(same)
    assert (await changed.begin(asked)).html == "a 2"


async def test_a_source_that_fails_to_close_is_told(site: Any) -> None:
    """One source's mistake at the end does not keep the others open."""

    class Broken(Memory):
        async def close(self) -> None:
            raise ZeroDivisionError

    good = Memory(lambda who: None)
    contents = site.contents({"a": Broken(lambda who: None), "b": good})
    await contents.close()
    assert good.closed and len(site.observer.failures) == 1


@pytest.mark.parametrize("text", ["\ud800", "\x00", "é\udfff<b>"])
def test_text_that_is_no_text_reaches_no_page(text: str, site: Any, ask: Any) -> None:
    """Lone surrogates and NUL in a source's values and HTML give a fill that can be encoded."""
    site.template("t.html", "{{ x }}{{ params.p }}{{ html }}")
    for fragment in (Fragment(values={"x": text}), Fragment(html=text)):
        contents = site.contents({"recs": Memory(lambda who, fragment=fragment: fragment)}, sources=RECS)
        fill = contents.begin(ask({"source": "recs", "template": "t.html"}, params={"p": text}, facts={"who": "a"}))
        assert fill.state == "fresh"
        assert fill.html.encode("utf-8")


async def test_one_contents_serves_one_loop_after_another(site: Any, ask: Any) -> None:
    """Closing closes every source, once."""
    source = Memory(lambda who: None)
    contents = site.contents({"recs": source}, sources=RECS)
    begun = contents.begin(ask({"source": "recs", "template": "l.html"}, facts={"who": "a"}, fallback={"html": "f"}))
    assert isinstance(begun, asyncio.Future)
    assert (await begun).html == "f"
    await contents.close()
    assert source.closed
