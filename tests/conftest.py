"""What every test may use, and what spares it a busy machine."""

from __future__ import annotations

import pytest
from hypothesis import settings

# A law is about what happens, not about how long it takes: a busy machine must not fail it.
settings.register_profile("laws", deadline=None)
settings.load_profile("laws")


@pytest.fixture(autouse=True)
def patient_pages(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page waits 50 ms for a profile that is not in memory, and then does without. Tests in which a profile may be
    late on purpose are marked as impatient."""
    if request.node.get_closest_marker("impatient") is None:
        monkeypatch.setattr("personalize.visit._PROFILE_PATIENCE", 20.0)
