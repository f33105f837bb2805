"""Templates: what they get, what is escaped, and what stops one that is broken or hostile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from personalize.content.templates import Html, Templates
from personalize.errors import BadFragment
from personalize.model import Product

HOSTILE = "</a><script>alert('x')</script>\"'`&{{ 7 * 7 }}"


def render(folder: Path, source: str, **variables: Any) -> str:
    (folder / "t.html").write_text(source, "utf-8")
    return Templates(folder).render("t.html", variables)


def test_hostile_values_are_escaped_in_text_and_in_attributes(tmp_path: Path) -> None:
    """No character of a value can end the text or the quoted attribute that it stands in."""
    html = render(tmp_path, "<p title=\"{{ x }}\" class='{{ x }}'>{{ x }}</p>", x=HOSTILE)
    assert html.count("<") == 2 and html.count('"') == 2 and html.count("'") == 2
    assert "{{ 7 * 7 }}" in html


@pytest.mark.parametrize("name", ["t.txt", "t.js", "t", "t.html.j2"])
def test_every_name_is_autoescaped(tmp_path: Path, name: str) -> None:
    """Escaping does not depend on the file's name."""
    (tmp_path / name).write_text("{{ x }}", "utf-8")
    assert Templates(tmp_path).render(name, {"x": "<b>"}) == "&lt;b&gt;"


def test_html_that_was_admitted_is_printed_as_it_is(tmp_path: Path) -> None:
    """A fragment's own HTML is not escaped a second time."""
    assert render(tmp_path, "{{ html }}", html=Html("<b>x</b>")) == "<b>x</b>"


def test_safe_leaves_admitted_html_and_does_not_escape_twice(tmp_path: Path) -> None:
    """What a trusted source gave stays whole under `safe`; an escaped value in a URL is escaped once."""
    assert render(tmp_path, "{{ html|safe }}", html=Html("<svg></svg>")) == "<svg></svg>"
    assert render(tmp_path, '<a href="{{ x|e }}">', x="/?a&b") == '<a href="/?a&amp;b">'
    assert render(tmp_path, '<a href="{{ x|e }}">', x="javascript&colon;1") == '<a href="javascript&amp;colon;1">'


def test_safe_goes_through_the_allow_list(tmp_path: Path) -> None:
    """Even a value that a template calls safe cannot bring a script."""
    assert render(tmp_path, "{{ x|safe }}", x="<b>x</b><script>1</script><i onclick=y>z</i>") == "<b>x</b><i>z</i>"


@pytest.mark.parametrize(
    "value",
    ["javascript:x", " JaVaScRiPt:x", "java\tscript:x", "\x01javascript:x", "data:text/html,x", "vbscript:x"],
)
@pytest.mark.parametrize("hole", ["{{- x -}}", "{{ x|upper }}", "{{ x if x else y }}", "{% if x %}{{ x }}{% endif %}"])
def test_a_script_url_is_blanked_without_being_asked(tmp_path: Path, value: str, hole: str) -> None:
    """A hole at the start of a URL attribute never gives a scheme that runs scripts."""
    assert render(tmp_path, f'<a href="{hole}">', x=value) == '<a href="">'


@pytest.mark.parametrize(
    "value", ["/p/1?a=b", "https://a.example/x", "mailto:a@b.example", "#top", "p/a:b", "?x=javascript:y"]
)
def test_ordinary_urls_pass(tmp_path: Path, value: str) -> None:
    """Relative addresses and the ordinary schemes stay as they are, escaped for the attribute."""
    assert render(tmp_path, '<a href="{{ x }}">', x=value) == f'<a href="{value}">'


def test_an_endless_loop_runs_out_of_fuel(tmp_path: Path) -> None:
    """A template that would not end is stopped, with a message."""
    loop = "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}"
    with pytest.raises(BadFragment, match="fuel"):
        render(tmp_path, loop)


def test_endless_recursion_is_stopped(tmp_path: Path) -> None:
    """A macro that calls itself is stopped, with a message."""
    with pytest.raises(BadFragment, match="recursion"):
        render(tmp_path, "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}")


def test_output_is_capped(tmp_path: Path) -> None:
    """More than 256 KB of output is no fragment."""
    with pytest.raises(BadFragment, match="256 KB"):
        render(tmp_path, "{% for i in range(300) %}{{ x }}{% endfor %}", x="x" * 1000)


