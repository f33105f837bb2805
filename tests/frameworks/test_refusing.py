"""A config that cannot serve, under the servers themselves: the owner reads what is wrong with it, and nothing else."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from personalize import ConfigError, PersonalizeMiddleware
from personalize.testing import Answer

APP = """\
{before}
from personalize import PersonalizeMiddleware
from personalize.testing import Answer
app = PersonalizeMiddleware(Answer(b"<p data-slot=hero>plain</p>"), "personalize.yaml")
"""
TOLD = """\
personalize.yaml:2:1: error PZ201: unknown key "soltz" (did you mean "slots"?)
    2 | soltz: {}
      | ^
personalize.yaml: 1 error
The app was not started. `personalize check personalize.yaml` says so without a server.
"""
SERVERS = {
    "python": ["app.py"],
    "uvicorn": ["-m", "uvicorn", "app:app", "--port", "0"],
    "hypercorn": ["-m", "hypercorn", "app:app", "--bind", "127.0.0.1:0"],  # loads the app in a process of its own
    "granian": ["-m", "granian", "--interface", "asgi", "app:app", "--port", "0"],
}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "personalize.yaml").write_text("version: 1\nsoltz: {}\n")
    (tmp_path / "app.py").write_text(APP.format(before=""))
    return tmp_path


def started(site: Path, arguments: list[str]) -> str:
    """What the server says until it gives up."""
    done = subprocess.run([sys.executable, *arguments], cwd=site, capture_output=True, text=True, timeout=120)
    return done.stdout + done.stderr


@pytest.mark.parametrize("server", SERVERS)
def test_only_what_is_wrong_with_the_config_is_printed(site: Path, server: str) -> None:
    """Place, line, caret and what was meant, as `personalize check` says them; no frame of the server, of Python, or of
    ours."""
    if server != "python":
        pytest.importorskip(server)
    said = started(site, SERVERS[server])
    assert TOLD in said and "Traceback" not in said
    assert server == "granian" or said == TOLD  # which says what it does at every step


def test_other_errors_are_shown_as_ever(site: Path) -> None:
    """Nothing is taken from an error of the app's own, also after a config was refused and somebody caught that."""
    (site / "app.py").write_text(
        APP.format(before="try:\n    ...").replace("\nfrom", "\n    from").replace("\napp", "\n    app")
        + "except Exception as error:\n    print('caught:', type(error).__name__)\nraise KeyError('of the app')\n"
    )
    said = started(site, ["app.py"])
    assert said.startswith("caught: ConfigError\nTraceback") and said.endswith("KeyError: 'of the app'\n")


def test_a_hook_that_was_there_stays(site: Path) -> None:
    """An error tracker that took Python's hook hears of the refused start."""
    before = "import sys\nsys.excepthook = lambda kind, error, frames: print('tracked:', error)"
    (site / "app.py").write_text(APP.format(before=before))
    assert started(site, ["app.py"]).startswith("tracked: personalize.yaml:2:1: error PZ201")


def _make(file: str) -> str:
    try:
        PersonalizeMiddleware(Answer(b""), file)
    except Exception as error:
        assert isinstance(error, ConfigError)
        return error.problems[0].code
    return "made"


def _fail(file: str) -> None:
    PersonalizeMiddleware(Answer(b""), file)


def test_in_a_process_of_a_pool_it_is_an_error_like_any(site: Path) -> None:
    """Whoever catches Exception there catches it, and it comes whole to whoever asked the pool."""
    file = os.fspath(site / "personalize.yaml")
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        assert pool.submit(_make, file).result() == "PZ201"
        with pytest.raises(ConfigError, match="soltz") as raised:
            pool.submit(_fail, file).result()
    assert raised.value.problems[0].mark.line == 2
    assert pickle.loads(pickle.dumps(raised.value)).problems == raised.value.problems
