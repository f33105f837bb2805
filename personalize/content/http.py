"""The source `use: http`: fragments from a backend. The only IO of this floor, with `connect`.

httpx is loaded when the first source is made. One transport per process and event loop: a connection made before a
fork or on another loop is never used.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Hashable
from contextlib import suppress
from importlib import import_module
from time import monotonic
from typing import TYPE_CHECKING, cast
from weakref import WeakKeyDictionary

from ..config.models import SourceConfig
from ..errors import BadFragment, ConfigError, SourceTimeout, SourceUnavailable
from ..model import Ask, Fragment, Mark, Problem
from ..protocols import Observer
from .address import Address, Key
from .reply import Body, fragment, judge

if TYPE_CHECKING:
    import httpx

_HEADERS = {"accept": "text/html, application/json", "accept-encoding": "identity", "user-agent": "personalize"}


class HttpSource:
    """Fits `protocols.Source`. Raises ConfigError for a url that cannot be used."""

    def __init__(
        self, name: str, source: SourceConfig, observer: Observer, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        """`transport` replaces the network, for tests and for sites with their own."""
        self._name = name
        self._config = source
        self._observer = observer
        self._given = transport
        # By event loop, with the process that made it; goes when its loop goes.
        self._made: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[int, httpx.AsyncBaseTransport]]
        self._made = WeakKeyDictionary()
        self._tls: ssl.SSLContext | None = None
        try:
            self._address = Address(source.url or "", source.vary_by)
        except ValueError as error:
            problem = Problem(Mark("<config>", 0, 0), "PZ151", f"source {name}: {error}")
            raise ConfigError([problem]) from error
        self._warm()

    def key(self, ask: Ask) -> Hashable:
        """What the url's placeholders and vary_by name, as text, and nothing else of the request."""
        return self._address.key(ask)

    def ready(self, key: Hashable) -> Fragment | None:
        return None

    async def fetch(self, key: Hashable) -> Fragment:
        """One GET, within the source's deadline in total. Raises ContentError. Run it in a task of its own and never
        cancel that."""
        import httpx

        from .connect import DEADLINE

        config = self._config
        ends = monotonic() + config.deadline
        DEADLINE.set(ends)
        url = self._address.url(cast(Key, key))
        try:
            request = httpx.Request(
                "GET", url, headers=_HEADERS, extensions={"timeout": httpx.Timeout(config.deadline).as_dict()}
            )
            response = await self._transport().handle_async_request(request)
            try:
                return await self._read(response, ends)
            finally:
                with suppress(httpx.HTTPError):  # the answer is judged; what closing says changes nothing
                    await response.aclose()
        except httpx.TimeoutException as error:
            raise SourceTimeout(f"source {self._name}: no answer in {config.deadline:g} s ({error})") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise SourceUnavailable(f"source {self._name}: {error or type(error).__name__}") from error

    async def _read(self, response: httpx.Response, ends: float) -> Fragment:
        try:
            judge(response.status_code, response.headers)
            body = Body(response.headers.get("content-encoding", ""))
            async for chunk in response.aiter_raw():
                if monotonic() > ends:
                    raise SourceTimeout(f"its body took longer than {self._config.deadline:g} s")
                body.feed(chunk)
            return fragment(response.headers.get("content-type", ""), body.end())
        except SourceUnavailable as error:
            told = f"source {self._name} {error}"
            raise SourceUnavailable(told, retry_after=error.retry_after, sick=error.sick) from error
        except (BadFragment, SourceTimeout) as error:
            raise type(error)(f"source {self._name} {error}") from error

    def _warm(self) -> None:
        """Load what a fetch needs, and the trusted certificates, now: the first visitor's page must not wait for it."""
        import_module(".connect", __package__)
        import_module("anyio._backends._asyncio")

        if self._address.secure and self._given is None:
            self._tls = ssl.create_default_context()

    def _transport(self) -> httpx.AsyncBaseTransport:
        if self._given is not None:
            return self._given
        loop = asyncio.get_running_loop()
        process, found = self._made.get(loop, (0, None))
        if found is None or process != os.getpid():
            from .connect import Transport

            config = self._config
            found = Transport(connections=config.concurrency, allow_private=config.allow_private, tls=self._tls)
            self._made[loop] = (os.getpid(), found)
        return found

    async def close(self) -> None:
        """Close the connections of this loop."""
        process, found = self._made.pop(asyncio.get_running_loop(), (0, None))
        for transport in (self._given, found if process == os.getpid() else None):
            if transport is not None:
                await transport.aclose()
