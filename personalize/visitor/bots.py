"""Which user agents say of themselves that no person is reading: crawlers, link previews, monitors."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

# Words that crawlers put into their names, then crawlers whose names hold none of these words. Plain HTTP
# clients (curl, requests) and headless browsers are left out: they are as often a test, an app or a developer,
# and one that crawls without cookies is no one anyway wherever consent is asked for.
_WORDS: Final = (
    rb"bot\b", rb"bot[/_;), -]", rb"bots\b", rb"crawl", rb"spider", rb"\bslurp", rb"scrap(?:er|y)", rb"archiver",
    rb"\bpreview", rb"monitor(?:ing)?[/ ;)]", rb"validator", rb"\bfetcher", rb"checker\b",
    rb"feed(?:fetcher|ly|burner|parser)",
)  # fmt: skip
_NAMES: Final = (
    rb"facebookexternalhit", rb"facebookcatalog", rb"meta-external", rb"mediapartners-google", rb"google-read-aloud",
    rb"google-inspectiontool", rb"googleother", rb"google-extended", rb"apis-google", rb"storebot-google",
    rb"chrome-lighthouse", rb"gtmetrix", rb"pingdom", rb"uptime", rb"statuscake", rb"site24x7", rb"datadog",
    rb"newrelicpinger", rb"bingpreview", rb"yandex(?:images|video|metrika|direct|webmaster|favicons)", rb"baiduspider",
    rb"whatsapp/", rb"skypeuripreview", rb"embedly", rb"quora link", rb"outbrain", rb"vkshare", rb"w3c_",
    rb"ia_archiver", rb"heritrix", rb"nutch", rb"chatgpt-user", rb"oai-searchbot", rb"anthropic-ai", rb"claude-web",
    rb"perplexity-user", rb"cohere-ai", rb"bytespider", rb"tiktokspider", rb"censys", rb"masscan", rb"zgrab", rb"nmap",
    rb"netcraft", rb"semrush", rb"screaming frog", rb"dataprovider", rb"wappalyzer", rb"panscient",
)  # fmt: skip
# CUBOT is a maker of telephones.
_BOT: Final = re.compile(rb"(?<!cu)(?:" + rb"|".join(_WORDS) + rb")|" + rb"|".join(_NAMES), re.IGNORECASE)
_LONGEST: Final = 512


def is_bot(user_agent: bytes) -> bool:
    """True where the raw User-Agent header names a robot. Remembered by its first 512 bytes."""
    return _is_bot(user_agent[:_LONGEST])


@lru_cache(maxsize=4096)
def _is_bot(user_agent: bytes) -> bool:
    return _BOT.search(user_agent) is not None
