"""Reading YAML: its scalars are YAML 1.2's, its traps are refused, and nothing hostile does harm."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from personalize import ConfigError, load_config
from personalize.config.yaml12 import parse, scalar

TEXTS = """
NO no yes Yes on off y 10:30 0777 -012 1_000 2026-12-01 1.2.3 + - . e5 0b11 0x 0o8 12e ١٢ nULL tRUE = << 08:00-22:00
.inf .nan 50% 00.5
""".split()
VALUES = [
    ("null", None), ("~", None), ("", None), ("true", True), ("False", False), ("12", 12), ("-7", -7), ("+3", 3),
    ("0", 0), ("0x1F", 31), ("0o17", 15), ("1.5", 1.5), ("-.5", -0.5), ("1.", 1.0), ("1e3", 1000.0), ("0.0", 0.0),
]  # fmt: skip


def keeps_texts(read):
    """The law: what looks like a word, a time or a code to a person stays the text it is."""
    return all(read(text) == text for text in TEXTS)


def of_yaml_1_1(text):
    """A wrong reader: PyYAML's own, which follows YAML 1.1."""
    return yaml.load(text, Loader=yaml.SafeLoader)


def eager(text):
    """A wrong reader: whatever Python makes a number of."""
    try:
        return float(text)
    except ValueError:
        return text


def test_scalars_are_yaml_1_2():
    """NO, 10:30, 0777 and 1_000 are texts; the numbers, booleans and nulls of the core schema are values."""
    assert keeps_texts(scalar)
    assert [(text, scalar(text)) for text, _ in VALUES] == VALUES


@pytest.mark.parametrize("wrong", [of_yaml_1_1, eager])
def test_the_law_catches_wrong_readers(wrong):
    """A reader that makes a boolean of NO, or a number of 0777, is caught."""
    assert not keeps_texts(wrong)


def test_the_norway_problem(tmp_path):
    """A list of countries with NO in it names Norway, in every place where a value can stand."""
    file = tmp_path / "c.yaml"
    file.write_text(
        "version: 1\nsegments: {a: {all: [{country: [NO, SE]}, {query.on: off}]}}\nparts: {NO: {yes: on}}\n"
    )
    config = load_config(file)
    assert config.segments["a"].all == [{"country": ["NO", "SE"]}, {"query.on": "off"}]
    assert config.parts == {"NO": {"yes": "on"}}


def test_keys_are_texts(tmp_path):
    """A key that looks like a number, a boolean or null is the name it spells."""
    file = tmp_path / "c.yaml"
    file.write_text("version: 1\nparts: {codes: {404: a, true: b, null: c, 1.50: d}}\n")
    assert load_config(file).parts["codes"] == {"404": "a", "true": "b", "null": "c", "1.50": "d"}


@given(st.text(max_size=12))
def test_any_scalar_is_read(text):
    """No plain scalar brings anything but a value or OverflowError."""
    try:
        assert scalar(text) is None or isinstance(scalar(text), str | int | float)
    except OverflowError:
        assert any(c.isdigit() for c in text)


