"""Where the signing keys come from."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from personalize.errors import ConfigError
from personalize.visitor import secret_keys

A, B = "a" * 32, "b" * 40


def test_keys_from_the_environment(tmp_path: Path) -> None:
    """PERSONALIZE_SECRET holds one key or several, first the one that signs; nothing is written to disk."""
    assert secret_keys({"PERSONALIZE_SECRET": f" {A} ,{B},"}, tmp_path) == (A, B)
    assert list(tmp_path.iterdir()) == []


def test_a_short_key_is_refused(tmp_path: Path) -> None:
    """A key under 32 characters stops the start, says which one it is, and does not print it."""
    with pytest.raises(ConfigError) as caught:
        secret_keys({"PERSONALIZE_SECRET": f"{A},hunter2"}, tmp_path)
    assert "key 2 has 7 characters" in str(caught.value) and "hunter2" not in str(caught.value)


def test_commas_alone_are_no_key(tmp_path: Path) -> None:
    """A PERSONALIZE_SECRET that was filled from nothing is told as such."""
    with pytest.raises(ConfigError, match="no key"):
        secret_keys({"PERSONALIZE_SECRET": " , "}, tmp_path)


def test_without_one_a_secret_is_made_and_kept(tmp_path: Path) -> None:
    """The made secret is long, readable by its owner alone, kept out of version control, and the same next time."""
    (key,) = secret_keys({}, tmp_path)
    path = tmp_path / ".personalize" / "secret"
    assert len(key) >= 32 and path.read_text().strip() == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (tmp_path / ".personalize" / ".gitignore").read_text().strip() == "*"
    assert secret_keys({"PERSONALIZE_SECRET": " "}, tmp_path) == (key,)
    assert sorted(p.name for p in path.parent.iterdir()) == [".gitignore", "secret"]


def test_workers_that_start_together_agree(tmp_path: Path) -> None:
    """Of many that find no secret at the same moment one wins, and all get its key."""
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: secret_keys({}, tmp_path), range(64)))
    assert len(set(found)) == 1


def test_a_damaged_secret_file_is_refused(tmp_path: Path) -> None:
    """An empty or binary file is named in the error; it is not replaced, since ids may be signed with it."""
    path = tmp_path / ".personalize" / "secret"
    path.parent.mkdir()
    for content in (b"", b"\xff\xfe" * 40):
        path.write_bytes(content)
        with pytest.raises(ConfigError, match="secret"):
            secret_keys({}, tmp_path)
        assert path.read_bytes() == content


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """Where no file can be made, the error names the way out."""
    (tmp_path / ".personalize").write_text("a file where a folder should be")
    with pytest.raises(ConfigError, match="PERSONALIZE_SECRET"):
        secret_keys({}, tmp_path)
