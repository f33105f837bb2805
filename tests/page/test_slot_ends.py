"""Where a slot's element ends: implied, stray and misnested end tags, and elements that are never closed."""

from __future__ import annotations

import pytest

from personalize.page import SlotTarget, Splicer, compile_rules, scanner

RULES = compile_rules([SlotTarget("s", "[data-slot=s]")])


def filled(page: bytes, size: int = 0) -> bytes:
    splicer = Splicer(RULES, lambda slot: b"*")
    size = size or len(page)
    parts = [page[i : i + size] for i in range(0, len(page), size)]
    return b"".join(b"".join(splicer.feed(p, i + 1 < len(parts))) for i, p in enumerate(parts))


# `#` stands for the marker, `[` and `]` for where the inner HTML begins and ends.
ENDS = {
    "nested": "<div #>[<div>a</div><div>b</div>]</div>c",
    "a p before a block": "<p #>[a]<div>b</div>",
    "a p before a p": "<p #>[a<b>b</b>]<p>c",
    "a p before a list": "<p #>[a]<ul><li>b</ul>",
    "a p before a heading": "<p #>[a]<h1>b</h1>",
    "a p before a table": "<!DOCTYPE html><p #>[a]<table></table>",
    "a p around a table in quirks mode": "<html><p #>[a<table></table>b]</p>",
    "a p ends where its parent ends": "<div><p #>[a]</div>b",
    "a p holds inline elements that hold blocks badly": "<p #>[<span>a]<div>b</div></span>",
    "a p is not ended inside a button": "<p #>[<button><p>a</button>b]</p>",
    "an li before an li": "<ul><li #>[a<ul><li>b<li>c</ul>d]<li>e</ul>",
    "an li before the list's end": "<ul><li>a<li #>[b<p>c]</ul>d",
    "an li in a div in an li": "<ul><li #>[<div><ul><li>a</ul></div>]<li>b</ul>",
    "dt and dd": "<dl><dt #>[a]<dd>b<dt>c</dl>",
    "a dd before a dt": "<dl><dt>a<dd #>[b<p>c]<dt>d</dl>",
    "an option": "<select><option #>[a]<option>b</select>",
    "an option before an optgroup": "<select><option #>[a]<optgroup><option>b</select>",
    "an optgroup": "<select><optgroup #>[<option>a]<optgroup><option>b</select>",
    "ruby": "<ruby>a<rt #>[b]<rp>c</ruby>",
    "ruby bases": "<ruby><rb #>[a]<rt>b<rtc>c</ruby>",
    "a td": "<table><tr><td #>[a]<td>b</table>",
    "a td at the row's end": "<table><tr><td #>[a]</tr><tr><td>b</table>",
    "a th": "<table><tr><th #>[a<p>b]<td>c</table>",
    "a tr": "<table><tr #>[<td>a<td>b]<tr><td>c</table>",
    "a tbody": "<table><tbody #>[<tr><td>a]<tbody><tr></table>",
    "a thead": "<table><thead #>[<tr><th>a]<tfoot><tr></table>",
    "a caption": "<table><caption #>[a]<tr><td>b</table>",
    "a colgroup": "<table><colgroup #>[<col><col>]<tr><td>a</table>",
    "a table in a cell": "<table><tr><td #>[<table><tr><td>a</table>]<td>b</table>",
    "a table straight in a table": "<table #>[<tr>]<table><tr></table>",
    "a row in a page's part": "<tr #>[<td>a<td>b]</tr><tr><td>c</tr>",
    "a stray end tag of nothing": "<div #>[a</span></p></li></b></x>b]</div>",
    "a stray end tag of what is outside": "<section><div #>[a]</section>b",
    "a stray end tag that a table stops": "<div><table><tr><td #>[a</div>b]</td></table></div>",
    "an inline element ended by its parent": "<div><span #>[a<b>b]</div>c",
    "an inline element ended by an outer one": "<i><span #>[a]</i>b",
    "an inline element that a block keeps open": "<span #>[<div>a</span>b</div>c]</span>",
    "an end tag with another case": "<DIV #>[a]</div>",
    "headings end each other": "<h1 #>[a]</h3>b",
    "a heading before a heading": "<h1 #>[a]<h2>b</h2>",
    "a link before a link": "<a #>[b]<a>c</a>",
    "a block in a link": "<a><div #>[b</a>c]</div>",
    "formatting that is misnested": "<b #>[<i>a]</b>b</i>",
    "a button before a button": "<button #>[a]<button>b</button>",
    "a form ends at its own end tag": "<form #>[<p>a]</form>b",
    "a form in a form is none": "<form #>[a<form>b]</form>c</form>",
    "void elements hold nothing": "<div #>[<br><img><input><hr>a<wbr>]</div>",
    "a slash does not close HTML": "<div #>[<div/>a</div>b]</div>",
    "a slash closes SVG": "<svg><g #>[<g/>]</g></svg>",
    "raw text": "<div #>[<script>'</div>'</script><style></div></style><!-- </div> -->]</div>",
    "a textarea": "<div #>[<textarea></div></textarea>]</div>",
    "an attribute": "<div #>[<b title='</div>'></b>]</div>",
    "SVG": "<div #>[<svg><title></title><style></style><g></svg>]</div>",
    "HTML that breaks out of SVG": "<div #>[<svg><g><p>a</p></svg>]</div>",
    "an end tag through SVG": "<div #>[<svg><g>]</div>a",
    "HTML inside SVG": "<div #>[<svg><foreignObject><div></div></foreignObject></svg>]</div>",
    "MathML": "<div #>[<math><mi><b>a</b></mi>"
    "<annotation-xml encoding='text/html'><p>a</p></annotation-xml></math>]</div>",
    "an end tag that HTML inside SVG keeps in": "<p #>[<svg><desc><b></desc></svg></b></desc></svg>]</p>",
    "CDATA": "<div #>[<svg><![CDATA[</div>]]></svg>]</div>",
    "a template": "<div #>[<template></div><td></template>]</div>",
    "an object keeps end tags inside": "<div #>[<object></div></object>]</div>",
    "never closed": "<div #>[a<p>b]",
    "never closed, before the body's end": "<body><div #>[a<p>b]</body></html>\n",
    "never closed, before the page's end": "<div #>[a]</html>",
    "never closed, comments after the body": "<body><div #>[a]</body><!-- b --></html>\n<!c>",
    "text after the body": "<body><div #>[a</body> b]</div>",
    "a body that goes on after its end": "<body><div #>[a</body></html>\n<p>b</p>]</div>c</body></html>\n",
    "never closed, and the body goes on": "<body><div #>[a</body></html><p>b]</body>",
    "the page's root": "<html #>[<head></head><body>a</body>\n]</html>\n",
    "a head that text ends": "<html><head #>[<title>a</title>\n]b",
    "a head with a template": "<html><head #>[<template></head><body></body></template>]</head>",
    "a colgroup that text ends": "<table><colgroup #>[<col>\n]a</table>",
    "SVG's own colgroup": "<svg><colgroup #>[</table>]</colgroup></svg>",
    "an empty slot": "<div #>[]</div>",
    "an empty p": "<p #>[]<p>",
    "the body": "<html><head><title>a</title></head><body #>[<p>b]</body></html>",
    "a title": "<title #>[a <b> </titled>]</title>",
    "a title never closed": "<title #>[a</body>]",
}


