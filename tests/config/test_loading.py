"""load_config: files, dicts, places, the environment, and what importing costs."""

import subprocess
import sys
from collections import OrderedDict, UserDict
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType

import pytest

from personalize import ConfigError, load_config
from personalize.model import Mark

TEXT = """\
version: 1
segments:
  tr: {all: [{country: TR}]}
slots:
  home-hero:
    match: {path: "/p/{product}"}
    experiences:
      - id: a
        when:
          all:
            - tr
            - visits: {gte: 2}
        show: page
      -
        id: b
        show: {html: hi}
"""


@pytest.fixture
def file(tmp_path):
    (tmp_path / "c.yaml").write_text(TEXT)
    return tmp_path / "c.yaml"


@pytest.mark.parametrize(
    ("path", "line", "column"),
    [
        (("slots",), 4, 1),
        (("slots", "home-hero"), 5, 3),
        (("slots", "home-hero", "match", "path"), 6, 13),
        (("slots", "home-hero", "experiences", 0), 8, 9),
        (("slots", "home-hero", "experiences", 0, "when", "all", 1), 12, 15),
        (("slots", "home-hero", "experiences", 0, "when", "all", 1, "visits", "gte"), 12, 24),
        (("slots", "home-hero", "experiences", 1), 15, 9),
        (("slots", "home-hero", "experiences", 1, "show"), 16, 9),
        (("segments", "tr", "all", 0), 3, 14),
        (("slots", "home-hero", "cap", "max"), 5, 3),  # not written: the nearest parent
        ((), 1, 1),
    ],
)
def test_marks(file, path, line, column):
    """A config knows where each key and list item was written."""
    assert load_config(file).mark(*path) == Mark(str(file), line, column)


def test_file_and_base(file, monkeypatch):
    """The file is named as it was given; relative names start from its folder, wherever the process runs."""
    monkeypatch.chdir(file.parent.parent)
    relative = Path(file.parent.name) / "c.yaml"
    config = load_config(str(relative))
    assert (config.file, config.base) == (str(relative), file.parent)


def test_a_symlink_keeps_its_folder(file, tmp_path):
    """Templates of a config that is reached through a link stand beside the link."""
    (tmp_path / "live").mkdir()
    (tmp_path / "live" / "c.yaml").symlink_to(file)
    assert load_config(tmp_path / "live" / "c.yaml").base == tmp_path / "live"


def dict_config(**more):
    return {"version": 1, "slots": {"hero": {"match": {"path": "/"}} | more}}


def test_a_dict_is_a_config():
    """A dict of the same shape loads; tuples are lists, and any mapping will do."""
    frozen = MappingProxyType(OrderedDict(version=1, slots=UserDict(hero={"match": {"path": ("/", "/home")}})))
    config = load_config(frozen)
    assert config.slots["hero"].match.paths == ("/", "/home")
    assert config.mark("slots", "hero") == Mark("<dict>", 0, 0)
    assert config.base == Path.cwd()


def test_a_config_does_not_follow_its_dict():
    """Changing the dict afterwards changes nothing."""
    source = dict_config(default={"html": "a", "vars": {"x": 1}})
    config = load_config(source)
    source["slots"]["hero"]["default"]["vars"]["x"] = 2
    assert config.slots["hero"].default.vars == {"x": 1}


UNFIT = "a text, number, list or mapping is needed here, not"
MISSPELT = [{"id": "a", "show": "page", "when": "x"}]


@pytest.mark.parametrize(
    ("source", "code", "says"),
    [
        ({}, "PZ202", '"version" is missing in the file'),
        (dict_config(experiences=MISSPELT), "PZ301", 'slots.hero.experiences[0].when: there is no segment "x"'),
        (dict_config(mach=1), "PZ201", 'slots.hero.mach: unknown key "mach"'),
        (dict_config(cap={"max": 2}), "PZ202", 'slots.hero.cap: "within" is missing in "cap"'),
        (dict_config(template=7), "PZ203", 'slots.hero.template: "template" must be text, not the number 7'),
        ({"version": 1, "parts": {"a": {3: "x"}}}, "PZ110", "parts.a.3: a key must be text, not the number 3"),
        (dict_config(default={"html": b"x"}), "PZ110", f"slots.hero.default.html: {UNFIT} bytes"),
        ({"version": 1, "holdout": {"percent": float("nan")}}, "PZ110", f"holdout.percent: {UNFIT} nan"),
        ({"version": 1, "holdout": {"percent": 2**63}}, "PZ112", "holdout.percent: a number this large is not meant"),
    ],
)
def test_slips_in_a_dict(source, code, says):
    """The same checks hold for a dict; messages begin with the path, and there is no line."""
    with pytest.raises(ConfigError) as caught:
        load_config(source)
    assert [(p.code, p.message, p.mark.line) for p in caught.value.problems] == [(code, says, 0)]
    assert f"<dict>: error {code}: " in str(caught.value)


