"""The visitor's own page in a real Chromium: whoever comes can read it and use it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.browser]

PAGE = b"<!doctype html><title>Shop</title><div data-slot=hero></div>"
TOLD = {
    "traits": {"tier": "gold", "points": 1250, "newsletter": True, "city": "\u0130zmir", "a-long-name" * 5: "x" * 80}
}

# The headings of the rows that have less room than their longest word.
TORN = """[...document.querySelectorAll("th")].filter(th => {
    const probe = document.createElement("span")
    probe.style = "display:inline-block; inline-size:min-content; overflow-wrap:normal"
    probe.textContent = th.textContent
    th.append(probe)
    const needed = probe.offsetWidth, style = getComputedStyle(th)
    probe.remove()
    return needed > th.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight) + 1
}).map(th => th.textContent)"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "tr", "fa"])
def test_b45_the_page_can_be_read_and_used_by_everybody(
    modules: Path, serve_pages: Any, chromium: Any, language: str, scheme: str
) -> None:
    """axe-core finds nothing against it by WCAG 2.2 AA and its own practices, in each language, light and dark; it fits
    a phone without a torn word; and its forms work by keyboard alone, without scripts."""
    axe = (modules / "node_modules" / "axe-core" / "axe.min.js").read_text()
    with serve_pages({"/": PAGE}) as server:
        page = chromium.browser.new_context(
            user_agent="Mozilla/5.0 (X11; Linux x86_64) Chrome/150.0", color_scheme=scheme, bypass_csp=True,
            viewport={"width": 360, "height": 700},
        ).new_page()  # fmt: skip
        page.goto(f"{server.origin}/")
        tell = "body => fetch('/_personalize/v1/i', {method: 'POST', body}).then(reply => reply.status)"
        assert page.evaluate(tell, json.dumps(TOLD)) == 200
        page.goto(f"{server.origin}/_personalize/me?lang={language}")
        page.evaluate(axe)
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
        found = page.evaluate("tags => axe.run(document, {runOnly: tags}).then(found => found.violations)", tags)
        assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        assert page.evaluate(TORN) == []
        assert page.evaluate("[document.documentElement.lang, getComputedStyle(document.body).direction]") == [
            language, "rtl" if language == "fa" else "ltr",
        ]  # fmt: skip
        page.locator("input[name=value]").first.focus()
        page.keyboard.press("Control+A")
        page.keyboard.type("silver")
        page.keyboard.press("Enter")
        page.wait_for_url("**done=saved")
        assert page.locator("[role=status]").count() == 1
        values = page.locator("input[name=value]").evaluate_all("fields => fields.map(field => field.value)")
        assert values[-1] == "silver"
