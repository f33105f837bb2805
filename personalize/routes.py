"""Path -> what applies there: the slots of a route, and the signals read off its traffic."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from .config.models import Config, Signal
from .paths import PathPattern, compile_path

R = TypeVar("R")

GPC_PATH = "/.well-known/gpc.json"
_REMEMBERED_PATHS = 8192
_LONGEST_REMEMBERED = 256


@dataclass(frozen=True, slots=True)
class Match(Generic[R]):
    """What applies on one path. `params` are the segments captured by the patterns that matched; `own` is the path
    below the prefix where it is one of the middleware's own addresses (such as "/me"), or all of GPC_PATH, else empty.
    """

    route: R | None
    params: Mapping[str, str] = field(default_factory=dict)
    signals: tuple[tuple[Signal, Mapping[str, str]], ...] = ()
    own: str = ""


def reaches(config: Config, root: str) -> bool:
    """Can any path of the config be one below `root`, where the app is mounted?"""
    paths = [path for slot in config.slots.values() for path in slot.match.paths]
    paths += [config.site.prefix, *(signal.path for signal in config.site.signals)]
    return any(path.startswith((f"{root}/", "/*", "/{")) or path == root for path in paths)


class Routes(Generic[R]):
    """Finds the slots and signals of a path. A route is one set of slots, made by `make` when it is first met:
    paths that have the same slots share it, so strangers can't multiply routes by inventing paths."""

    def __init__(self, config: Config, make: Callable[[tuple[str, ...]], R]) -> None:
        self._make = make
        self._prefix = config.site.prefix.rstrip("/")
        self._gpc_path = GPC_PATH if config.site.consent.gpc_json else ""
        self._slots: list[tuple[str, PathPattern]] = [
            (name, compile_path(path)) for name, slot in config.slots.items() for path in slot.match.paths
        ]
        self._signals = [(signal, compile_path(signal.path)) for signal in config.site.signals]
        self._routes: dict[tuple[str, ...], R] = {}
        self._remembered: dict[str, Match[R] | None] = {}

    def get(self, path: str) -> Match[R] | None:
        """What applies on `path`; None, at the price of one dict lookup, where nothing does."""
        try:
            return self._remembered[path]
        except KeyError:
            pass
        found = self._find(path)
        if len(path) <= _LONGEST_REMEMBERED:
            if len(self._remembered) >= _REMEMBERED_PATHS:
                self._remembered.clear()
            self._remembered[path] = found
        return found

    def slots_at(self, path: str) -> tuple[tuple[str, ...], dict[str, str]]:
        """Names of the slots on `path`, in the config's order, and the segments captured."""
        names: list[str] = []
        params: dict[str, str] = {}
        for name, pattern in self._slots:
            if name not in names and (captured := pattern.match(path)) is not None:
                names.append(name)
                params.update(captured)
        return tuple(names), params

    def _find(self, path: str) -> Match[R] | None:
        if self._prefix and path.startswith(f"{self._prefix}/"):
            return Match(None, own=path.removeprefix(self._prefix))
        if path == self._gpc_path:
            return Match(None, own=GPC_PATH)
        names, params = self.slots_at(path)
        signals = tuple((s, got) for s, pattern in self._signals if (got := pattern.match(path)) is not None)
        if not names and not signals:
            return None
        return Match(self.of(names) if names else None, params, signals)

    def of(self, names: tuple[str, ...]) -> R:
        """The route of these slots."""
        if names not in self._routes:
            self._routes[names] = self._make(names)
        return self._routes[names]