def test_a_list_is_not_printed(tmp_path: Path) -> None:
    """A list or a mapping in the output is a mistake and said so."""
    with pytest.raises(BadFragment, match="list cannot be printed"):
        render(tmp_path, "{{ items }}", items=[1])


def test_nothing_known_prints_as_nothing(tmp_path: Path) -> None:
    """None is no word for a visitor."""
    assert render(tmp_path, "[{{ x }}{{ y }}]{{ n }} {{ t }}", x=None, n=0, t=2.5) == "[]0 2.5"


def test_a_syntax_error_names_the_template_and_the_line(tmp_path: Path) -> None:
    """The person who wrote the template is told where to look."""
    with pytest.raises(BadFragment, match=r"template t\.html: .*line 2"):
        render(tmp_path, "<p>\n{% if %}</p>")


def test_a_missing_template_is_told_by_name(tmp_path: Path) -> None:
    """A template that does not exist is said so."""
    with pytest.raises(BadFragment, match=r"nope\.html.*does not exist"):
        Templates(tmp_path).render("nope.html", {})


@pytest.mark.parametrize("name", ["../secret.html", "/etc/hostname", "a/../../secret.html", "link.html", "a\0b"])
def test_a_name_cannot_leave_the_folder(tmp_path: Path, name: str) -> None:
    """Neither dots, nor an absolute path, nor a symlink leads out of the templates folder."""
    folder = tmp_path / "templates"
    folder.mkdir()
    (tmp_path / "secret.html").write_text("secret", "utf-8")
    (folder / "link.html").symlink_to(tmp_path / "secret.html")
    with pytest.raises(BadFragment):
        Templates(folder).render(name, {})
    (folder / "t.html").write_text("{% include name %}", "utf-8")
    with pytest.raises(BadFragment):
        Templates(folder).render("t.html", {"name": name})


def test_what_is_undefined_prints_as_nothing_at_any_depth(tmp_path: Path) -> None:
    """A part that an experience leaves out does not take its slot down."""
    assert render(tmp_path, "[{{ a }}{{ a.b.c }}{% if a.b %}x{% endif %}{% for i in a %}x{% endfor %}]") == "[]"


@pytest.mark.parametrize("name", ["items", "keys", "values", "copy", "get", "pop", "update"])
def test_a_name_that_python_knows_too_is_undefined_like_any_other(tmp_path: Path, name: str) -> None:
    """A source without `items`, or a product without `copy`, prints and loops as nothing: no method comes up."""
    source = (
        f"[{{{{ {name} }}}}{{{{ p.{name} }}}}{{% for x in {name} %}}x{{% endfor %}}{{% if {name} %}}y{{% endif %}}]"
    )
    assert render(tmp_path, source, p={"id": "a"}) == "[]"
    assert render(tmp_path, f"{{{{ {name} }}}}{{{{ p.{name} }}}}", p={name: "1"}, **{name: "2"}) == "21"


def test_a_product_is_its_fields_and_its_extra_ones(tmp_path: Path) -> None:
    """A template sees a product's fields by their names, extra ones beside them."""
    product = Product("a-1", "Brush & Co", price=2.5, brand="B", extra={"colour": "red", "title": "not this"})
    loop = "{% for i in items %}{{ i.id }} {{ i.title }} {{ i.price }} {{ i.colour }}{% endfor %}"
    html = render(tmp_path, loop, items=[product])
    assert html == "a-1 Brush &amp; Co 2.5 red"


def test_a_template_cannot_call_into_python(tmp_path: Path) -> None:
    """An object is its text; its methods and attributes are out of reach."""

    class Thing:
        def secret(self) -> str:
            return "called"

        def __str__(self) -> str:
            return "thing"

    assert render(tmp_path, "{{ x }}{{ x.secret }}", x=Thing()) == "thing"
    with pytest.raises(BadFragment):
        render(tmp_path, "{{ x.secret() }}", x=Thing())


def test_a_file_is_read_once(tmp_path: Path) -> None:
    """A template that changes on disk changes with the next environment, so with the next config."""
    (tmp_path / "t.html").write_text("one", "utf-8")
    templates = Templates(tmp_path)
    assert templates.render("t.html", {}) == "one"
    (tmp_path / "t.html").write_text("two", "utf-8")
    assert templates.render("t.html", {}) == "one"
    assert Templates(tmp_path).render("t.html", {}) == "two"
