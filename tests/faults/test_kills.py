"""A real server that is killed under load, a few times; `python -m proofs.kills` does it two hundred times."""

from __future__ import annotations

from pathlib import Path

import pytest

from proofs.kills import run


@pytest.mark.slow
def test_a_killed_server_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    """After each kill -9 the file is whole, every acknowledged event is in it once, what is kept beside the log fits
    it, and telling the log to itself three times changes nothing."""
    found = run(4, tmp_path, seed=7, longest=0.7)
    assert found.acknowledged > 0 and found.pages > 0
    assert (found.lost, found.corrupt, found.twice, found.unlike, found.changed) == (0, 0, 0, 0, False)


@pytest.mark.slow
def test_an_answer_before_the_write_is_caught(tmp_path: Path) -> None:
    """Planted bug: a collector that acknowledges what is not written yet loses it with the process. A kill can fall
    just after a write, so there are further kills until one does not."""
    folders = [tmp_path / str(seed) for seed in range(6)]
    for folder in folders:
        folder.mkdir()
    assert any(run(2, folder, seed=seed, longest=0.7, planted=True).lost for seed, folder in enumerate(folders))
