"""OpenFeature's client for pages, unmodified and bundled, in a real Chromium on the site's own page."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

PACKAGES = ("@openfeature/web-sdk@1", "@openfeature/ofrep-web-provider@0.4", "esbuild@0")
APP = """
import { OpenFeature, ProviderEvents } from "@openfeature/web-sdk";
import { OFREPWebProvider } from "@openfeature/ofrep-web-provider";
const statuses = [];
const fetchImplementation = async (...of) => {
  const answer = await fetch(...of);
  statuses.push(answer.status);
  return answer;
};
const say = (told) => document.body.append(
  Object.assign(document.createElement("output"), { textContent: JSON.stringify(told) }));
const read = (client) => ({
  hero: client.getStringValue("hero", "x"), sale: client.getBooleanValue("hero/sale", false),
  variant: client.getStringValue("hero-test", "x"), missing: client.getStringDetails("nowhere", "x").errorCode,
  points: client.getNumberValue("hero.points", 0),
});
(async () => {
  const baseUrl = location.origin + "/_personalize";
  const provider = new OFREPWebProvider({ baseUrl, fetchImplementation, pollInterval: 100 });
  await OpenFeature.setContext({ url: location.href, targetingKey: "somebody-else", vip: true });
  await OpenFeature.setProviderAndWait(provider);
  const client = OpenFeature.getClient();
  const told = { here: read(client) };
  while (statuses.length < 3) await new Promise((done) => setTimeout(done, 20));
  told.statuses = statuses.slice(0, 3);
  await OpenFeature.setContext({ url: location.origin + "/?see=nothing" });
  told.there = read(client);
  await OpenFeature.close();
  say(told);
})().catch((error) => say({ error: String(error) }));
"""
VARIANTS = [{"id": "a", "html": "a", "weight": 1}, {"id": "b", "html": "b", "weight": 0}]
HERO = {
    "match": {"path": "/"},
    "template": "hero.html",
    "experiences": [
        {"id": "vip", "when": {"custom.vip": True}, "show": {"html": "VIP"}},
        {"id": "sale", "when": {"query.see": "sale"}, "show": {"parts": {"headline": "Sale"}, "vars": {"points": 50}}},
        {"id": "test", "experiment": {"key": "hero-test", "variants": VARIANTS}},
    ],
}


@pytest.fixture(scope="session")
def bundle(installed: Callable[[str, Sequence[str]], Path], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The page's script, as a site's own build makes it."""
    folder = installed("openfeature-in-a-page", PACKAGES)
    out = tmp_path_factory.mktemp("bundle") / "app.js"
    command = [folder / "node_modules" / ".bin" / "esbuild", "--bundle", "--format=iife", f"--outfile={out}"]
    subprocess.run([*command, "--log-level=error"], cwd=folder, input=APP.encode(), check=True, timeout=60)
    return out.read_bytes()


@pytest.mark.browser
@pytest.mark.slow
def test_b40_the_client_for_pages_reads_what_its_own_visitor_gets(
    serve_pages: Any, chromium: Any, bundle: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the cookie that no script can read, under a strict CSP: what a page says of the visitor beyond its address
    counts for nothing, what is asked again is answered with 304, another address has other flags, and asking shows
    nothing to anybody."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "hero.html").write_text("{{ headline }}")
    monkeypatch.chdir(tmp_path)
    page = b'<!doctype html><title>-</title><div data-slot="hero"></div><script src="/app.js"></script>'
    with serve_pages({"/": page, "/app.js": bundle}, slots={"hero": HERO}) as server:
        tab = chromium.new_page()
        tab.goto(f"{server.origin}/?see=sale")
        told = json.loads(tab.locator("output").text_content())
        assert told == {
            "here": {"hero": "sale", "sale": True, "variant": "x", "missing": "FLAG_NOT_FOUND", "points": 50},
            "statuses": [200, 304, 304],
            "there": {"hero": "test", "sale": False, "variant": "a", "missing": "FLAG_NOT_FOUND", "points": 0},
        }
        assert [event.name for event in server.events()] == ["Page Viewed"]
