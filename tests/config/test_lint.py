"""The linter: what serves but is probably not meant."""

import re
from pathlib import Path

import pytest

from personalize import load_config
from personalize.config.lint import lint, parts_of
from personalize.config.schedule import parse_hours
from personalize.config.tree import from_mapping
from personalize.config.unsupported import NOT_YET

NOW = 1_782_000_000.0  # 2026-06-21
SEGMENTS = {
    "tr": {"all": [{"country": "TR"}]},
    "due": {"all": [{"replenishment": {"category": "x", "due_within": "5d"}}]},
    "kept": {"all": [{"visits": 2}], "remember_for": "1d"},
}


def warnings_of(experiences=(), **more):
    """(id, message without its path) of each warning about a config with one slot of these experiences."""
    used = [{"id": f"uses-{name}", "when": name, "status": "draft", "show": "page"} for name in SEGMENTS]
    slot = {"match": {"path": "/p/{product}"}, "template": "t.html", "experiences": [*experiences, *used]}
    source = {"version": 1, "segments": SEGMENTS, "slots": {"hero": slot}} | more
    return [(w.code, w.message.partition(": ")[2]) for w in lint(load_config(source), from_mapping(source), NOW)]


@pytest.fixture(autouse=True)
def template(tmp_path, monkeypatch):
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "t.html").write_text("{{ count }}")
    monkeypatch.chdir(tmp_path)


def experience(name, **more):
    return {"id": name, "show": "page"} | more


SPLIT = {"key": "k", "variants": [{"id": "none", "show": "page"}, {"id": "new", "html": "x"}]}
TESTED = {"id": "a", "experiment": SPLIT}
NARROW = experience("b", when=["tr", {"visits": 2}])


@pytest.mark.parametrize(
    ("above", "below", "reached"),
    [
        (experience("a"), NARROW, False),
        (experience("a", when=["everyone"]), NARROW, False),
        (experience("a", when="tr"), NARROW, False),
        (experience("a", when={"all": [{"visits": 2}]}), NARROW, False),
        (experience("a", when={"all": [{"visits": 2}, "tr"]}), NARROW, False),
        (experience("a", when={"visits": 2, "new": True}), experience("b", when={"new": True, "visits": 2}), False),
        (TESTED, NARROW, False),
        (experience("a", when={"visits": 3}), NARROW, True),
        (experience("a", when={"any": ["tr", {"visits": 2}]}), NARROW, True),
        (experience("a", when={"not": ["tr"]}), NARROW, True),
        (experience("a", status="paused"), NARROW, True),
        (experience("a"), experience("b", status="draft"), True),
        (experience("a", schedule={"until": "2027-01-01"}), NARROW, True),
        (experience("a", cap={"max": 1, "within": "1d"}), NARROW, True),
        (experience("a", cool_down={"after": "Order Completed", "for": "1d"}), NARROW, True),
        (experience("a", when="due", delay="1h"), experience("b", when="due"), True),
        ({"id": "a", "experiment": SPLIT | {"coverage": "50%"}}, NARROW, True),
        ({"id": "a", "experiment": SPLIT | {"namespace": {"id": "n", "range": [0, 0.5]}}}, NARROW, True),
        (NARROW | {"id": "a"}, experience("b", when="tr"), True),
    ],
)  # fmt: skip
def test_unreachable(above, below, reached):
    """An experience is never reached when a live one above takes every visitor it could match, and only then."""
    says = '"b" can never be shown: "a" above it takes every visitor it could match'
    assert ([("PZ401", says)] if not reached else []) == [w for w in warnings_of([above, below]) if w[0] == "PZ401"]


def covers_by_text(above, below):
    """A wrong rule: only conditions that are written alike cover each other."""
    return above == below


def covers_by_any(above, below):
    """A wrong rule: one shared part is enough."""
    return bool(parts_of(above) & parts_of(below)) or above == "everyone"


