"""The real, unmodified clients of OpenFeature's remote evaluation: Python's, and JavaScript's for servers and pages."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from personalize import PersonalizeMiddleware

from .test_asking import serving

KEY = "a-write-key"
PACKAGES = (
    "@openfeature/server-sdk@1", "@openfeature/ofrep-provider@0.1", "@openfeature/web-sdk@1",
    "@openfeature/ofrep-web-provider@0.4",
)  # fmt: skip
SITE = """
version: 1
store: memory
parts:
  offers: {star: {kind: challenge, points: 50}}
slots:
  hero:
    match: {path: "/"}
    template: hero.html
    experiences:
      - id: gold
        when: {custom.account.tier: gold}
        show: {parts: {headline: Gold, offer: offers.star}, vars: {points: 50, share: 0.5, big: true}}
"""


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        for _ in range(2):
            kind = (await receive())["type"]
            await send({"type": f"{kind}.complete"})


@pytest.fixture
def site_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], PersonalizeMiddleware]:
    """The site, with more written into its config."""
    monkeypatch.setenv("PERSONALIZE_WRITE_KEYS", KEY)
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "hero.html").write_text("{{ headline }}")

    def make(more: str = "") -> PersonalizeMiddleware:
        (tmp_path / "personalize.yaml").write_text(SITE + more)
        return PersonalizeMiddleware(nothing, tmp_path / "personalize.yaml")

    return make


async def test_b40_pythons_client_reads_every_type_and_waits_when_told(site_with: Any) -> None:
    """Text, integer, float, boolean and object; the reasons and metadata; a type that does not fit; and after 429 it
    asks no more until the time that Retry-After says."""
    api = pytest.importorskip("openfeature.api")
    ofrep = pytest.importorskip("openfeature.contrib.provider.ofrep")
    context_of = pytest.importorskip("openfeature.evaluation_context").EvaluationContext
    gold = context_of("ann", {"consent": "granted", "account": {"tier": "gold", "tags": ["a", 1, None]}})

    def client(url: str) -> Any:
        keyed = {"Authorization": f"Bearer {KEY}"}
        api.set_provider(ofrep.OFREPProvider(f"{url}/_personalize", headers_factory=lambda: keyed))
        return api.get_client()

    def typed(url: str) -> None:
        flags = client(url)
        assert flags.get_string_value("hero.headline", "", gold) == "Gold"
        assert flags.get_integer_value("hero.points", 0, gold) == 50
        assert flags.get_float_value("hero.share", 0.0, gold) == 0.5
        assert flags.get_boolean_value("hero.big", False, gold) is True
        told = flags.get_object_details("hero.offer", {}, gold)
        assert told.value == {"kind": "challenge", "points": 50} and told.variant == "gold"
        assert told.flag_metadata == {"slot": "hero", "reason": "experience"}
        assert flags.get_string_details("hero.points", "x", gold).error_code.value == "TYPE_MISMATCH"
        assert flags.get_string_details("hero.headline", "x", context_of("ann")).value == "x", "no consent: the default"
        assert flags.get_string_details("hero", "x", context_of()).error_code.value == "TARGETING_KEY_MISSING"
        bad = context_of("ann", {"consent": "perhaps"})
        assert flags.get_string_details("hero", "x", bad).error_code.value == "INVALID_CONTEXT"
        assert flags.get_string_details("höro & co", "x", gold).error_code.value == "FLAG_NOT_FOUND"

    def limited(url: str) -> None:
        flags = client(url)
        told = [flags.get_string_details("hero", "x", gold) for _ in range(12)]
        assert [one.value for one in told] == ["gold"] * 10 + ["x"] * 2
        assert "retry after" in told[10].error_message and "paused" in told[11].error_message

    with serving(site_with()) as url:
        await asyncio.to_thread(typed, url)
    with serving(site_with("site: {limits: {server: 1}}\n")) as url:
        await asyncio.to_thread(limited, url)


@pytest.fixture(scope="session")
def modules(installed: Callable[[str, Sequence[str]], Path]) -> Path:
    """The folder with JavaScript's clients."""
    return installed("openfeature-clients", PACKAGES)