@pytest.mark.parametrize("case", ENDS.values(), ids=ENDS.keys())
def test_a_slot_ends_where_a_browser_ends_its_element(case: str) -> None:
    """The end is where the element leaves the stack of open elements, and every chunking agrees."""
    start, rest = case.split("[", 1)
    inner, after = rest.rsplit("]", 1)
    mark = lambda text: text.replace("#", 'data-slot="s"').encode()
    page, expected = mark(start + inner + after), mark(start + "*" + after)
    assert filled(page) == expected
    assert filled(page, 1) == expected


@pytest.mark.parametrize(
    ("doctype", "ends"),
    [
        ("<!doctype html>", True),
        ("<!DOCTYPE html SYSTEM 'about:legacy-compat'>", True),
        ('<!DOCTYPE html PUBLIC "-//W3C//DTD HTML 4.01//EN" "http://www.w3.org/TR/html4/strict.dtd">', True),
        ('<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01 Transitional//EN" "http://example.com/loose.dtd">', True),
        ('<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01 Transitional//EN">', False),
        ("<!DOCTYPE HTML PUBLIC '-//W3C//DTD HTML 3.2 Final//EN'>", False),
        ('<!DOCTYPE html PUBLIC "-//IETF//DTD HTML 2.0//EN" "x">', False),
        ('<!DOCTYPE html SYSTEM "http://www.ibm.com/data/dtd/v11/ibmxhtml1-transitional.dtd">', False),
        ("<!DOCTYPE html PUBLIC>", False),
        ("<!DOCTYPE svg>", False),
        ("<!DOCTYPE>", False),
    ],
)
def test_a_doctype_tells_whether_a_table_ends_a_paragraph(doctype: str, ends: bool) -> None:
    """In standards mode a table ends the p before it; in the quirks mode of old or broken doctypes it stands inside."""
    page = doctype.encode() + b"<p data-slot=s>a<table></table>b"
    assert filled(page) == doctype.encode() + (b"<p data-slot=s>*<table></table>b" if ends else b"<p data-slot=s>*")


