"""Content from a class of your own: `uvicorn examples.custom_source.app:app`.

    curl localhost:8000/ -H 'CF-IPCountry: NO'
"""

from pathlib import Path

from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

from personalize import PersonalizeMiddleware


async def home(request: object) -> HTMLResponse:
    return HTMLResponse("<!doctype html><title>Coats</title><p data-slot=weather>Coats for every weather.</p>")


app = PersonalizeMiddleware(Starlette(routes=[Route("/", home)]), Path(__file__).parent / "personalize.yaml")
