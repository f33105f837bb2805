"""The worst bug would be one visitor's content shown to another. The law: whatever many visitors ask at once, in any
order, with a backend that is slow, fails and recovers, each is shown what they alone would see, or the fallback."""

from __future__ import annotations

import asyncio
import html
import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize.config.models import Config, Content
from personalize.content import Contents, HttpSource
from personalize.content import contents as contents_module
from personalize.content.cache import Entry
from personalize.model import Ask, Choice, Fill, Request

FALLBACK = "fallback"
Visitor = tuple[str, str | None, str | None, str]  # path, locale, country, a captured param
Plant = Callable[[Contents, HttpSource, pytest.MonkeyPatch], Any]

VISITORS = st.tuples(
    st.sampled_from(["a", "b"]),
    st.sampled_from([None, "", "x", "xy"]),
    st.sampled_from([None, "", "yz", "z"]),
    st.sampled_from("pq"),
)
WAVES = st.lists(
    st.tuples(st.lists(VISITORS, min_size=1, max_size=12), st.floats(0, 4), st.booleans()), min_size=1, max_size=5
)


class Quiet:
    """An Observer that keeps mistakes: a planted bug must show as wrong content, not as an exception."""

    def __init__(self) -> None:
        self.failures: list[BaseException] = []

    def count(self, name: str, n: int = 1) -> None: ...
    def changed(self, part: str, state: str, detail: str = "") -> None: ...
    def failed(self, where: str, error: BaseException) -> None:
        self.failures.append(error)


def alone(visitor: Visitor) -> str:
    """What this visitor is shown, worked out from the visitor only."""
    path, locale, country, param = visitor
    query = urlencode([(k, v) for k, v in (("locale", locale), ("country", country)) if v is not None])
    target = f"/f/{path}" + (f"?{query}" if query else "")
    return f"<p>{html.escape(target, quote=False)}</p>{param}"


async def shown(
    seed: int, waves: list[tuple[list[Visitor], float, bool]], plant: Plant | None, patch: Any
) -> list[tuple[Visitor, str | None]]:
    """Every visitor of every wave with what they were shown. A wave is: who asks at once, how many seconds passed
    before, and whether the backend fails meanwhile."""
    dice = random.Random(seed)
    failing = False

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                target = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
                if dice.random() < 0.5:
                    await asyncio.sleep(dice.random() * 0.003)
                body = f"<p>{html.escape(target, quote=False)}</p>".encode()
                status = "500 Oops" if failing and dice.random() < 0.7 else "200 OK"
                writer.write(
                    f"HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                    + body
                )
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    now = 0.0
    settings_ = {
        "use": "http",
        "url": f"http://127.0.0.1:{port}/f/{{path}}",
        "vary_by": ["locale", "country"],
        "timeout": 5,
        "allow_private": True,
        "fresh": 1,
        "stale_while_revalidate": 1,
        "stale_if_error": 5,
        "breaker": {"failures": 1000},
        "concurrency": 100,
    }
    config = Config.model_validate({"version": 1, "sources": {"cms": settings_}})
    results: list[tuple[Visitor, str | None]] = []
    with tempfile.TemporaryDirectory() as folder:
        config._base = Path(folder)
        (Path(folder) / "templates").mkdir()
        (Path(folder) / "templates" / "t.html").write_text("{{ html }}{{ params.p }}", "utf-8")
        observer = Quiet()
        source = HttpSource("cms", config.sources["cms"], observer)
        contents = Contents(config, {"cms": source}, observer, clock=lambda: now)
        if plant is not None:
            plant(contents, source, patch)
        content = Content.model_validate({"source": "cms", "template": "t.html"})
        choice = Choice("s", content, Content(kind="html", html=FALLBACK))

        async def visit(visitor: Visitor) -> None:
            path, locale, country, param = visitor
            request = Request("GET", f"/{path}", b"", "https", {}, {"p": param})
            fill = contents.begin(Ask(choice, request, {"locale": locale, "country": country}, None, 0.0))
            results.append((visitor, (fill if isinstance(fill, Fill) else await fill).html))

        for visitors, wait, failing in waves:  # noqa: B007 - `failing` is read by the backend
            now += wait
            await asyncio.gather(*(visit(visitor) for visitor in visitors))
        await contents.close()
    server.close()
    if observer.failures:
        raise RuntimeError("a mistake of the test's own") from observer.failures[0]
    return results


