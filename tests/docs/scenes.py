"""What the pages of the docs suppose: the files beside a reader's config, and what is in the log."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from personalize import PersonalizeMiddleware
from personalize.model import Event
from personalize.stores import SqliteStore
from personalize.testing import Answer

VENV = "python3 -m venv .venv && . .venv/bin/activate"
# Blocks that are not run, by page and first line, each with the reason.
NOT_RUN = {
    ("README.md", f"{VENV} && pip install -q -e '.[demo]' && python -m examples.shop"):
        "installs; tests/e2e/test_shop.py runs the demo",
    ("README.md", f"{VENV} && pip install -q -e '.[test]' && python -m pytest -n auto"):
        "installs, and runs these tests",
    ("README.md", "pip install '.[serve]'"): "installs",
    ("docs/tutorial/first-page.md", VENV): "installs",
    ("docs/tutorial/first-page.md", "uvicorn shop:app"): "serves for ever; test_the_first_pages_are_served does it",
    ("docs/explanation/proofs.md", "$ python -m proofs.extents"): "takes minutes, and two thousand pages",
    ("docs/how-to/scale-up.md", "personalize copy-store sqlite:///.personalize/log.db postgresql://shop@db.internal/shop"):
        "no such server here; tests/upkeep copies logs between stores",
}  # fmt: skip
# Commands that are meant to find a problem, by page and command.
STATUS = {
    ("docs/how-to/import-events.md", "personalize import tills.csv"): 1,
    ("docs/how-to/test-your-config.md", "personalize check --strict personalize.yaml"): 1,  # it has unused segments
    ("docs/reference/problems.md", "personalize check persnalize.yaml"): 1,
}
# What stands before a pipe, and what it would print.
PIPED = {
    "curl -s http://localhost:3000/": b"<body><div id='__next'><h1 data-slot='hero'>Hi</h1></div></body>",
    "curl -s http://localhost:8000/": b"<body><h1 data-slot='hero'>Hi</h1></body>",
}
# Pages whose reader has a site that was visited.
SERVED = (
    "first-page.md", "an-ab-test.md", "test-your-config.md", "preview-and-pause.md", "let-a-bandit-allocate.md",
    "run-an-experiment.md",
)  # fmt: skip

CONFIG = """\
version: 1
segments:
  returning-mobile: {all: [{visits: {gte: 2}}, {device.type: mobile}]}
  big-basket: {all: [{cart.value: {gte: 100}}]}
  winter-fans: {all: [{traits.season: winter}]}
slots:
  hero:
    match: {path: "/"}
    experiences: [{id: winter, show: {html: "<h1>Winter</h1>"}}]
"""


def furnish(base: Path) -> None:
    """The files that configs in the docs name, and the config that a page supposes which shows none."""
    (base / "personalize.yaml").write_text(CONFIG, "utf-8")
    (base / "proposed.yaml").write_text(CONFIG.replace("Winter", "Spring"), "utf-8")
    (base / "products.jsonl").write_text('{"id": "1", "title": "Soap", "link": "/p/1", "price": "3.00 EUR"}\n')
    (base / "vip.csv").write_text("user_id\n42\n")
    templates = {
        "hero.html": "<h1>{{ headline }}</h1>{% if offer %}<p>{{ offer }}</p>{% endif %}",
        "proof.html": "{{ count }}",
    }
    templates["carousel.html"] = "{% for p in items %}{{ p.title }}{% endfor %}"
    (base / "templates").mkdir()
    for name, text in templates.items():
        (base / "templates" / name).write_text(text)
    (base / "shop").mkdir()
    (base / "shop" / "models.py").write_text(
        "class LikelyBuyers:\n    def __init__(self, options):\n        pass\n\n"
        "    async def members(self, segment):\n        yield '42'\n"
    )
    rule = {"type": "force", "value": "warm"}
    features = {"greeting": {"defaultValue": "plain", "rules": [rule]}}
    (base / "payload.json").write_text(json.dumps({"features": features}))
    rows = [f"Order Completed;2026-05-01 10:00;{n};{n:04};soap|milk;6.50" for n in range(1205)]
    rows[15] = "Order Completed;yesterday;42;0012;soap|milk;6.50"
    (base / "tills.csv").write_text("event;time;user_id;loyalty_id;products;revenue\n" + "\n".join(rows) + "\n")


def record(page: str, base: Path) -> None:
    """What the log of a page's reader holds before the page begins."""
    if page.endswith("connect-ids.md"):
        browsers = [Event(f"p{n}", "Page Viewed", 1.0, n * 32, {"path": "/"}) for n in "345"]
        links = [
            ("3" * 32, "user_id", "2"),
            ("4" * 32, "user_id", "3"),
            ("u:3", "loyalty", "9"),
            ("u:2", "loyalty", "9"),
        ]
        told = [
            Event(f"l{n}", "User Identified", 10.0 + n, who, {"$via": "server", "$ids": {kind: id_}})
            for n, (who, kind, id_) in enumerate(links)
        ]
        write(base, [*browsers[:2], *told, browsers[2]])
    if page.endswith("ask-for-decisions.md"):
        write(base, [Event("1", "Product Viewed", 1.0, "u:ann", {"$via": "server", "product_id": "1"})])
    if page.endswith("answer-requests-about-data.md"):
        write(base, [Event("1", "User Identified", 1.0, "u:42", {"$via": "server", "traits": {"tier": "gold"}})])
    if page.endswith(SERVED):
        write(base, [Event("1", "Page Viewed", 1.0, "1" * 32, {"path": "/"})])
    if page.endswith("import-events.md"):
        told = {"$via": "import", "traits": {"season": "winter", "email": "a@b.example"}}
        write(base, [Event(f"f{n}", "User Identified", 1.0, f"u:{n + 5000}", told) for n in range(2318)])


def write(base: Path, events: list[Event]) -> None:
    async def append() -> None:
        store = SqliteStore(base / ".personalize" / "log.db")
        await store.open()
        await store.append(events)
        await store.close()

    asyncio.run(append())


def names(page: str) -> dict[str, Any]:
    """What a Python block of a page may name besides what it imports."""
    if page.endswith("connect-ids.md"):
        import segment.analytics as analytics

        os.environ.setdefault("PERSONALIZE_WRITE_KEYS", "a-key")
        analytics.send = False  # nothing listens at shop.example
        app = PersonalizeMiddleware(Answer(b""), {"version": 1, "site": {"consent": {"default": "granted"}}})
        scope = {"type": "http", "method": "POST", "path": "/login", "headers": []}
        return {"app": app, "request": SimpleNamespace(scope=scope)}
    return {}
