"""Behaviours of the visitor's own page: seen, corrected, taken along, erased, refused; and nobody else's."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlencode, urljoin

import pytest

from personalize.errors import StoreError
from personalize.model import Event
from personalize.profiles import Profiles
from personalize.testing import Response, call

CONFIG = """
version: 1
store: {store}
timezone: Europe/Istanbul
catalogue: {{file: products.jsonl}}
sources: {{recs: {{use: recommendations}}}}
site:
  signals:
    - {{path: "/p/{{product}}", event: Product Viewed, item: "{{product}}"}}
segments:
  gold: {{label: Gold card, all: [{{traits.tier: gold}}]}}
slots:
  hero:
    match: {{path: "/", element: "[data-slot=hero]"}}
    experiences:
      - {{id: gold, when: gold, show: {{html: "<h1>Gold</h1>"}}, why: You have a gold card.}}
      - {{id: boats, when: {{traits.interests: {{in: [boat]}}}}, show: {{html: "<h1>Boats</h1>"}}}}
      - {{id: greet, show: {{html: "<h1>Hello again</h1>"}}, why: You were here before.}}
"""
STORES = ["memory", "sqlite"]


class Person:
    """A browser that keeps cookies and fills in forms."""

    def __init__(self, app: Any, **cookies: str) -> None:
        self.app = app
        self.cookies: dict[str, str] = {"consent": "granted", **cookies}

    @property
    def id(self) -> str:
        return self.cookies["__Host-pz"].partition(".")[0]

    async def get(self, path: str, query: str = "", **headers: str) -> Response:
        return await self._send("GET", path, query, b"", headers)

    async def post(self, path: str, fields: dict[str, Any], **headers: str) -> Response:
        sent = {"content-type": "application/x-www-form-urlencoded", **headers}
        return await self._send("POST", path, "", urlencode(fields, doseq=True).encode(), sent)

    async def submit(self, do: str, **fields: Any) -> Response:
        """Press the button of one of the page's own forms."""
        page = (await self.get("/_personalize/me")).body.decode()
        token = re.search(r'name="token" value="([^"]+)"', page)
        assert token is not None
        return await self.post(f"/_personalize/me/{do}", {"token": token[1], **fields})

    async def _send(self, method: str, path: str, query: str, body: bytes, headers: dict[str, str]) -> Response:
        pairs = [(b"user-agent", b"Mozilla/5.0 Firefox/140.0")]
        pairs += [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        response = await call(
            self.app, path, method=method, query=query.encode(), headers=pairs, body=body, cookies=self.cookies,
            scheme="https", host="shop.example",
        )  # fmt: skip
        for name, value in response.headers:
            if name == b"set-cookie":
                key, _, rest = value.decode().partition("=")
                self.cookies[key] = rest.partition(";")[0]
                if "Max-Age=0" in rest:
                    del self.cookies[key]
        await self.app.watcher.history.log.flush()
        return response

    def is_told(self, **traits: Any) -> Event:
        return Event(f"crm-{self.id}-{'-'.join(traits)}", "User Identified", self.app._clock(), self.id,
                     {"traits": traits, "provenance": {"party": "second", "source": "airline"}})  # fmt: skip


async def told(app: Any, *events: Event) -> None:
    for event in events:
        app.watcher.history.record(event)
    await app.watcher.history.log.flush()


@pytest.fixture(params=STORES)
async def app(request: Any, site: Any) -> Any:
    return await site(CONFIG.format(store=request.param))


async def test_b45_a_visitor_sees_what_is_known_where_from_and_why(app: Any) -> None:
    """The page lists visits, views, groups and details with their origin, and why each slot showed what it did."""
    ann = Person(app)
    await ann.get("/")
    await ann.get("/p/p3")
    await told(app, ann.is_told(tier="gold"))
    assert b"<h1>Gold</h1>" in (await ann.get("/")).body
    response = await ann.get("/_personalize/me")
    page = response.body.decode()
    assert response.status == 200
    for said in ("Product 3", "tier", "gold", "a partner (<bdi>airline</bdi>)", "Gold card", "You have a gold card."):
        assert said in page
    assert "You were here before." not in page, "the slot's newest reason counts"
    assert dict(response.headers)[b"cache-control"] == b"private, no-store"
    assert b"script" not in response.body


async def test_b45_a_correction_counts_on_the_next_page(app: Any) -> None:
    """What the visitor corrects or removes changes the next page, and the page then says who said it."""
    ann = Person(app)
    await ann.get("/")
    await told(app, ann.is_told(tier="gold", age=40))
    saved = await ann.submit("correct", trait="age", value="41")
    assert (saved.status, dict(saved.headers)[b"location"]) == (303, b"../me?lang=en&done=saved")
    profile = await app.watcher.history.profiles.load(ann.id)
    assert profile.traits == {"tier": "gold", "age": 41} and profile.provenance["age"].source == "visitor"
    assert "you told us" in (await ann.get("/_personalize/me")).body.decode()
    await ann.submit("remove", trait="tier")
    assert b"<h1>Hello again</h1>" in (await ann.get("/")).body
    await ann.submit("correct", trait="invented", value="x")
    assert profile.traits == {"age": 41} and profile.provenance.keys() == {"age"}


async def test_b45_what_was_removed_or_corrected_does_not_come_back(app: Any, clock: Any) -> None:
    """A file of before or after, of whoever, says nothing against the visitor's own word, until they allow it."""
    ann = Person(app)
    await ann.get("/")
    old = clock.now - 86_400
    await told(app, ann.is_told(tier="gold", age=40))
    clock.now += 60
    await ann.submit("remove", trait="tier")
    await ann.submit("correct", trait="age", value="41")
    for number, (time, source) in enumerate(((old, "crm"), (clock.now, "airline"), (clock.now + 60, "crm"))):
        said = {"traits": {"tier": "gold", "age": 39}, "provenance": {"party": "first", "source": source}}
        await told(app, Event(f"file-{number}", "User Identified", time, ann.id, said))
    history = app.watcher.history
    assert (await history.profiles.load(ann.id)).traits == {"age": 41}
    assert (await Profiles(history.store, history.products).load(ann.id)).traits == {"age": 41}
    assert "removed by you" in (await ann.get("/_personalize/me")).body.decode()
    clock.now += 120
    await ann.submit("allow", trait="tier")
    assert (await history.profiles.load(ann.id)).traits == {"age": 41}, "what was said before stays away"
    clock.now += 60
    await told(app, ann.is_told(tier="silver"))
    assert (await history.profiles.load(ann.id)).traits == {"tier": "silver", "age": 41}


async def test_b45_everything_can_be_taken_along(app: Any) -> None:
    """The download is a JSON file with the profile, the origin of each trait, and every event."""
    ann = Person(app)
    await ann.get("/p/p3")
    await ann.get("/")
    await ann.get("/p/p3")
    await told(app, ann.is_told(tier="gold"))
    response = await ann.get("/_personalize/me/data.json")
    headers = dict(response.headers)
    assert headers[b"content-type"].startswith(b"application/json") and b"attachment" in headers[b"content-disposition"]
    data = json.loads(response.body, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert data["visitor"] == ann.id and data["profile"]["traits"] == {"tier": "gold"} and data["segments"]
    assert data["profile"]["provenance"]["tier"]["party"] == "second"
    stored = [e for e in await app.watcher.history.store.read(0, 100) if e.visitor == ann.id]
    assert [e["id"] for e in data["events"]] == [e.id for e in stored]


async def test_b45_what_is_erased_does_not_come_back(app: Any, clock: Any) -> None:
    """After erasing, the profile is empty on every worker and after a replay; an old event sent again adds nothing; and
    the browser begins with a new id."""
    ann, bob = Person(app), Person(app)
    await ann.get("/")
    await bob.get("/")
    name = ann.id
    old = ann.is_told(tier="gold")
    await told(app, old)
    clock.now += 10
    before = [e for e in await app.watcher.history.store.read(0, 100) if e.visitor == bob.id]
    unsure = await ann.submit("erase")
    assert unsure.status == 422 and (await app.watcher.history.profiles.load(name)).traits
    erased = await ann.submit("erase", sure="yes")
    assert erased.status == 303 and "__Host-pz" not in ann.cookies
    await told(app, Event("sent again", old.name, old.time, name, old.properties))
    history = app.watcher.history
    lines = [e.name for e in await history.store.of_visitor(name)]
    assert sorted(lines) == ["User Identified", "Visitor Erased"], "the lines are gone but for what was sent again"
    replayed = await Profiles(history.store, history.products).load(name)
    assert replayed == await history.profiles.load(name)
    assert (replayed.traits, replayed.visits, replayed.views, replayed.provenance) == ({}, 0, [], {})
    assert [e for e in await history.store.read(0, 100) if e.visitor == bob.id] == before, "nobody else's is touched"
    assert "Nothing is known" in (await ann.get("/_personalize/me", "done=erased")).body.decode()
    await ann.get("/")
    assert ann.id != name


async def test_b46_volunteered_interests_change_the_next_page(app: Any) -> None:
    """Ticked categories are a trait that rules use at once; what the catalogue does not have cannot be volunteered."""
    ann = Person(app)
    await ann.get("/")
    assert 'value="boat"' in (await ann.get("/_personalize/me")).body.decode()
    await ann.submit("prefer", interest=["boat", "<script>"])
    profile = await app.watcher.history.profiles.load(ann.id)
    assert profile.traits == {"interests": ["boat"]}
    assert b"<h1>Boats</h1>" in (await ann.get("/")).body
    await ann.submit("prefer")
    assert profile.traits == {} and b"<h1>Hello again</h1>" in (await ann.get("/")).body


async def test_b55_one_click_turns_personalization_off(app: Any) -> None:
    """One button, on the page or in any slot, and the next page is everybody's; nothing is written any more."""
    ann = Person(app)
    assert b"Hello again" in (await ann.get("/")).body
    off = await ann.post("/_personalize/me/off", {}, sec_fetch_site="same-origin")
    assert off.status == 303 and ann.cookies == {"consent": "granted", "__Host-pz-off": "1"}
    before = await app.watcher.history.store.last()
    response = await ann.get("/")
    assert b"<h1>Welcome</h1>" in response.body and not any(name == b"set-cookie" for name, _ in response.headers)
    assert await app.watcher.history.store.last() == before
    assert "Personalization is off" in (await ann.get("/_personalize/me")).body.decode()
    await ann.submit("on")
    assert b"Hello again" in (await ann.get("/")).body


@pytest.mark.parametrize(
    ("do", "fields"), [("erase", {"sure": "yes"}), ("remove", {"trait": "tier"}), ("correct", {"trait": "tier"})]
)
async def test_b45_what_could_not_be_written_down_is_not_said_to_be_done(
    app: Any, monkeypatch: Any, do: str, fields: dict[str, str]
) -> None:
    """A log that takes nothing: the visitor is told so, keeps their cookie, and can do it again when it is well."""
    ann = Person(app)
    await ann.get("/")
    await told(app, ann.is_told(tier="gold"))
    name, history = ann.id, app.watcher.history

    async def failing(events: Any) -> Any:
        raise StoreError("no space left")

    monkeypatch.setattr(history.log, "_patience", 0.0)
    monkeypatch.setattr(history.store, "append", failing)
    refused = await ann.submit(do, **fields)
    assert refused.status == 503 and b"nothing was changed" in refused.body and b"no space" not in refused.body
    assert ann.id == name and (await history.profiles.load(name)).traits == {"tier": "gold"}
    monkeypatch.undo()
    assert (await ann.submit(do, **fields)).status == 303
    assert (await history.profiles.load(name)).traits.get("tier") != "gold"


async def test_b49_a_page_is_shown_to_its_own_visitor_only(app: Any) -> None:
    """Without the signed cookie, or with a forged one, nothing is shown or changed, and a forgery is counted."""
    ann = Person(app)
    await ann.get("/")
    await told(app, ann.is_told(tier="gold"))
    cookie = ann.cookies["__Host-pz"]
    for forged in ("", cookie[:-1] + ("A" if cookie[-1] != "A" else "E"), ann.id, cookie.replace(ann.id, "x" * 32)):
        thief = Person(app, **({"__Host-pz": forged} if forged else {}))
        page = await thief.get("/_personalize/me")
        assert b"gold" not in page.body and ann.id.encode() not in page.body
        assert (await thief.get("/_personalize/me/data.json")).status == 403
        for do in ("erase", "remove"):
            thief.cookies = {"consent": "granted", **({"__Host-pz": forged} if forged else {})}
            assert (await thief.submit(do, sure="yes", trait="tier")).status == 403
    assert (await app.watcher.history.profiles.load(ann.id)).traits == {"tier": "gold"}
    assert app.observer.counters["visitors.forged"] >= 3


async def test_b49_no_other_site_can_press_the_buttons(app: Any, clock: Any) -> None:
    """A form of another site, of another visitor's page or of long ago changes nothing."""
    ann, eve = Person(app), Person(app)
    await ann.get("/")
    await eve.get("/")
    await told(app, ann.is_told(tier="gold"))
    page = (await eve.get("/_personalize/me")).body.decode()
    eves = re.findall(r'name="token" value="([^"]+)"', page)[0]
    own = re.findall(r'name="token" value="([^"]+)"', (await ann.get("/_personalize/me")).body.decode())[0]
    erase = {"sure": "yes", "trait": "tier"}
    for do in ("erase", "remove", "off"):
        for fields, headers in (
            ({"token": own}, {"sec_fetch_site": "cross-site"}),
            ({"token": own}, {"origin": "https://evil.example"}),
            ({"token": own}, {"origin": "null"}),
        ):
            assert (await ann.post(f"/_personalize/me/{do}", {**erase, **fields}, **headers)).status == 403
    for token in (eves, "", "0." + "A" * 43):
        assert (await ann.post("/_personalize/me/erase", {**erase, "token": token})).status == 403
    clock.now += 13 * 3600
    assert (await ann.post("/_personalize/me/erase", {**erase, "token": own})).status == 403
    assert (await app.watcher.history.profiles.load(ann.id)).traits == {"tier": "gold"}
    assert (await ann.get("/_personalize/me/erase")).status == 405


@pytest.mark.parametrize(("asked", "accepted", "language", "direction"), [
    ("", "tr-TR,tr;q=0.9,en;q=0.5", "tr", "ltr"), ("", "fa", "fa", "rtl"), ("fa", "en", "fa", "rtl"),
    ("xx", "de,en;q=0.1", "en", "ltr"), ("", "en;q=0, tr;q=0.2", "tr", "ltr"), ("", "\u00ff;q=,;;", "en", "ltr"),
])  # fmt: skip
async def test_the_page_speaks_the_visitors_language(
    site: Any, asked: str, accepted: str, language: str, direction: str
) -> None:
    """English, Turkish and Persian, by ?lang= or Accept-Language, with the direction that the language is read in."""
    app = await site(CONFIG.format(store="memory"))
    ann = Person(app)
    response = await ann.get("/_personalize/me", f"lang={asked}", accept_language=accepted)
    assert f'<html lang="{language}" dir="{direction}">' in response.body.decode()


async def test_what_visitors_and_backends_say_is_shown_as_text(app: Any) -> None:
    """Names and values of traits are text on the page, whatever they hold."""
    ann = Person(app)
    await ann.get("/")
    await told(app, ann.is_told(**{"<b>": "<img src=x onerror=alert(1)>", "quote": '" onfocus="x'}))
    page = (await ann.get("/_personalize/me")).body.decode()
    assert "<img" not in page and "<b>" not in page and '" onfocus="x' not in page and "&lt;img" in page


async def test_the_page_works_below_a_path_that_only_a_proxy_knows(app: Any) -> None:
    """Every address in the page, in what answers a form, and in a refusal leads back below the page's own, whatever
    stands before it in the browser."""
    ann = Person(app)
    await ann.get("/")
    home = "https://proxy.example/shop/_personalize/me"
    answers = {
        home: await ann.get("/_personalize/me"),
        f"{home}/": await ann.get("/_personalize/me/"),
        f"{home}/erase": await ann.submit("erase"),
        f"{home}/prefer": await ann.post("/_personalize/me/prefer", {}),
    }
    for place, answer in answers.items():
        found = re.findall(r'(?:action|href)="([^"?]+)', answer.body.decode())
        assert found and all(urljoin(place, one).startswith(home) for one in found), (place, found)
    saved = dict((await ann.submit("prefer")).headers)[b"location"].decode()
    assert urljoin(f"{home}/prefer", saved) == f"{home}?lang=en&done=saved"
