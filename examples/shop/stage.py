"""The stage around the shop. It plays the browser: who is visiting, on what device, by which link. The shop and its
personalization run as they would anywhere; the stage only asks the engine why."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import time
from collections.abc import AsyncIterator
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

from personalize import PersonalizeMiddleware
from personalize.explain import explain, read_url
from personalize.model import Problem
from personalize.observe import LogObserver
from personalize.stores import open_store
from personalize.visit import read_request
from personalize.visitor import secret_keys
from personalize.visitor.identity import IdCookie

from .app import app as plain_shop
from .cms import MODES, Cms
from .personas import PERSONAS, Persona
from .portraits import portrait
from .seed import shop_life
from .timing import PageTimes

HERE = Path(__file__).parent
CONFIG = HERE / "personalize.yaml"
PERSONA, PLAIN = "stage_persona", "stage_plain"  # the stage's own cookies; the shop never sees them
# What a redirect takes on a real line. On this machine the next page would be asked for within two milliseconds, before
# the log has written what the visitor just did.
ROUND_TRIP = 0.15
WATCHED = 4.0  # seconds without a look from the stage's page after which the passer-by stays at home


class Stage:
    """An ASGI app: the stage under /stage, the demo's CMS under /cms, the shop everywhere else."""

    def __init__(self, config: Path | str = CONFIG) -> None:
        os.environ.setdefault("PERSONALIZE_SECRET", secrets.token_urlsafe(32))
        self.observer = LogObserver()
        self.cms = Cms()
        self.shop = PersonalizeMiddleware(plain_shop, config, observer=self.observer)
        self.times = PageTimes(self.shop, self.observer)
        self._looked = 0.0
        self._arrives = 0.0
        self._ids = {p.id: p.visitor for p in PERSONAS}
        self._templates = Jinja2Templates(directory=HERE / "stage_page")
        self._house = Starlette(
            routes=[
                Route("/stage", self.page),
                Route("/stage/api/become/{persona}", self.become, methods=["POST"]),
                Route("/stage/api/plain/{onoff}", self.show_plain, methods=["POST"]),
                Route("/stage/api/backend/{mode}", self.break_backend, methods=["POST"]),
                Route("/stage/api/explain", self.explain),
                Route("/stage/api/status", self.status),
                Mount("/stage/static", StaticFiles(directory=HERE / "stage_page")),
                Route("/cms/banner/{category}", self.cms.banner),
            ],
            lifespan=self._life,
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"].startswith(("/stage", "/cms")):
            await self._house(scope, receive, send)
            return
        plain = self._own_cookies(scope).get(PLAIN) == "on"
        await asyncio.sleep(max(0.0, self._arrives - time.monotonic()))
        await (plain_shop if plain else self.times)(self._as_browser(scope), receive, send)
        if scope["method"] == "POST":
            self._arrives = time.monotonic() + ROUND_TRIP

    # --- playing the browser -------------------------------------------------------------------------------

    def _own_cookies(self, scope: Any) -> dict[str, str]:
        jar: SimpleCookie = SimpleCookie()
        with contextlib.suppress(CookieError):
            jar.load(b"; ".join(v for k, v in scope["headers"] if k == b"cookie").decode("latin-1"))
        return {name: jar[name].value for name in (PERSONA, PLAIN) if name in jar}

    def _as_browser(self, scope: Any) -> Any:
        """The request as the persona's browser would send it: its user agent, and none of the stage's cookies."""
        agent = next((p.agent for p in PERSONAS if p.id == self._own_cookies(scope).get(PERSONA)), None)
        headers = []
        for name, value in scope["headers"]:
            if name == b"cookie":
                kept = [c for c in value.split(b"; ") if not c.startswith(b"stage_")]
                if kept:
                    headers.append((name, b"; ".join(kept)))
            elif name == b"user-agent" and agent:
                headers.append((name, agent.encode()))
            else:
                headers.append((name, value))
        return {**scope, "headers": headers}

    async def become(self, request: Request) -> Response:
        """Hand the browser a persona's cookies: consent, the signed id of somebody with a history, an empty basket."""
        persona = self._persona(request)
        if "again" in request.query_params and persona.visitor:
            self._ids[persona.id] = visitor = f"{persona.visitor}-{secrets.token_hex(3)}"
            for event in persona.history(visitor, time.time()):
                self.shop.engine.history.record(event)
        response = JSONResponse({"landing": persona.landing, "phone": persona.agent is not None})
        keep: dict[str, Any] = {"path": "/", "samesite": "lax"}
        response.set_cookie(PERSONA, persona.id, **keep)
        response.set_cookie("consent", persona.consent, **keep)
        response.delete_cookie("cart", path="/")
        response.delete_cookie(PLAIN, path="/")
        response.raw_headers.append((b"set-cookie", self._id_cookie(self._ids[persona.id])))
        return response

    def _id_cookie(self, visitor: str | None) -> bytes:
        config = self.shop.engine.config
        cookie = IdCookie(config.site.cookie, secret_keys(os.environ, config.base))
        return cookie.expire(plain=True) if visitor is None else cookie.issue(visitor, time.time(), plain=True)

    def _persona(self, request: Request) -> Persona:
        self._same_origin(request)
        found = next((p for p in PERSONAS if p.id == request.path_params["persona"]), None)
        if found is None:
            raise HTTPException(404)
        return found

    @staticmethod
    def _same_origin(request: Request) -> None:
        """Only the stage's own page may change something: a foreign page cannot send this header."""
        if request.headers.get("x-stage") != "1":
            raise HTTPException(403)

    async def show_plain(self, request: Request) -> Response:
        self._same_origin(request)
        response = JSONResponse({})
        response.set_cookie(PLAIN, "on" if request.path_params["onoff"] == "on" else "off", path="/", samesite="lax")
        return response

    async def break_backend(self, request: Request) -> Response:
        self._same_origin(request)
        if (mode := request.path_params["mode"]) not in MODES:
            raise HTTPException(404)
        self.cms.become(mode)
        return JSONResponse({"mode": mode})

    # --- what is going on ----------------------------------------------------------------------------------

    async def page(self, request: Request) -> Response:
        current = request.cookies.get(PERSONA, "")
        faces = {p.id: portrait(p.id) for p in PERSONAS}
        values = {"personas": PERSONAS, "faces": faces, "current": current, "file": shown(CONFIG)}
        return self._templates.TemplateResponse(request, "stage.html", values)

    async def explain(self, request: Request) -> Response:
        """Every slot of a page for this browser: what won, where that stands, and the tree of reasons."""
        path, _, query = request.query_params.get("path", "/").partition("?")
        scope = self._as_browser({**request.scope, "path": path, "query_string": query.encode()})
        engine = self.shop.engine
        told = (await explain(engine, read_request(scope, {}), time.time())).as_json()
        for slot in told["slots"]:
            match = engine.config.slots[slot["slot"]].match
            slot["find"] = {"selector": match.element, "comment": match.comment}
            slot["mark"] = _shorter(slot["mark"])
        return JSONResponse({k: told[k] for k in ("path", "identity", "segments", "slots")})

    async def status(self, request: Request) -> Response:
        """What the strip shows all the time; asked for once a second."""
        self._looked = time.monotonic()
        watcher = self.shop.watcher
        problems = watcher.rejected.problems if watcher.rejected is not None else ()
        return JSONResponse(
            {
                "revision": watcher.revision,
                "problems": [_problem(p) for p in problems],
                "backend": {
                    "mode": self.cms.mode,
                    "asked": self.cms.asked,
                    "breaker": "open" if self.observer.states.get("source cms", "").startswith("open") else "closed",
                },
                "times": list(self.times.kept),
                "budget": self.shop.engine.config.site.budget * 1000,
            }
        )

    # --- the life of the demo ------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _life(self, _: Starlette) -> AsyncIterator[None]:
        await self._seed()
        await self.shop.start()
        await self._warm()
        strolling = asyncio.create_task(self._stroll(), name="passer-by")
        try:
            yield
        finally:
            strolling.cancel()
            self.cms.become("works")
            await self.shop.close()

    async def _seed(self) -> None:
        """Write the shop's past into the log before it opens."""
        now = time.time()
        events = shop_life(now) + [e for p in PERSONAS if p.visitor for e in p.history(p.visitor, now)]
        config = self.shop.engine.config
        store = (
            self.shop.engine.history.store
            if config.store == "memory"
            else open_store(config.store, config.base, self.observer)
        )
        await store.open()
        await store.append(sorted(events, key=lambda e: e.time))
        if store is not self.shop.engine.history.store:
            await store.close()

    async def _warm(self) -> None:
        """Load now what is loaded when first needed (device rules, templates): no page in the chart pays for it."""
        engine = self.shop.engine
        for path in ("/", "/p/mint-toothpaste"):
            await self.times.pass_by(path)
            await explain(engine, read_url(path), time.time(), tuple(engine.config.segments))

    async def _stroll(self) -> None:
        """While somebody looks at the stage, a passer-by opens a page twice a second."""
        await asyncio.sleep(0.5)
        await self.times.pass_by()  # the first connection to the CMS
        self.times.kept.clear()
        while True:
            await asyncio.sleep(0.5)
            if time.monotonic() - self._looked < WATCHED:
                await self.times.pass_by()


def _problem(problem: Problem) -> dict[str, Any]:
    line = problem.source_line.lstrip()
    caret = " " * max(0, problem.mark.column - 1 - (len(problem.source_line) - len(line))) + "^"
    return {
        "where": _shorter(str(problem.mark)), "code": problem.code, "message": problem.message, "hint": problem.hint,
        "line": line, "caret": caret if line else "",
    }  # fmt: skip


def shown(path: Path) -> str:
    """A path as one would type it here."""
    with contextlib.suppress(ValueError):
        return str(path.resolve().relative_to(Path.cwd()))
    return str(path)


def _shorter(mark: str) -> str:
    """ "/long/way/personalize.yaml:81:9" -> "personalize.yaml:81"."""
    file, line, _ = mark.rsplit(":", 2)
    return f"{Path(file).name}:{line}" if line != "0" else Path(file).name