@pytest.mark.parametrize("nothing", [b" " * 70_000, b"<!-- " + b"x" * 70_000 + b" -->", b"<!-- x -->" * 7_000])
def test_a_page_that_goes_on_with_nothing_after_its_body_is_not_held(nothing: bytes) -> None:
    """What comes after </body> is held while it may be the end, but only so much; the slot ends at </body> then, and
    in the same way for every cut."""
    start, end = b"<body><div data-slot=s>", b"</body>" + nothing + b"<p>b</p></div>"
    splicer = Splicer(RULES, lambda slot: b"*")
    page = start + b"a" + end
    out = b"".join(splicer.feed(page, True))
    assert out == start + b"*" + end and splicer.gave_up is not None
    assert filled(page, 999) == out
    assert filled(start + b"a</body>" + nothing[:60_000]) == start + b"*</body>" + nothing[:60_000]


def by_count(buf: bytes, pos: int, limit: int, root: bytes) -> tuple[int, int] | None:
    """The wrong way: count start and end tags of the element's name."""
    depth = 1
    while depth:
        end = buf.find(b"</" + root, pos)
        if end < 0:
            return None
        start = buf.find(b"<" + root, pos)
        depth += 1 if 0 <= start < end else -1
        pos = (start if 0 <= start < end else end) + 1
    return end, end + len(root) + 3


def test_the_table_catches_ends_found_by_counting_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting tags of one name fails on comments, raw text and implied ends, and the table shows it."""
    monkeypatch.setattr(scanner, "well_formed_end", by_count)
    broken = 0
    for case in ENDS.values():
        try:
            test_a_slot_ends_where_a_browser_ends_its_element(case)
        except AssertionError:
            broken += 1
    assert broken >= 5


def test_the_quick_way_to_an_end_agrees_with_the_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the shortcut for well-formed content gives an end, the tree gives the same."""
    pages = [c.replace("#", "data-slot=s").replace("[", "").replace("]", "").encode() for c in ENDS.values()]
    quick = [filled(p) for p in pages]
    monkeypatch.setattr(scanner, "well_formed_end", lambda *args: None)
    assert [filled(p) for p in pages] == quick


@pytest.mark.parametrize("size", [0, 3])
def test_many_slots_that_are_open_at_once_end_where_their_elements_do(size: int) -> None:
    """Twelve slots in each other, the innermost ended by the others' ends."""
    rules = compile_rules([SlotTarget("s", "section", action="after", all=True)])
    splicer = Splicer(rules, lambda slot: b"*")
    page = b"<section>" * 12 + b"<p>text" + b"</section>" * 12 + b"<p>rest"
    parts = [page[i : i + (size or len(page))] for i in range(0, len(page), size or len(page))]
    out = b"".join(b"".join(splicer.feed(p, i + 1 < len(parts))) for i, p in enumerate(parts))
    assert out == page.replace(b"</section>", b"</section>*")


@pytest.mark.parametrize("size", [1000, 65_536, scanner.TOKEN_LIMIT - 1, 1 << 22])
@pytest.mark.parametrize("long", [200_000, scanner.TOKEN_LIMIT - 20, scanner.TOKEN_LIMIT + 20, 600_000])
def test_a_tag_that_comes_in_many_parts_is_read_as_in_one(long: int, size: int) -> None:
    """A slot after a long tag is found if the tag is not too long, however it was cut."""
    page = b'<div data-page="' + b"x" * long + b'"><p data-slot=s>old</p></div>'
    assert (b"old" not in filled(page, size)) == (long < scanner.TOKEN_LIMIT - 18)