COVERS = [("everyone", "tr", True), ("tr", ["kept", "tr"], True), (["kept", "tr"], "tr", False), ("tr", ["tr"], True),
          ({"all": ["tr"], "visits": 2}, [{"visits": 2}, "tr"], True), ({"not": ["tr"]}, "tr", False)]  # fmt: skip


def test_covering_is_asking_for_less():
    """A condition covers another when all it asks for is asked there too; wrong rules are caught."""
    assert all((parts_of(a) <= parts_of(b)) is held for a, b, held in COVERS)
    for wrong in (covers_by_text, covers_by_any):
        assert not all(wrong(a, b) is held for a, b, held in COVERS)


@pytest.mark.parametrize(("when", "told"), [("tr", True), ("everyone", True), ("due", False), ("kept", False)])
@pytest.mark.parametrize("key", ["delay", "expire"])
def test_delay_without_a_signal(when, told, key):
    """delay and expire need something the visitor did; without it the experience stays closed."""
    found = warnings_of([experience("a", when=when, **{key: "1h"})])
    says = '"a" can never be shown: delay and expire need something the visitor did'
    assert found == ([("PZ401", says)] if told else [])


def test_unused():
    """Segments, sources, goals and parts that nothing uses are told; a segment that another is made of is used."""
    segments = SEGMENTS | {"lost": {"all": ["tr"]}, "asked": {"all": [{"visits": 9}]}}
    found = warnings_of(
        [experience("a", when={"segments": {"any": ["asked"]}}), experience("b", show={"parts": {"x": "h.used"}})],
        segments=segments,
        sources={"cms": {"use": "http", "url": "https://a/"}},
        goals={"order": {"event": "Order Completed"}},
        parts={"h": {"used": "A", "left": "B"}},
    )
    assert sorted(found) == [
        ("PZ402", 'no experience uses the goal "order"'),
        ("PZ402", 'no experience uses the part "h.left"'),
        ("PZ402", 'no experience uses the segment "lost"'),
        ("PZ402", 'no experience uses the source "cms"'),
    ]


@pytest.mark.parametrize(
    ("until", "status", "told"),
    [
        ("2026-06-01", "live", True),
        ("2026-06-01", "preview", True),
        ("2026-06-01", "archived", False),
        ("2027-01-01", "live", False),
    ],
)
def test_schedules_that_are_over(until, status, told):
    """A live schedule that ended before `now` is told, in the config's timezone."""
    found = warnings_of([experience("a", status=status, schedule={"until": until})])
    assert ("PZ403" in [code for code, _ in found]) is told


PROOF = {"source": "proof", "item": "{product}", "min_count": 5}
AGAINST_NONE = {"key": "k", "variants": [{"id": "none", "show": "page"}, {"id": "proof", "show": PROOF}]}
AGAINST_ITSELF = {"key": "k", "variants": [{"id": "b", "html": "x"}, {"id": "proof", "show": PROOF}]}


@pytest.mark.parametrize(
    ("shown", "told"),
    [
        ({"show": PROOF}, True),
        ({"experiment": AGAINST_NONE}, False),
        ({"experiment": AGAINST_ITSELF}, True),
        ({"show": "page"}, False),
    ],
)
def test_best_practices_start_as_a_test(shown, told):
    """Social proof that is not measured against showing none is told."""
    assert [code for code, _ in warnings_of([{"id": "a"} | shown])] == (["PZ404"] if told else [])


@pytest.mark.parametrize(
    ("copy", "told"),
    [
        ("We saw you looking at shoes", True),
        ("We've noticed that you like tea", True),
        ("we  know\nwhere you live", True),
        ("Someone is watching you", True),
        ("We remember what you bought", True),
        ("Based on your current location", True),
        ("Because you looked at shoes", False),
        ("You came back, and you followed our winter campaign.", False),
        ("We know a thing about tea", False),
        ("Bird watching gear for you", False),
        ("", False),
    ],
)
@pytest.mark.parametrize("place", ["why", "html", "part", "text"])
def test_creepy_copy(copy, told, place):
    """Words that make people feel watched are told, wherever visitors may read them."""
    shown = {
        "why": {"show": "page", "why": copy},
        "html": {"show": {"html": copy}},
        "part": {"show": {"parts": {"headline": "headlines.copy"}}},
        "text": {"show": {"parts": {"headline": copy}}},
    }[place]
    more = {"parts": {"headlines": {"copy": copy}}} if place == "part" else {}
    assert [code for code, _ in warnings_of([{"id": "a"} | shown], **more)] == (["PZ405"] if told else [])