HOSTILE = {
    "billion laughs": (b"version: 1\nparts: {a: {a: &a [x, x], b: &b [*a, *a], c: [*b, *b]}}\n", "PZ108", 2, 16),
    "an alias to itself": (b"version: 1\nparts: &a {b: *a}\n", "PZ108", 2, 8),
    "merge keys": (b"version: 1\nsite: {<<: {budget: 1s}}\n", "PZ108", 2, 8),
    "a python object": (b"version: 1\nstore: !!python/object/apply:os.system ['id']\n", "PZ108", 2, 8),
    "a python name": (b"!!python/name:os.system {version: 1}\n", "PZ108", 1, 1),
    "a thousand brackets": (b"version: 1\nparts: " + b"[" * 1000, "PZ109", 2, 27),
    "a hundred thousand brackets": (b"[" * 100_000, "PZ109", 1, 21),
    "a hundred thousand braces": (b"{a: " * 50_000, "PZ109", 1, 81),
    "deep indentation": (b"".join(b" " * i + b"a:\n" for i in range(200)), "PZ109", 21, 21),
    "300 KB": (b"version: 1\n# " + b"x" * 300 * 1024, "PZ103", 1, 1),
    "a long number": (b"version: 1\nparts: {a: {b: " + b"9" * 100_000 + b"}}\n", "PZ112", 2, 16),
    "a picture": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "PZ104", 3, 1),
    "latin-1": ("version: 1\nstore: ça\n".encode("latin-1"), "PZ104", 2, 8),
    "random bytes": (bytes(range(128, 256)), "PZ104", 1, 1),
    "half a character": ("version: 1\nstore: ç".encode()[:-1], "PZ104", 2, 8),
    "UTF-16": ("version: 1\n".encode("utf-16"), "PZ104", 1, 1),
    "UTF-16 without a mark": ("version: 1\n".encode("utf-16-le"), "PZ104", 1, 2),
    "a byte order mark": (b"\xef\xbb\xbfversion: 1\n", "PZ104", 1, 1),
    "NUL": (b"version: 1\nstore: a\0b\n", "PZ104", 2, 9),
    "an escape sequence": (b"version: 1\nstore: \x1b[31mred\n", "PZ104", 2, 8),
    "an invisible line break": ("version: 1\nstore: a\u2028b\n".encode(), "PZ104", 2, 9),
    "only NULs": (b"\0" * 1000, "PZ104", 1, 1),
    "only tabs": (b"\t\t\t\n", "PZ106", 1, 1),
    "an anchor alone": (b"&a\n", "PZ102", 1, 1),
    "an alias alone": (b"*a\n", "PZ108", 1, 1),
    "an alias as a key": (b"version: 1\n*a : b\n", "PZ110", 2, 1),
    "an open tag": (b"version: 1\nstore: !<\n", "PZ105", 2, 10),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files(name, tmp_path):
    """What is no config, or means harm, is refused with its place; nothing is run and nothing is unfolded."""
    data, code, line, column = HOSTILE[name]
    file = tmp_path / "c.yaml"
    file.write_bytes(data)
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    first = caught.value.problems[0]
    assert (first.code, first.mark.line) == (code, line)
    # Some versions of libyaml complain of brackets only at the thousandth.
    assert first.mark.column == column or (code == "PZ109" and first.mark.column > 1000)
    assert first.source_line.isprintable()


def test_the_largest_file_is_read(tmp_path):
    """Exactly 256 KB is still a config."""
    file = tmp_path / "c.yaml"
    file.write_bytes(b"version: 1\n#".ljust(256 * 1024, b"x"))
    assert load_config(file).version == 1


def test_unreadable_files(tmp_path):
    """A missing file, a folder, a device and an impossible name are each refused with a plain sentence."""
    for path, says in (
        (tmp_path / "none.yaml", "there is no such file"),
        (tmp_path, "this is a folder, not a file"),
        (Path("/dev/zero"), "this is not an ordinary file"),
        ("a\0b", "the file cannot be read"),
        (tmp_path / ("x" * 300), "the file cannot be read"),
    ):
        with pytest.raises(ConfigError) as caught:
            load_config(path)
        assert [(p.code, p.message, p.mark.file) for p in caught.value.problems] == [("PZ101", says, str(path))]


def test_line_endings(tmp_path):
    """Files from every system have the same places."""
    for end in (b"\n", b"\r\n", b"\r"):
        tree = parse(b"version: 1" + end + b"site:" + end + b"  budget: 1s" + end, "c")
        assert (tree.keys["site", "budget"].line, tree.keys["site", "budget"].column) == (3, 3)
        assert tree.lines == ["version: 1", "site:", "  budget: 1s"]