def hold(
    seed: int, waves: list[tuple[list[Visitor], float, bool]], plant: Plant | None = None, patch: Any = None
) -> None:
    """The law itself."""
    for visitor, was_shown in asyncio.run(shown(seed, waves, plant, patch)):
        assert was_shown in (alone(visitor), FALLBACK), visitor
    if not any(fails for _, _, fails in waves):
        for visitor, was_shown in asyncio.run(shown(seed, waves, plant, patch)):
            assert was_shown == alone(visitor)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1000), WAVES)
def test_each_visitor_is_shown_what_they_alone_would_be_shown(seed: int, waves: list[Any]) -> None:
    """Concurrent visitors, hits, misses, stale content and failures never mix two visitors' content."""
    hold(seed, waves)


def a_missing_key_part(contents: Contents, source: HttpSource, patch: Any) -> None:
    real = source.key
    patch.setattr(source, "key", lambda ask: (*real(ask)[:-1], None))  # type: ignore[index]


def a_key_joined_without_a_delimiter(contents: Contents, source: HttpSource, patch: Any) -> None:
    key, fetch, apart = source.key, source.fetch, {}

    def joined(ask: Ask) -> str:
        parts: Any = key(ask)
        text = "".join(part or "" for part in parts)
        apart[text] = parts
        return text

    patch.setattr(source, "key", joined)
    patch.setattr(source, "fetch", lambda text: fetch(apart[text]))


def single_flight_by_path_only(contents: Contents, source: HttpSource, patch: Any) -> None:
    flights = contents._flights["cms"]
    fly = flights.fly

    def by_path(key: Any, waiter: Any) -> None:
        for other, flight in flights._by_key.items():
            if other[0] == key[0] and waiter is not None:  # type: ignore[index]
                flight.waiters.append(waiter)
                return
        fly(key, waiter)

    patch.setattr(flights, "fly", by_path)


def stale_of_any_segment(contents: Contents, source: HttpSource, patch: Any) -> None:
    flights = contents._flights["cms"]
    look, seen = flights.look, []

    def any_of_the_path(key: Any) -> Entry | None:
        found = look(key)
        if found is not None:
            seen.append((key, found))
            return found
        for other, entry in seen:
            if other[0] == key[0]:
                return Entry(entry.fragment, float("-inf"), float("-inf"), float("inf"))
        return None

    patch.setattr(flights, "look", any_of_the_path)


def state_on_self(contents: Contents, source: HttpSource, patch: Any) -> None:
    key, fetch, last = source.key, source.fetch, []

    def remembered(ask: Ask) -> Any:
        last[:] = [key(ask)]
        return last[0]

    patch.setattr(source, "key", remembered)
    patch.setattr(source, "fetch", lambda _: fetch(last[0]))


def rendered_without_the_params(contents: Contents, source: HttpSource, patch: Any) -> None:
    patch.setattr(contents_module, "moment", lambda ask: ())


@pytest.mark.parametrize(
    "plant",
    [
        a_missing_key_part,
        a_key_joined_without_a_delimiter,
        single_flight_by_path_only,
        stale_of_any_segment,
        state_on_self,
        rendered_without_the_params,
    ],
)
def test_the_law_catches_planted_bugs(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each known way of mixing up visitors makes the law fail within forty random days."""
    dice = random.Random(7)

    def visitor() -> Visitor:
        return (
            dice.choice("ab"),
            dice.choice([None, "", "x", "xy"]),
            dice.choice([None, "", "yz", "z"]),
            dice.choice("pq"),
        )

    with pytest.raises(AssertionError):
        for seed in range(40):
            waves = [([visitor() for _ in range(8)], dice.random() * 4, dice.random() < 0.5) for _ in range(4)]
            with monkeypatch.context() as patch:
                hold(seed, waves, plant, patch)
