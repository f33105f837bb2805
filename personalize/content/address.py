"""What a request to an HTTP source is made of: the key picks exactly the declared values, the address is made from the
key alone.

A url's `{path}` is the page's path (or the content's own `path`, with captured values in it); `{name}` is what the
route captured under that name, or a fact named in vary_by. What vary_by names and the url does not is sent as a query
parameter. Placeholders stand in the path and the query, never in scheme, host or port, so no visitor's value can
choose who is asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from ..errors import ContentError
from ..model import Ask

Value = str | tuple[str, ...] | None
Key = tuple[Value, ...]
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"[A-Za-z_][\w.-]*")
LONGEST = 1024  # characters of one value; a longer one is a stranger's play


class UnfitValue(ContentError):
    """A visitor's value that cannot be put into an address."""


class Address:
    """A source's url with its placeholders, taken apart once. Raises ValueError for one that cannot be used; the
    message leaves the address out, for there may be a secret in it."""

    def __init__(self, url: str, vary_by: list[str]) -> None:
        head, placeholder, _ = url.partition("{")
        parts = urlsplit(_PLACEHOLDER.sub("x", url))
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("an address begins with https:// or http:// and a host")
        if parts.username is not None or parts.fragment:
            raise ValueError("an address for a source holds no user name and no #fragment")
        if placeholder and (head.count("/") < 3):
            raise ValueError("a placeholder may stand in the path and the query only")
        self.secure = parts.scheme == "https"
        self.names: tuple[str, ...] = tuple(dict.fromkeys([*_PLACEHOLDER.findall(url), *vary_by]))
        for name in self.names:
            if not _NAME.fullmatch(name):
                raise ValueError(f"{{{name}}} is no name of a captured value or a fact")
        self._declared = frozenset(vary_by)
        origin_end = len(parts.scheme) + 3 + len(parts.netloc)
        self._origin = url[:origin_end]
        path, self._question, query = url[origin_end:].partition("?")
        self._path = _PLACEHOLDER.split(path or "/")
        self._query = _PLACEHOLDER.split(query)
        in_url = {*self._path[1::2], *self._query[1::2]}
        self._extra = tuple(name for name in self.names if name not in in_url)
        self._readers = tuple(self._reader(name) for name in self.names)

    def key(self, ask: Ask) -> Key:
        """The declared values, in the order of `names`, as text: nothing else of the request gets further."""
        return tuple([read(ask) for read in self._readers])

    def url(self, key: Key) -> str:
        """The address for a key. Raises UnfitValue for a path that would climb (`.` and `..` segments)."""
        values = dict(zip(self.names, key, strict=True))
        path = "".join(
            text if i % 2 == 0 else "/".join(_quoted(part) for part in _one(values[text]).split("/")) if text == "path"
            else _quoted(_one(values[text]))
            for i, text in enumerate(self._path)
        )  # fmt: skip
        if any(segment in (".", "..") for segment in path.split("/")):
            raise UnfitValue("a path with . or .. segments is not asked for")
        query = "".join(text if i % 2 == 0 else _quoted(_one(values[text])) for i, text in enumerate(self._query))
        extra = "&".join(f"{_quoted(name)}={_quoted(v)}" for name in self._extra for v in _many(values[name]))
        question = self._question or ("?" if extra else "")
        return f"{self._origin}{path}{question}{query}{'&' if query and extra else ''}{extra}"

    def _reader(self, name: str) -> Callable[[Ask], Value]:
        """How the value of one name is read off an Ask. Facts are nested by their first word; a query parameter's
        name is taken whole, traits go one level down at every dot."""
        if name == "path":
            return _page_path if name in self._extra else _content_path
        param = name.removeprefix("params.") if name.startswith("params.") else name
        if name not in self._declared or param != name:
            return lambda ask: _text(ask.request.params.get(param))
        family, dot, rest = name.partition(".")
        if not dot:
            return lambda ask: _text(ask.facts.get(family))
        keys = rest.split(".") if family == "traits" else [rest]

        def below(ask: Ask) -> Value:
            found = ask.facts.get(family)
            for key in keys:
                found = found.get(key) if isinstance(found, Mapping) else None
            return _text(found)

        return below


def _page_path(ask: Ask) -> Value:
    return _text(ask.request.path.removeprefix("/"))


def _content_path(ask: Ask) -> Value:
    """The content's own path with what the route captured, else the page's."""
    own = ask.choice.content.path
    if own is None:
        return _page_path(ask)
    params = ask.request.params
    return _text(_PLACEHOLDER.sub(lambda hole: params.get(hole[1], ""), own).removeprefix("/"))


def _text(value: Any) -> Value:
    """A value as it goes into a key: text, several texts in a fixed order, or None for nothing known."""
    if value is None:
        return None
    if type(value) is str and len(value) <= LONGEST:
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return tuple(_checked(str(v)) for v in value)
    if isinstance(value, set | frozenset):
        return tuple(sorted(_checked(str(v)) for v in value))
    return _checked(str(value))


def _checked(text: str) -> str:
    if len(text) > LONGEST:
        raise UnfitValue(f"a value of {len(text)} characters is not sent to a source")
    return text


def _one(value: Value) -> str:
    return "" if value is None else value if isinstance(value, str) else ",".join(value)


def _many(value: Value) -> tuple[str, ...]:
    return () if value is None else (value,) if isinstance(value, str) else value


def _quoted(text: str) -> str:
    return quote(text, safe="", errors="surrogatepass")