def test_what_is_not_supported_is_not_read():
    """No other part of the package reads a key of the table: whoever makes one work takes it out."""
    package = Path(__file__).parents[2] / "personalize"
    code = "".join(f.read_text("utf-8") for f in package.rglob("*.py") if f.parent.name != "config")
    patterns = {"value": r"segments\[\w+\]\.value", "url": r"catalogue\.url"}
    read = [path for path in NOT_YET if re.search(patterns.get(path[-1], rf"\.{path[-1]}\b"), code)]
    assert read == []


def test_not_supported_yet():
    """Keys that wait for a later version are accepted, and told."""
    found = warnings_of(
        [experience("b", status="preview", show={"parts": {"o": "offers.star"}})],
        parts={"offers": {"star": {"kind": "challenge"}}},
    )
    assert [code for code, _ in found] == ["PZ406"]
    assert "challenge" in found[0][1]


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"goal": "order", "promote": {}, "guardrails": ["order"]}, []),
        ({"promote": {}}, ["promote"]),
        ({"goal": "order", "promote": {}, "guardrails": ["order"], "allocate": "thompson"}, ["guardrails", "promote"]),
    ],
)
def test_a_winner_needs_a_goal_and_fixed_weights(keys, told):
    """Whoever asks for a winner where there can be none is told so."""
    goals = {"order": {"event": "Order Completed"}}
    found = warnings_of([{"id": "a", "experiment": SPLIT | keys}], goals=goals)
    assert [(code, message.split('"')[1]) for code, message in found if code != "PZ402"] == [
        ("PZ407", key) for key in told
    ]


@pytest.mark.parametrize(
    ("shown", "key"),
    [
        ({"show": {"html": "x", "limit": 3}}, "limit"),
        ({"show": {"source": "recommendations", "metric": "bought"}}, "metric"),
        ({"show": {"source": "recommendations", "path": "/x"}}, "path"),
        ({"show": PROOF | {"strategy": "popular"}, "status": "draft"}, "strategy"),
        ({"show": "page", "exclude": ["bought"]}, "exclude"),
    ],
)
def test_keys_without_effect(shown, key):
    """A key that its content does not read is told."""
    Path("p.jsonl").write_text('{"id": "a", "title": "A"}\n')
    found = warnings_of([{"id": "a"} | shown], catalogue={"file": "p.jsonl"})
    assert [code for code, _ in found] == ["PZ407"] and f'"{key}" has no effect here' in found[0][1]


def test_keys_with_effect():
    """What is read is not told."""
    Path("p.jsonl").write_text('{"id": "a", "title": "A"}\n')
    shows = [{"source": "recommendations", "strategy": "related", "limit": 3, "item": "{product}"}, {"html": "x"}]
    found = warnings_of(
        [
            experience(f"e{i}", when={"visits": i}, show=show, exclude=["bought"][: 1 - i])
            for i, show in enumerate(shows)
        ],
        catalogue={"file": "p.jsonl"},
    )
    assert found == []


def test_recommendations_without_a_catalogue():
    """Where there is no product list nothing can be recommended, which is told at each place that tries to."""
    show = {"source": "recommendations", "strategy": "popular"}
    found = warnings_of([experience("a", when="tr", show=show)])
    assert found == [("PZ407", "there is no catalogue to recommend products from")]


@pytest.mark.parametrize(
    ("text", "minutes"), [("08:00-22:00", (480, 1320)), ("22:00 - 02:00", (1320, 120)), ("0:00-24:00", (0, 1440))]
)
def test_hours(text, minutes):
    """Hours are minutes of the day; they may run past midnight and up to 24:00."""
    assert parse_hours(text) == minutes