SERVER = """
const { OpenFeature } = require("@openfeature/server-sdk");
const { OFREPProvider } = require("@openfeature/ofrep-provider");
(async () => {
  const headers = [["X-API-Key", KEY]];
  await OpenFeature.setProviderAndWait(new OFREPProvider({ baseUrl: BASE, headers }));
  const client = OpenFeature.getClient();
  const gold = { targetingKey: "ann", consent: "granted", account: { tier: "gold" } };
  const told = {};
  for (const key of ["hero", "hero.headline", "hero/gold", "hero.points", "hero.offer", "nowhere"]) {
    const kind = { "hero/gold": "Boolean", "hero.points": "Number", "hero.offer": "Object" }[key] || "String";
    const fallback = { Boolean: false, Number: 0, Object: {}, String: "x" }[kind];
    const found = await client[`get${kind}Details`](key, fallback, gold);
    told[key] = [found.value, found.reason, found.errorCode || null];
  }
  const nobody = await client.getStringDetails("hero", "x", {});
  told.nobody = [nobody.value, nobody.reason, nobody.errorCode];
  console.log(JSON.stringify(told));
})();
"""
WEB = """
const { OpenFeature } = require("@openfeature/web-sdk");
const { OFREPWebProvider } = require("@openfeature/ofrep-web-provider");
(async () => {
  const plain = globalThis.fetch, asked = [];
  const fetchImplementation = async (...of) => {
    const answer = await plain(...of);
    asked.push([answer.status, answer.headers.get("etag")]);
    return answer;
  };
  const headers = [["X-API-Key", KEY]];
  const provider = new OFREPWebProvider({ baseUrl: BASE, headers, fetchImplementation, pollInterval: 50 });
  await OpenFeature.setContext({ targetingKey: "ann", consent: "granted", account: { tier: "gold" } });
  await OpenFeature.setProviderAndWait(provider);
  const client = OpenFeature.getClient();
  const told = { gold: [client.getStringValue("hero", "x"), client.getNumberValue("hero.points", 0)] };
  told.offer = client.getObjectValue("hero.offer", {});
  while (asked.length < 3) await new Promise((done) => setTimeout(done, 20));
  told.asked = asked.map(([status]) => status).slice(0, 3);
  await OpenFeature.setContext({ targetingKey: "ann", consent: "granted" });
  told.plain = client.getStringValue("hero", "x");
  told.missing = client.getStringDetails("nowhere", "x").errorCode;
  console.log(JSON.stringify(told));
  process.exit(0);
})();
"""


def run(modules: Path, program: str, url: str) -> Any:
    """The JSON that a program prints."""
    told = f"const KEY = {json.dumps(KEY)}, BASE = {json.dumps(url + '/_personalize')};{program}"
    done = subprocess.run(["node", "-e", told], cwd=modules, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stdout, done.stderr
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.mark.slow
async def test_b40_javascripts_client_for_servers(site_with: Any, modules: Path) -> None:
    """Every type, a key with a slash, an unknown flag and a missing targeting key."""
    with serving(site_with()) as url:
        told = await asyncio.to_thread(run, modules, SERVER, url)
    assert told == {
        "hero": ["gold", "TARGETING_MATCH", None], "hero.headline": ["Gold", "TARGETING_MATCH", None],
        "hero/gold": [True, "TARGETING_MATCH", None], "hero.points": [50, "TARGETING_MATCH", None],
        "hero.offer": [{"kind": "challenge", "points": 50}, "TARGETING_MATCH", None],
        "nowhere": ["x", "ERROR", "FLAG_NOT_FOUND"], "nobody": ["x", "ERROR", "TARGETING_KEY_MISSING"],
    }  # fmt: skip


@pytest.mark.slow
async def test_b40_javascripts_client_for_pages(site_with: Any, modules: Path) -> None:
    """All flags at once; what is asked again is answered with 304 while nothing changed; another context has others."""
    with serving(site_with()) as url:
        told = await asyncio.to_thread(run, modules, WEB, url)
    assert told == {
        "gold": ["gold", 50], "offer": {"kind": "challenge", "points": 50}, "asked": [200, 304, 304], "plain": "x",
        "missing": "FLAG_NOT_FOUND",
    }  # fmt: skip
