"""The demo's CMS: another team's backend that gives each category its banner, and that can be broken on purpose."""

from __future__ import annotations

from html import escape
from typing import Literal, get_args

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

Mode = Literal["works", "hangs", "fails"]
MODES: tuple[str, ...] = get_args(Mode)

SIGN = b"This season, from our editors"  # stands in every banner
SEASON = {  # category -> headline, text, offer
    "bath-care": (
        "Bubbles before snow",
        "Dark early, warm water, nobody knocking.",
        "A soap with every towel set",
    ),
    "household": (
        "Candle weather",
        "The evening begins at four. Make it a good one.",
        "Three candles for the price of two",
    ),
    "kitchen": (
        "Soup weather",
        "One heavy pot, one long afternoon, one spoon each.",
        "Free recipe booklet with every pot",
    ),
    "snow-outdoor": (
        "It smells of snow",
        "The forecast is vague. The sled is not.",
        "Sled wax with every sled",
    ),
    "books": (
        "Reading weeks",
        "Eleven books for long evenings, chosen by people who read them.",
        "A bookmark from our binder",
    ),
    "plants-garden": (
        "Green through the grey",
        "Plants that do not mind a north window.",
        "Repotting on us, all month",
    ),
    "desk-paper": (
        "Letters to be written",
        "Somebody would like to hear from you. On paper.",
        "Twelve stamps with every letter set",
    ),
    "pantry": (
        "The long breakfast",
        "Coffee, honey, granola, and nowhere to be.",
        "Tasting on Saturdays, ten to four",
    ),
}


class Cms:
    """Answers GET /cms/banner/{category}. `mode` says how well it is today; `asked` counts its requests."""

    def __init__(self) -> None:
        self.mode: str = "works"
        self.asked = 0

    def become(self, mode: str) -> None:
        """Raises ValueError for a mode that is none."""
        if mode not in MODES:
            raise ValueError(mode)
        self.mode = mode

    async def banner(self, request: Request) -> Response:
        self.asked += 1
        if self.mode == "hangs":
            while (await request.receive())["type"] != "http.disconnect":  # until whoever asked has given up
                pass
        if self.mode == "fails":
            return PlainTextResponse("the disk is full", 503)
        slug = request.path_params["category"]
        if slug not in SEASON:
            return PlainTextResponse("no such banner", 404)
        headline, text, offer = map(escape, SEASON[slug])
        return HTMLResponse(
            f'<img src="/img/wide/{slug}.svg" alt="" width="1600" height="720">\n'
            f'<div class="words"><p class="eyebrow">{SIGN.decode()}</p><h1>{headline}</h1><p>{text}</p>'
            f'<p class="offer">{offer}</p></div>'
        )
