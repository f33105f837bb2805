"""Robots are told by their own names."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize.visitor.bots import is_bot

AGENTS = [line for line in (Path(__file__).parent / "agents.txt").read_text().splitlines() if not line.startswith("#")]
ROBOTS = ("bot/", "bot.html", "Bot/", "facebookexternalhit", "WhatsApp/", "Twitterbot")


@pytest.mark.parametrize("agent", AGENTS)
def test_robots_and_people(agent: str) -> None:
    """Crawlers and link previews are robots; browsers, televisions, mail programs and CUBOT telephones are not."""
    assert is_bot(agent.encode()) == any(name in agent for name in ROBOTS)


@pytest.mark.parametrize(
    "agent",
    [
        b"Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
        b"Mozilla/5.0 (compatible; Yahoo! Slurp; http://help.yahoo.com/help/us/ysearch/slurp)",
        b"Mozilla/5.0 (compatible; DuckDuckBot-Https/1.1; https://duckduckgo.com/duckduckbot)",
        b"Mozilla/5.0 (Linux; Android 11) Chrome/119 Mobile Safari/537.36 Chrome-Lighthouse",
        b"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ChatGPT-User/1.0; +https://openai.com/bot)",
        b"Mozilla/5.0 (compatible; SemrushBot/7~bl; +http://www.semrush.com/bot.html)",
        b"Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)",
        b"Pingdom.com_bot_version_1.4_(http://www.pingdom.com/)",
        b"LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)",
        b"Mozilla/5.0 (compatible; archive.org_bot +http://archive.org/details/archive.org_bot)",
        b"Scrapy/2.11 (+https://scrapy.org)",
        b"Mediapartners-Google",
        b"Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    ],
)
def test_well_known_robots(agent: bytes) -> None:
    """Names that do not end in "bot/" are known too."""
    assert is_bot(agent)


@given(st.binary(max_size=2000))
def test_any_bytes_have_an_answer(agent: bytes) -> None:
    """No User-Agent raises, and only its first 512 bytes count."""
    assert is_bot(agent) == is_bot(agent[:512])
