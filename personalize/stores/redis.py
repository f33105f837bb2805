"""Hot state in Redis or Valkey, for several machines. Needs the extra "redis" (redis-py).

The client is built to fail at once: no retries (by default it tries for 4 s when no server answers), short timeouts,
and the connections and breaker of `lines`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from importlib.util import find_spec
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from ..breaker import Breaker
from ..errors import StoreError
from .hot import KEPT_FOR, MOST, by_key
from .lines import Lines

_PATIENCE: Final = 0.25  # seconds for connecting, and for a command
_FAILURES, _OPEN_FOR = 3, 1.0
# Others of redis-py's would take away what the client is built for: short timeouts, and no second try.
_OPTIONS: Final = frozenset({
    "prefix", "db", "username", "password", "client_name", "ssl_ca_certs", "ssl_ca_path", "ssl_cert_reqs",
    "ssl_certfile", "ssl_check_hostname", "ssl_keyfile",
})  # fmt: skip


class RedisHotState:
    """A sorted set for each visitor. `url` is redis-py's (redis://user:password@host:6379/0), with `?prefix=` for what
    its keys begin with, "personalize" unless told. Raises ValueError where redis-py is missing."""

    def __init__(self, url: str, *, patience: float = _PATIENCE, connections: int = 4) -> None:
        if find_spec("redis") is None:
            raise ValueError('hot state in Redis needs a client: install the extra [redis]')
        from redis.asyncio import Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query))
        if unknown := sorted(options.keys() - _OPTIONS):
            raise ValueError(f"an address of Redis has no {unknown[0]}; there are: {', '.join(sorted(_OPTIONS))}")
        if parts.scheme != "unix" and not (parts.path.strip("/") or "0").isdecimal():
            raise ValueError("a database of Redis is a number, as in redis://host:6379/0")
        self._prefix = options.pop("prefix", "personalize")
        scheme = "redis" if parts.scheme == "valkey" else parts.scheme
        self._make: Callable[[], Any] = partial(
            Redis.from_url,
            urlunsplit(parts._replace(scheme=scheme, query=urlencode(options))),
            single_connection_client=True,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=patience,
            socket_connect_timeout=patience,
        )
        self._patience = patience
        where = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        breaker = Breaker(_FAILURES, _OPEN_FOR)
        self._lines: Lines[_Client] = Lines(
            where, self._connect, breaker, limit=connections, patience=patience, abandon=_Client.abandon
        )
        self._closing: set[asyncio.Task[None]] = set()

    async def remember(self, visitor: str, keys: Sequence[str], time: float) -> None:
        name = self._name(visitor)
        members = {f"{time!r} {key}".encode("utf-8", "replace"): time for key in keys}
        if not members:
            return

        async def work(redis: Any) -> None:
            pipe = redis.pipeline(transaction=False)  # one way there and back
            pipe.zadd(name, members)
            pipe.zremrangebyrank(name, 0, -MOST - 1)
            pipe.expire(name, int(KEPT_FOR))
            for answer in await pipe.execute(raise_on_error=False):
                if isinstance(answer, Exception):  # told without the key, which holds the visitor's id
                    raise answer

        await self._lines.run(lambda client: client.ask(work))

    async def recall(self, visitor: str) -> Mapping[str, Sequence[float]]:
        name = self._name(visitor)
        members: list[bytes] = await self._lines.run(lambda client: client.ask(lambda redis: redis.zrange(name, 0, -1)))
        pairs = [member.decode().partition(" ") for member in members]
        return by_key(sorted((float(time), key) for time, _, key in pairs))

    async def close(self) -> None:
        await self._lines.close()
        here = [task for task in self._closing if task.get_loop() is asyncio.get_running_loop()]
        if here:
            await asyncio.wait(here)

    def _name(self, visitor: str) -> bytes:
        return f"{self._prefix}:shown:{visitor}".encode("utf-8", "replace")

    async def _connect(self) -> _Client:
        client = _Client(self._make(), self._closing)
        with ExitStack() as unless_well:
            unless_well.callback(client.terminate)
            async with asyncio.timeout(self._patience):
                await client.ask(lambda redis: redis.initialize())
            unless_well.pop_all()
        return client


class _Client:
    """One connection of redis-py's, as `lines` wants it."""

    def __init__(self, redis: Any, closing: set[asyncio.Task[None]]) -> None:
        """`closing` holds what is still to be waited for at the end."""
        self._redis = redis
        self._all_closing = closing
        self._closing: asyncio.Task[None] | None = None

    async def ask(self, work: Callable[[Any], Awaitable[Any]]) -> Any:
        from redis.exceptions import AskError, ClusterError, RedisError

        try:
            return await work(self._redis)
        except (AskError, ClusterError) as error:
            raise StoreError(f"it belongs to a cluster, and one that is none is needed ({error})") from error
        except (RedisError, ValueError) as error:
            raise StoreError(str(error) or type(error).__name__) from error

    def terminate(self) -> None:
        self._closing = asyncio.get_running_loop().create_task(self._close())
        self._all_closing.add(self._closing)
        self._closing.add_done_callback(self._all_closing.discard)

    def abandon(self) -> None:
        """Without its loop. redis-py would try to close it there, and the garbage collector closes its socket."""
        self._redis.connection = None

    def is_closed(self) -> bool:
        return self._closing is not None

    async def _close(self) -> None:
        from redis.exceptions import RedisError

        try:
            await self._redis.aclose()
        except (RedisError, OSError):  # the other side has gone already
            pass
