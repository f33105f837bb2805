"""Whatever bytes stand in the file: a Config, or a ConfigError with a place inside the file."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from personalize import ConfigError, load_config
from personalize.config.models import Config

EXAMPLE = (Path(__file__).parent / "example.yaml").read_bytes()
SPACES = [b"\n", b"\n  ", b"\n    ", b": ", b"- ", b"\t", b"\r", b"\0", "\u2028".encode(), b"version: 1\n"]
WORDS = [
    word.encode()
    for word in """
    { } [ ] : , - ' " # & * &a *a !t | > % ? ~ --- ... << a hero match path / experiences id when show page experiment
    variants schedule hours 1 -1 1e99 true yes ${A} {x} sources use http url segments all visits gte parts template
    default site signals x.html ü
    """.split()
]
WORDS += SPACES
files = st.one_of(
    st.binary(max_size=300),
    st.lists(st.sampled_from(WORDS), max_size=60).map(b"".join),
    st.lists(st.sampled_from(WORDS), max_size=60).map(lambda words: b"version: 1\n" + b"".join(words)),
)
fewer = settings(deadline=None, max_examples=100)
slow = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)


@pytest.fixture
def folder(tmp_path):
    """A folder with what the example config names."""
    (tmp_path / "templates").mkdir()
    for name in ("hero", "carousel", "proof"):
        (tmp_path / "templates" / f"{name}.html").write_text("<p>{{ headline }}</p>")
    (tmp_path / "products.jsonl").write_text('{"id": "p-1", "title": "Toothpaste", "price": "2.95 EUR"}\n')
    return tmp_path


def judge(folder, data):
    """Load the bytes; every problem must have a known place inside the file."""
    file = folder / "personalize.yaml"
    file.write_bytes(data)
    lines = max(1, len(data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")))
    try:
        config = load_config(file)
    except ConfigError as error:
        assert error.problems
        assert list(error.problems) == sorted(error.problems, key=lambda p: (p.mark.line, p.mark.column, p.code))
        for problem in error.problems:
            assert 1 <= problem.mark.line <= lines
            assert 1 <= problem.mark.column <= len(problem.source_line) + 1
            assert problem.message
            assert problem.source_line.isprintable()
        return error
    assert isinstance(config, Config)
    return config


@slow
@given(files)
@example(b"version: 1\nslots: {hero: {match: {path: /}, experiences: [{id: a, show: {html: x}, when: {any: []}}]}}")
@example(b"1e20")
@example(b"&a [&b c]")
@example(b"? a\n: b\n")
@example(b"version: 1\nslots: {a: {match: {path: /, path: /}}}")
def test_any_bytes(folder, data):
    """Any bytes load, or are refused with a place inside the file; nothing else is ever raised."""
    judge(folder, data)


@slow
@given(st.integers(0, len(EXAMPLE)))
def test_half_written(folder, length):
    """The example cut off anywhere, as while it is being saved, loads or is refused with a place."""
    judge(folder, EXAMPLE[:length])


@slow
@given(st.integers(0, len(EXAMPLE)), st.integers(0, 12), st.sampled_from(WORDS))
def test_one_place_changed(folder, start, length, word):
    """The example with a few bytes replaced by something else loads or is refused with a place."""
    judge(folder, EXAMPLE[:start] + word + EXAMPLE[start + length :])


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["page", "/", "1d"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
KEYS = [
    "site",
    "sources",
    "catalogue",
    "goals",
    "segments",
    "holdout",
    "slots",
    "parts",
    "timezone",
    "store",
    "hot",
    "retention",
    "version",
]
SLOT_KEYS = ["match", "default", "fallback", "experiences", "cap", "template", "consent"]
EXPERIENCE_KEYS = ["id", "when", "show", "experiment", "schedule", "cap", "cool_down", "exclude", "delay", "why"]


@fewer
@given(st.dictionaries(st.sampled_from(KEYS), values | st.dictionaries(st.sampled_from(["a", "everyone"]), values)))
def test_any_dict(source):
    """Any plain values as a dict load, or are refused; nothing else is ever raised."""
    refused_or_loaded({"version": 1} | source)


@fewer
@given(
    st.dictionaries(st.sampled_from(SLOT_KEYS), values),
    st.dictionaries(st.sampled_from(EXPERIENCE_KEYS), values | st.just({"show": "page"})),
)
def test_any_slot(slot, experience):
    """Any plain values inside a slot and an experience load, or are refused; nothing else is ever raised."""
    good = {"match": {"path": "/"}, "experiences": [{"id": "a", "show": "page"} | experience]}
    refused_or_loaded({"version": 1, "slots": {"hero": good | slot}})


def refused_or_loaded(source):
    try:
        load_config(source)
    except ConfigError as error:
        assert error.problems
        assert all(p.mark.line == 0 for p in error.problems)
        json.dumps([p.message for p in error.problems])


def test_the_example_loads(folder):
    """The example config loads with warnings only."""
    config = judge(folder, EXAMPLE)
    assert isinstance(config, Config), str(config)
    assert list(config.slots) == ["home-hero", "home-carousel", "product-proof"]
    assert list(config.products) == ["p-1"]