def test_a_dict_that_holds_itself():
    """Endless nesting ends at the depth that a file may have."""
    source = dict_config()
    source["parts"] = {"a": {"b": source}}
    with pytest.raises(ConfigError, match=r"PZ109: .*nested more than 20 deep"):
        load_config(source)


def test_the_environment(tmp_path, monkeypatch):
    """${NAME} and ${NAME:-default} are filled in addresses, catalogue and store, and nowhere else."""
    monkeypatch.setenv("CMS", "cms.internal")
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.delenv("UNSET", raising=False)
    (tmp_path / "c.yaml").write_text(
        "version: 1\nstore: ${UNSET:-memory}\ncatalogue: {file: '${EMPTY:-p}.jsonl'}\n"
        "sources: {cms: {use: http, url: 'https://${CMS}/${UNSET:-}{path}'}}\nparts: {a: {b: '${CMS}'}}\n"
    )
    (tmp_path / "p.jsonl").write_text('{"id": 1, "title": "A"}\n')
    config = load_config(tmp_path / "c.yaml")
    assert (config.store, config.catalogue.file) == ("memory", "p.jsonl")
    assert config.sources["cms"].url == "https://cms.internal/{path}"
    assert config.parts == {"a": {"b": "${CMS}"}}


def test_secrets_stay_out_of_messages(tmp_path, monkeypatch):
    """What a variable holds is never shown, also where it is wrong."""
    monkeypatch.setenv("CMS", "ftp://hunter2")
    (tmp_path / "c.yaml").write_text("version: 1\nsources: {cms: {use: http, url: '${CMS}'}}\n")
    with pytest.raises(ConfigError, match="PZ315") as caught:
        load_config(tmp_path / "c.yaml")
    assert "hunter2" not in str(caught.value) + "".join(p.source_line for p in caught.value.problems)


def test_products_are_read_with_the_config(tmp_path):
    """The catalogue is read from beside the config, unless it was not asked for."""
    (tmp_path / "c.yaml").write_text("version: 1\ncatalogue: {file: p.jsonl}\n")
    assert load_config(tmp_path / "c.yaml", products=False).products == {}
    with pytest.raises(ConfigError, match=r"c\.yaml:2:19: error PZ317"):
        load_config(tmp_path / "c.yaml")
    (tmp_path / "p.jsonl").write_text('{"id": "a", "title": "A"}\n{"id": "b"}\n')
    with pytest.raises(ConfigError, match=r"p\.jsonl:2:1: error PZ318: title is missing"):
        load_config(tmp_path / "c.yaml")


def test_importing_is_light():
    """Importing load_config loads neither pydantic nor YAML; calling it does."""
    code = (
        "import sys; from personalize import load_config\n"
        "heavy = {'pydantic', 'yaml', 'minijinja', 'rich', 'zoneinfo'}\n"
        "assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()\n"
        "load_config({'version': 1}); assert 'pydantic' in sys.modules and 'minijinja' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize(("tall", "told"), [(20, 0), (21, 1), (30, 1), (3000, 100)])
def test_towers_of_segments(tall, told, backwards):
    """Segments may stand 20 deep on each other, in whatever order they are written; no tower is too tall to be told."""
    names = [f"s{i}" for i in range(tall)]
    rules = {name: {"all": [below]} for name, below in pairwise(names)}
    rules[names[-1]] = {"all": [{"visits": 2}]}
    source = {"version": 1, "segments": dict(reversed(rules.items())) if backwards else rules}
    if not told:
        assert len(load_config(source).segments) == tall
        return
    with pytest.raises(ConfigError) as caught:
        load_config(source)
    assert {p.code for p in caught.value.problems} == {"PZ109"}
    assert 1 <= len(caught.value.problems) <= told


@pytest.mark.parametrize("line", ["  s{i}: {{mach: 1}}", "  s{i}: {{all: [x{i}]}}", "  S {i}: 1"])
def test_a_hundred_problems_are_enough(line, tmp_path):
    """A file with thousands of slips gives a hundred problems."""
    kind = "slots" if "mach" in line else "segments"
    (tmp_path / "c.yaml").write_text(f"version: 1\n{kind}:\n" + "".join(line.format(i=i) + "\n" for i in range(2000)))
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "c.yaml")
    assert len(caught.value.problems) == 100


def test_a_hundred_problems_of_a_dict():
    """The same holds for a dict that a program made."""
    with pytest.raises(ConfigError) as caught:
        load_config({"version": 1, "parts": {"a": dict.fromkeys(range(500), "x")}})
    assert len(caught.value.problems) == 100
