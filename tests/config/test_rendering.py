"""How problems look to people, to programs and in a pull request."""

import io
import json
import re
from pathlib import Path

import pytest
from rich.console import Console

from personalize import ConfigError, load_config
from personalize.config import as_github, as_json, render, render_text


@pytest.fixture
def problems(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text('version: 1\nstore:   [1]\nslots:\n  héros 😀: {match: {path: "/", elment: x}}\n')
    with pytest.raises(ConfigError) as caught:
        load_config("c.yaml")
    return caught.value.problems


def drawn(problems, **options):
    out = io.StringIO()
    render_text(problems, Console(file=out, highlight=False, soft_wrap=True, **options))
    return out.getvalue()


def test_text(problems):
    """Each problem is told with its source line and a caret under the place, also where characters are wide."""
    assert drawn(problems) == (
        'c.yaml:2:10: error PZ203: "store" must be text, not a list\n'
        "    2 | store:   [1]\n"
        "      |          ^\n"
        'c.yaml:4:3: error PZ206: "héros 😀" is no name: a-z, 0-9, - and _ only, beginning with a letter or digit'
        ' (write "h-ros")\n'
        '    4 |   héros 😀: {match: {path: "/", elment: x}}\n'
        "      |   ^\n"
        'c.yaml:4:32: error PZ201: unknown key "elment" (did you mean "element"?)\n'
        '    4 |   héros 😀: {match: {path: "/", elment: x}}\n'
        "      |                                 ^\n"
    )


def test_colours_on_a_terminal_only(problems):
    """A terminal gets colours, a file gets none; the words are the same."""
    coloured = drawn(problems, force_terminal=True, color_system="standard")
    assert "\x1b[" in coloured and "\x1b[" not in drawn(problems)
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == drawn(problems)


def test_markup_is_not_read(tmp_path):
    """Text of the config that looks like the terminal library's markup, or like control codes, stays text."""
    file = tmp_path / "c.yaml"
    file.write_text('version: 1\n"[bold]x[/]": 1\n"[/]": 2\n')
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    assert 'unknown key "[bold]x[/]"' in drawn(caught.value.problems)


def test_long_lines_are_cut(tmp_path):
    """Of a very long line only the part around the place is shown, with the caret under it."""
    file = tmp_path / "c.yaml"
    file.write_text("version: 1\nparts: {a: {" + ", ".join(f"k{i}: v" for i in range(200)) + "}, a: {x: y}}\n")
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    _, line, caret = drawn(caught.value.problems).splitlines()
    assert len(line) < 120
    assert line[caret.index("^") :].startswith("a: {x: y}}")


def test_json(problems):
    """Programs get a list with everything in it."""
    found = json.loads(as_json(problems))
    assert [p["code"] for p in found] == ["PZ203", "PZ206", "PZ201"]
    assert found[2] == {
        "file": "c.yaml", "line": 4, "column": 32, "code": "PZ201", "severity": "error",
        "message": 'unknown key "elment"', "hint": 'did you mean "element"?',
        "source_line": '  héros 😀: {match: {path: "/", elment: x}}',
    }  # fmt: skip


def test_github(problems):
    """A pull request gets one annotation a problem; nothing of the config can begin a command of its own."""
    lines = as_github(problems)
    assert lines[2] == '::error file=c.yaml,line=4,col=32,title=PZ201::unknown key "elment" (did you mean "element"?)'
    with pytest.raises(ConfigError) as caught:
        load_config({"version": 1, "a%\n::error::b": 1})
    assert as_github(caught.value.problems) == [
        '::error file=<dict>,title=PZ201::a%25%0A::error::b: unknown key "a% ::error::b" '.replace("a% ", "a%25 ")
        + "(known here: catalogue, goals, holdout, hot, parts, retention, segments, site, slots, sources, store, "
        + "timezone, version)"
    ]


@pytest.mark.parametrize("style", ["text", "json", "github"])
def test_render(problems, style, capsys):
    """`render` prints to the standard output, in the three styles."""
    render(problems, style, Path("c.yaml"), None)
    out = capsys.readouterr().out
    if style == "text":
        assert out == drawn(problems) + "c.yaml: 3 errors\n"
    elif style == "json":
        assert out == as_json(problems) + "\n"
    else:
        assert out == "\n".join(as_github(problems)) + "\n"


def test_a_good_config_says_so(tmp_path, capsys):
    """What is good to serve ends with what it holds, and the number of warnings."""
    file = tmp_path / "c.yaml"
    file.write_text("version: 1\nslots: {hero: {match: {path: /}, experiences: [{id: a, show: page}]}}\n")
    render((), "text", file, load_config(file))
    assert capsys.readouterr().out == f"{file}: good to serve: 1 slot, 1 experience, 0 segments\n"
    file.write_text("version: 1\nsegments: {a: {all: [{visits: 2}]}}\n")
    config = load_config(file)
    render(config.warnings, "text", file, config)
    assert capsys.readouterr().out.endswith(": good to serve: 0 slots, 0 experiences, 1 segment; 1 warning\n")
