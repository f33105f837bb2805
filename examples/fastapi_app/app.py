"""A FastAPI app with one line more: `uvicorn examples.fastapi_app.app:app`.

    curl localhost:8000/ -H 'Cookie: consent=granted' -H 'Accept-Language: tr'
"""

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from personalize import PersonalizeMiddleware

app = FastAPI()
app.add_middleware(PersonalizeMiddleware, config=Path(__file__).parent / "personalize.yaml")


@app.get("/", response_class=HTMLResponse)
async def home() -> str:
    return "<!doctype html><title>Hello</title><h1 id=greeting>Hello</h1>"
