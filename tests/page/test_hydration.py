"""Client frameworks that take over a page in the browser. The pages are small ones of our own, with the marks that
React 19, Next.js 16, React Router 7, Vue 3.5, Nuxt 4, Svelte 5, SvelteKit 2 and Astro 5 wrote into real ones."""

from __future__ import annotations

import pytest

from personalize.page import SlotTarget, compile_rules
from personalize.page.hydration import PAGE, Hydration, hydrations
from personalize.page.scanner import Scanner

RULES = compile_rules(
    [SlotTarget("in"), SlotTarget("out"), SlotTarget("title", "title"), SlotTarget("pair", None, "pair")]
)


def told(page: str, rules=RULES) -> list[Hydration]:
    text = page.encode()
    scanner = Scanner(rules)
    scanner.feed(text, True)
    return hydrations(text, scanner.spans)


def document(body: str, head: str = "") -> str:
    return f"<!DOCTYPE html><html><head><title>t</title>{head}</head><body>{body}</body></html>"


IN = '<h1 data-slot="in">a</h1>'
OUT = '<footer data-slot="out">b</footer>'
NEXT_APP = """<div hidden=""><!--$--><!--/$--></div><main>%s</main><!--$--><!--/$--><script id="_R_">x()</script>
<script>(self.__next_f=self.__next_f||[]).push([0])</script>
<script>self.__next_f.push([1,"1:\\"$Sreact.fragment\\""])</script>"""
NEXT_PAGES = """<div id="__next"><main>%s</main></div>
<script id="__NEXT_DATA__" type="application/json">{"props":{}}</script>"""
ROUTER = """<main>%s</main><script>window.__reactRouterContext = {"basename":"/"};</script><!--$--><!--/$-->"""
KIT = """<div style="display: contents"><!--[--><!--[0--><main>%s</main><!--]--> <!--[-1--><!--]--><!--]-->
<script>{ __sveltekit_15egos7 = {base: ""}; const element = document.currentScript.parentElement; }</script></div>"""
NUXT = """<div id="__nuxt"><main>%s</main></div><div id="teleports"></div><script>window.__NUXT__={};</script>
<script type="application/json" data-nuxt-data="nuxt-app" data-ssr="true" id="__NUXT_DATA__">[]</script>"""
ASTRO = """<main><script>(()=>{})();</script>
<astro-island uid="Z1" component-url="/C.js" ssr client="load" opts="{}"><div>%s</div></astro-island>"""
REACT_16 = '<div id="app"><div class="x" data-reactroot="">%s</div></div>'
ANGULAR = '<app-root ng-version="19.2.0" ng-server-context="ssr">%s</app-root><script id="ng-state">{}</script>'

ROOTS = {
    "Next.js, pages": ("Next.js", "#__next", NEXT_PAGES % IN + OUT),
    "SvelteKit": ("SvelteKit", "<div>", KIT % IN + OUT),
    "Nuxt": ("Nuxt", "#__nuxt", NUXT % IN + OUT),
    "Astro": ("Astro", "<astro-island>", ASTRO % IN + OUT + "</main>"),
    "React 16": ("React", "#app", REACT_16 % IN + OUT),
    "Vue 2": ("Vue", "#app", f'<div id="app" data-server-rendered="true">{IN}</div>{OUT}'),
    "Vue 3, prerendered": ("Vue", "#app", f'<div id="app" data-v-app="">{IN}</div>{OUT}'),
    "Gatsby": ("Gatsby", "#___gatsby", f'<div id="___gatsby"><div>{IN}</div></div>{OUT}'),
    "Angular": ("Angular", "<app-root>", ANGULAR % IN + OUT),
    "Inertia": ("Inertia", "#app", f'<div id="app" data-page="{{}}">{IN}</div>{OUT}'),
    "Solid": ("Solid", "<main>", f'<main><div data-hk="0">{IN}<p data-hk="1">x</p></div></main>{OUT}'),
    "Qwik": ("Qwik", "<section>", f'<section q:container="paused" q:version="1">{IN}</section>{OUT}'),
}  # fmt: skip


@pytest.mark.parametrize(("framework", "root", "body"), ROOTS.values(), ids=ROOTS.keys())
def test_a_slot_in_a_frameworks_root_is_told_of(framework: str, root: str, body: str) -> None:
    """The framework, its root and the slots in it are named; a slot outside of the root is not."""
    assert told(document(body)) == [Hydration(framework, root, ("in",))]
    assert told(document(body.replace(IN, "<h1>a</h1>"))) == []
    assert told(document(body.replace(IN, "<!-- slot:pair -->x<!-- /slot:pair -->")))[0].slots == ("pair",)


@pytest.mark.parametrize(("framework", "body"), [("Next.js", NEXT_APP), ("React Router", ROUTER)])
def test_a_framework_may_own_the_whole_page(framework: str, body: str) -> None:
    """Next.js with its app directory, and React Router, take over the document: every slot is in it."""
    assert told(document(body % IN + OUT)) == [Hydration(framework, PAGE, ("title", "in", "out"))]


@pytest.mark.parametrize(
    ("framework", "body"),
    [
        ("React", '<div id="root"><p>x<!-- -->y</p><!--$--><b>z</b><!--/$-->%s</div>'),
        ("Vue or Svelte", '<div id="root"><!--[--><p>a</p><b>c</b><!--]-->%s</div>'),
        ("Vue", '<div id="root"><!--[--><p data-v-7a7a37b1>a</p><!--]-->%s</div>'),
        ("Svelte", '<div id="root"><!--[--><p>a</p><!--[0--><b>c</b><!--]--><!--]-->%s</div>'),
    ],
)
def test_where_the_root_cannot_be_told_that_is_said(framework: str, body: str) -> None:
    """Comments of a hydrating framework with nothing else: the part of the page around them may be its root."""
    assert told(document(body % IN + OUT)) == [Hydration(framework, "#root", ("in",), certain=False)]
    assert told(document(body % "" + IN)) == []


@pytest.mark.parametrize(
    "body",
    [
        f"{IN}<p>no framework</p>",
        f"{IN}<script>var text = 'data-reactroot= &lt;astro-island';</script>",
        f"{IN}<!-- self.__next_f <div id=__next data-reactroot> -->",
        f"<p>self.__next_f and __NUXT__ and __sveltekit_</p>{IN}",
        f"{IN}<template><div data-reactroot=''></div></template><pre>&lt;!--$--&gt;</pre>",
        f"{IN}<script>'<!--$-->'</script>",
    ],
)
def test_what_only_looks_like_a_framework_is_none(body: str) -> None:
    """Marks in text, comments, templates, and in scripts that are about something else are no marks."""
    assert told(document(body)) == []


def test_a_page_with_several_roots_names_each_once() -> None:
    """Two islands, of which one holds a slot; two frameworks on one page."""
    page = document(ASTRO % IN + ASTRO % "" + "</main></main>" + NUXT % '<p data-slot="out">x</p>')
    assert told(page) == [Hydration("Astro", "<astro-island>", ("in",)), Hydration("Nuxt", "#__nuxt", ("out",))]


def test_the_root_itself_as_a_slot_is_in_it() -> None:
    """Content put into the root, and what is done to its inside, is drawn over; its own attribute is not."""
    page = document('<div id="__nuxt" data-slot="in"><p>x</p></div><script>window.__NUXT__={}</script>')
    assert [h.slots for h in told(page)] == [("in",)]
    rules = compile_rules([SlotTarget("in", "#__nuxt", action="set_attribute", attribute="title")])
    assert told(page, rules) == []
