"""User-Agent -> {"type", "os", "browser"}: user-agents' classification, fed by ua-parser's fast resolver.

user-agents on its own compiles some 1,300 regular expressions at import and tries them one after another for each
unseen agent. Here its `UserAgent` is subclassed and gets the same parts from ua-parser's resolver in Rust, which
differs in one thing: it finds a robot's word anywhere in the text, not only in its first 100 characters.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from types import ModuleType
from typing import Any, Final

LONGEST: Final = 512  # characters of a user agent that are looked at
_SLOW: Final = "ua_parser.user_agent_parser"
_UNKNOWN: Final[Mapping[str, str]] = {"type": "other", "os": "Other", "browser": "Other"}


def device_of(user_agent: bytes) -> Mapping[str, str]:
    """{"type": "mobile" | "tablet" | "desktop" | "bot" | "other", "os": family, "browser": family}, read only.

    Families are ua-parser's ("iOS", "Mac OS X", "Chrome Mobile"). Remembered by the header's first 512 characters.
    """
    return _device(user_agent[:LONGEST]) if user_agent else _UNKNOWN


@lru_cache(maxsize=4096)
def _device(user_agent: bytes) -> Mapping[str, str]:
    agent = load()(user_agent.decode("latin-1"))
    if agent.is_bot:
        kind = "bot"
    elif agent.is_tablet:
        kind = "tablet"
    elif agent.is_mobile:
        kind = "mobile"
    elif agent.is_pc:
        kind = "desktop"
    else:
        kind = "other"
    return {"type": kind, "os": agent.os.family, "browser": agent.browser.family}


@cache
def load() -> Callable[[str], Any]:
    """The class that classifies one user agent. The first call takes some 0.2 s; call it before the first visitor."""
    from ua_parser import BestAvailableResolver, Domain
    from ua_parser.loaders import load_lazy_builtins

    parsers = _light_parsers()
    resolve = BestAvailableResolver(load_lazy_builtins())

    class Agent(parsers.UserAgent):  # type: ignore[misc, name-defined]
        def __init__(self, text: str) -> None:
            found = resolve(text, Domain.ALL).complete().with_defaults()
            system, browser, device = found.os, found.user_agent, found.device
            self.ua_string = text
            self.os = parsers.parse_operating_system(system.family, system.major, system.minor, system.patch)
            self.browser = parsers.parse_browser(browser.family, browser.major, browser.minor, browser.patch)
            self.device = parsers.parse_device(device.family, device.brand, device.model)

    return Agent


def _light_parsers() -> ModuleType:
    """user_agents.parsers, without the import that compiles all regular expressions for a parser not used here.

    During that one import ua_parser's slow module is stood in for by one that imports the real thing when anyone
    asks it for anything, so that code elsewhere in the process that calls user_agents.parse gets what it expects.
    """
    if _SLOW in sys.modules or "user_agents" in sys.modules:
        return importlib.import_module("user_agents.parsers")
    ua_parser: Any = importlib.import_module("ua_parser")
    ua_parser.user_agent_parser = _Later(_SLOW)
    try:
        return importlib.import_module("user_agents.parsers")
    finally:
        del ua_parser.user_agent_parser


class _Later(ModuleType):
    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self.__name__), name)
