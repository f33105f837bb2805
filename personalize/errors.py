"""Every error this package raises, and who hears of it.

    PersonalizeError
    ├─ ConfigError     at start or reload: file:line:column, what was meant, all problems at once
    │  └─ PluginError  an import string that names nothing usable
    ├─ ConditionError  one slip in a condition; `config` turns it into a ConfigError's problem
    ├─ ContentError    one slot falls back
    │  ├─ SourceTimeout · SourceUnavailable · BadFragment
    ├─ PageError       the rest of the page passes untouched
    ├─ CollectError    a request to the collector is answered with an HTTP error
    └─ StoreError      events are counted as dropped, and said so

Operators hear early, visitors never: nothing below ConfigError leaves the middleware.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .model import Problem


class PersonalizeError(Exception):
    """The root: catch this to catch everything raised on purpose here."""


class ConfigError(PersonalizeError):
    """A configuration that cannot serve; `problems` holds every one found, sorted by place."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(p) for p in self.problems))

    def __reduce__(self) -> tuple[type[ConfigError], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)  # as it was made: a process of a pool hands it over whole


class PluginError(ConfigError):
    """An import string ("package.module:Name") that names nothing, or nothing that fits."""


class ConditionError(PersonalizeError):
    """A condition that cannot be compiled. `path` are the keys inside the condition that lead to the slip,
    `hint` what may have been meant, `others` every further slip of the same condition (each without others)."""

    def __init__(
        self, path: Sequence[str | int], message: str, hint: str = "", others: Sequence[ConditionError] = ()
    ) -> None:
        self.path = tuple(path)
        self.message = message
        self.hint = hint
        self.others = tuple(others)
        super().__init__(f"{message} ({hint})" if hint else message)


class ContentError(PersonalizeError):
    """One slot's content could not be made; the slot falls back."""


class SourceTimeout(ContentError):
    """A source did not answer inside its deadline."""


class SourceUnavailable(ContentError):
    """A source refused, failed, or is not asked while its breaker is open. `retry_after` is how many seconds it
    asked to be left alone; `sick` is False when it works but has nothing for this key (such as HTTP's 404)."""

    def __init__(self, message: str = "", *, retry_after: float = 0.0, sick: bool = True) -> None:
        self.retry_after = retry_after
        self.sick = sick
        super().__init__(message)


class BadFragment(ContentError):
    """A source answered with something that must not go into a page."""


class PageError(PersonalizeError):
    """A response that cannot be rewritten safely; the rest of it passes untouched."""


class CollectError(PersonalizeError):
    """A request to the collector that is refused as a whole: the HTTP `status`, a stable `code`, a sentence for the
    client's developer, and where it may help the seconds after which to try again."""

    def __init__(self, status: int, code: str, message: str, retry_after: float = 0.0) -> None:
        self.status = status
        self.code = code
        self.retry_after = retry_after
        super().__init__(message)


class StoreError(PersonalizeError):
    """The event log could not be read or written."""
