"""The device: the classification of the package user-agents, made from a faster parser's parts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import user_agents
from hypothesis import given
from hypothesis import strategies as st

from personalize.visitor.device import device_of

AGENTS = [line for line in (Path(__file__).parent / "agents.txt").read_text().splitlines() if not line.startswith("#")]


# ua-parser's fast resolver looks for robots' words in the whole text, the slow one in its first 100 characters.
FOUND_BY_THE_FAST_ONE_ALONE = "Applebot"


def plainly(agent: str) -> dict[str, str]:
    """The same answer from user_agents.parse alone."""
    found = user_agents.parse(agent)
    order = (("bot", "is_bot"), ("tablet", "is_tablet"), ("mobile", "is_mobile"), ("desktop", "is_pc"))
    kind = next((name for name, test in order if getattr(found, test)), "other")
    return {"type": kind, "os": found.os.family, "browser": found.browser.family}


@pytest.mark.parametrize("agent", AGENTS)
def test_the_same_answers_as_user_agents(agent: str) -> None:
    """Type, system and browser are what user_agents.parse says; one more robot is found."""
    if FOUND_BY_THE_FAST_ONE_ALONE in agent:
        assert device_of(agent.encode()) == {**plainly(agent), "type": "bot"}
    else:
        assert device_of(agent.encode()) == plainly(agent)


def test_the_list_shows_every_kind() -> None:
    """The agents above are of all kinds, so that agreeing on them means something."""
    assert {device_of(agent.encode())["type"] for agent in AGENTS} == {"mobile", "tablet", "desktop", "bot", "other"}
    assert len(AGENTS) >= 60


def test_no_user_agent_is_other() -> None:
    """A request without the header has a device all the same."""
    assert device_of(b"") == {"type": "other", "os": "Other", "browser": "Other"}


def test_only_the_first_512_characters_count() -> None:
    """What a stranger appends to a long header changes nothing and costs nothing."""
    agent = b"x" * 600
    assert device_of(agent + b" (iPhone; CPU iPhone OS 17_5)") == device_of(agent)


@given(st.binary(max_size=600))
def test_any_bytes_have_a_device(agent: bytes) -> None:
    """No User-Agent raises."""
    assert device_of(agent)["type"] in {"mobile", "tablet", "desktop", "bot", "other"}


def test_the_slow_rules_stay_unloaded_until_someone_else_wants_them() -> None:
    """Classifying does not load user-agents' own parser; code that asks for it afterwards gets it all the same."""
    script = """
import sys
import personalize.visitor
assert not [m for m in sys.modules if m.partition(".")[0] in ("user_agents", "ua_parser")], "loaded at import"
from personalize.visitor.device import device_of
agent = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Mobile/15E148"
assert device_of(agent.encode())["type"] == "mobile"
assert "ua_parser.user_agent_parser" not in sys.modules, "the slow rules were compiled"
import user_agents
assert user_agents.parse(agent).is_mobile and user_agents.parse(agent).os.family == "iOS"
from ua_parser import user_agent_parser
assert user_agent_parser.ParseOS(agent)["family"] == "iOS"
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
