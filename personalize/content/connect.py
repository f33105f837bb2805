"""Connections to HTTP sources: httpcore's pool over a network backend that checks addresses and keeps a total deadline.

- The host's name is resolved in a thread of its own, one at a time per host: a resolver that hangs holds up neither
  the event loop nor the site's thread pool, and the wait for it ends with the deadline.
- Every address is checked, and the connection goes to the address that was checked, so a name that resolves to
  something else a moment later (DNS rebinding) cannot lead inside. TLS still proves the host's name.
- Each wait on the network (connect, TLS, write, read) is cut to what is left of the fetch's deadline, so that a
  backend that sends a byte a second is left in time without cancelling anything.
- No proxies from the environment, no cookies kept, no redirects followed, nothing tried twice: this is a transport, and
  httpx's client, which does all those, is not used.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Iterable
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic
from typing import Any

import httpcore
import httpx

DEADLINE: ContextVar[float] = ContextVar("personalize_fetch_deadline")  # monotonic seconds, of the fetch in this task


def left(timeout: float | None = None) -> float:
    """Seconds left for this task's fetch, at most `timeout`; not less than a millisecond."""
    rest = DEADLINE.get(monotonic() + 60.0) - monotonic()
    return max(0.001, rest if timeout is None else min(rest, timeout))


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet (IANA's special-purpose registries, RFC 6890), looking into
    the IPv6 forms that carry an IPv4 one (mapped, 6to4 RFC 3056, NAT64 RFC 6052)."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if inner is None and ip in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast


class Resolver:
    """Host names to addresses, in a daemon thread per name that is being looked up."""

    def __init__(self) -> None:
        self._asking: dict[tuple[str, int], asyncio.Future[list[str]]] = {}

    async def addresses(self, host: str, port: int) -> list[str]:
        """IP addresses in the system's order. Raises httpcore.ConnectError and httpcore.ConnectTimeout."""
        name = (host, port)
        answer = self._asking.get(name)
        if answer is None:
            loop = asyncio.get_running_loop()
            answer = self._asking[name] = loop.create_future()
            answer.add_done_callback(lambda _: self._asking.pop(name, None))
            asked = (host, port, loop, answer)
            threading.Thread(target=_resolve, args=asked, daemon=True, name="personalize-dns").start()
        await asyncio.wait({answer}, timeout=left())
        if not answer.done():
            raise httpcore.ConnectTimeout(f"the name {host} was not resolved in time")
        found = answer.result()
        if not found:
            raise httpcore.ConnectError(f"the name {host} could not be resolved")
        return found


def _resolve(host: str, port: int, loop: asyncio.AbstractEventLoop, answer: asyncio.Future[list[str]]) -> None:
    try:
        lines = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        found = list(dict.fromkeys(str(line[4][0]) for line in lines))
    except (OSError, UnicodeError):
        found = []
    try:
        loop.call_soon_threadsafe(lambda: None if answer.done() else answer.set_result(found))
    except RuntimeError:
        return  # the loop was closed meanwhile; nobody waits


class Network(httpcore.AsyncNetworkBackend):
    """Connects to checked addresses only, and hands out streams that keep the deadline."""

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._resolver = Resolver()
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's own signature, here and below
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await self._resolver.addresses(host, port)
        if not self._allow_private:
            addresses = [a for a in addresses if is_public(a)]
            if not addresses:
                raise httpcore.ConnectError(f"{host} is a private address; set allow_private if that is meant")
        error: Exception | None = None
        for tried, address in enumerate(addresses):
            share = left(timeout) / (len(addresses) - tried)  # one dead address must not take the others' time
            try:
                stream = await self._inner.connect_tcp(address, port, timeout=share, socket_options=socket_options)
                return _Stream(stream)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as e:
                error = e
        assert error is not None
        raise error

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise httpcore.ConnectError("unix sockets are not used")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class _Stream(httpcore.AsyncNetworkStream):
    """A stream whose every wait is cut to what is left of the deadline of the fetch that waits."""

    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        self._inner = inner

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        return await self._inner.read(max_bytes, left(timeout))

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        await self._inner.write(buffer, left(timeout))

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        return _Stream(await self._inner.start_tls(ssl_context, server_hostname, left(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


@contextmanager
def _as_httpx() -> Any:
    """httpcore's errors as httpx's, which any transport raises."""
    try:
        yield
    except httpcore.TimeoutException as e:
        raise httpx.TimeoutException(str(e) or type(e).__name__) from e
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol) as e:
        raise httpx.TransportError(str(e) or type(e).__name__) from e


class _Body(httpx.AsyncByteStream):
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx():
            async for chunk in self._stream:
                yield chunk

    async def aclose(self) -> None:
        with _as_httpx():
            await self._stream.aclose()


class Transport(httpx.AsyncBaseTransport):
    """A pool of connections for one source on one event loop."""

    def __init__(self, *, connections: int, allow_private: bool, tls: ssl.SSLContext | None) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=4.0,  # below the 5 s after which many servers hang up: no request meets a closing door
            network_backend=Network(allow_private=allow_private),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        with _as_httpx():
            response = await self._pool.handle_async_request(
                httpcore.Request(
                    method=request.method,
                    url=httpcore.URL(
                        scheme=request.url.raw_scheme,
                        host=request.url.raw_host,
                        port=request.url.port,
                        target=request.url.raw_path,
                    ),
                    headers=request.headers.raw,
                    extensions={"timeout": dict.fromkeys(("connect", "read", "write", "pool"), left())},
                )
            )
        return httpx.Response(response.status, headers=response.headers, stream=_Body(response.stream))

    async def aclose(self) -> None:
        await self._pool.aclose()
