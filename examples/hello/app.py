"""The smallest personalized site: an app of any kind, one middleware, one file of rules.

Run it with `uvicorn examples.hello.app:app`, then ask twice:

    curl localhost:8000/                                                          the page as it is
    curl 'localhost:8000/?utm_campaign=spring' -H 'Cookie: consent=granted'       greeted by the campaign
"""

from pathlib import Path

from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

from personalize import PersonalizeMiddleware


async def home(request: object) -> HTMLResponse:
    return HTMLResponse("<!doctype html><title>Hello</title><h1 data-slot=greeting>Hello, world</h1>")


app = PersonalizeMiddleware(Starlette(routes=[Route("/", home)]), Path(__file__).parent / "personalize.yaml")
