"""What every test may use, and what spares it a busy machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import settings

# A law is about what happens, not about how long it takes: a busy machine must not fail it.
settings.register_profile("laws", deadline=None)
settings.load_profile("laws")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes a minute on a machine that has nothing else to do may take ten on a busy one."""
    for item in items:
        if item.get_closest_marker("slow") is not None and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(autouse=True)
def patient_pages(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page waits 50 ms for a profile that is not in memory, and then does without. Tests in which a profile may be
    late on purpose are marked as impatient."""
    if request.node.get_closest_marker("impatient") is None:
        monkeypatch.setattr("personalize.visit.OF_A_PROFILE", 20.0)


@pytest.fixture(scope="session")
def missing() -> Callable[[str], NoReturn]:
    """Skips and says why; fails where everything is to be had (REQUIRE_SERVICES=1, as in CI)."""

    def tell(why: str) -> NoReturn:
        if os.environ.get("REQUIRE_SERVICES") == "1":
            pytest.fail(why)
        pytest.skip(why)

    return tell


@pytest.fixture(scope="session")
def installed(missing: Callable[[str], NoReturn]) -> Callable[[str, Sequence[str]], Path]:
    """The folder with some packages of npm's, installed once and kept between runs under a name."""

    def install(name: str, packages: Sequence[str]) -> Path:
        import fcntl

        npm = shutil.which("npm")
        if npm is None or shutil.which("node") is None:
            missing("node and npm are not here")
        folder = Path(tempfile.gettempdir()) / f"personalize-{name}"
        folder.mkdir(exist_ok=True)
        done = folder / "done.json"
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # several processes may run tests, and npm wants a folder for itself
            if not done.exists() or json.loads(done.read_text()) != list(packages):
                (folder / "package.json").write_text('{"private": true}')
                command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", *packages]
                made = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
                if made.returncode:
                    missing(f"the packages could not be installed: {made.stderr.strip()[-200:]}")
                done.write_text(json.dumps(list(packages)))
        return folder

    return install
