"""The real, unmodified JavaScript clients: on Node.js, and in a real Chromium."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

VISITOR = "0123456789abcdef0123456789abcdef"


def run(modules: Path, program: str) -> str:
    """Run a program in the clients' folder; its errors are the test's."""
    done = subprocess.run(["node", "-e", program], cwd=modules, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_segments_client_for_node_is_understood(server: Any, write_key: str, modules: Path) -> None:
    """@segment/analytics-node: a batch of its calls arrives, and it takes the answer for success."""
    said = run(
        modules,
        f"""
        const {{Analytics}} = require('@segment/analytics-node')
        const a = new Analytics({{writeKey: {write_key!r}, host: {server.host.rpartition("/")[0]!r},
                                  path: '/_personalize/v1/batch', maxRetries: 0}})
        a.on('error', e => console.log('error', e.code, e.reason))
        a.identify({{userId: 'u1', traits: {{plan: 'gold'}}}})
        a.track({{anonymousId: {VISITOR!r}, event: 'Product Added', properties: {{product_id: 'soap', quantity: 2}}}})
        a.track({{userId: 'u1', event: 'Order Completed', properties: {{order_id: 'o-1', revenue: 30.5}}}})
        a.page({{userId: 'u1', category: 'Docs', properties: {{url: 'https://shop.example/pricing?x=1'}}}})
        a.closeAndFlush().then(() => console.log('done'))
        """,
    )
    assert said.split() == ["done"]
    events = {event.name: event for event in server.events(least=4)}
    assert events["Product Added"].visitor == VISITOR
    assert events["Order Completed"].visitor == "u:u1"
    page = events["Page Viewed"].properties
    assert (page["path"], page["category"]) == ("/pricing", "Docs")


def test_segments_client_for_node_hears_of_a_wrong_key(server: Any, modules: Path) -> None:
    """@segment/analytics-node: a wrong key is an error of the client's, and nothing arrives."""
    said = run(
        modules,
        f"""
        const {{Analytics}} = require('@segment/analytics-node')
        const a = new Analytics({{writeKey: 'wrong', host: {server.host.rpartition("/")[0]!r},
                                  path: '/_personalize/v1/batch', maxRetries: 0}})
        a.on('error', e => console.log(e.code))
        a.track({{userId: 'u1', event: 'x'}})
        a.closeAndFlush()
        """,
    )
    assert said.split() == ["delivery_failure"]


def test_segments_older_client_for_node_is_understood(server: Any, write_key: str, modules: Path) -> None:
    """analytics-node, which the newer one took the place of: its batches arrive, with the times they were told."""
    said = run(
        modules,
        f"""
        const Analytics = require('analytics-node')
        const a = new Analytics({write_key!r}, {{host: {server.host!r}, retryCount: 0, flushAt: 20}})
        const timestamp = new Date('2026-02-03T10:00:00+03:00')
        a.identify({{userId: 'u1', traits: {{plan: 'gold'}}}})
        a.track({{anonymousId: {VISITOR!r}, event: 'Added Product', properties: {{id: 'soap'}}, timestamp}})
        a.page({{userId: 'u1', category: 'Docs', name: 'Pricing'}})
        a.flush(error => console.log(error ? error.message : 'done'))
        """,
    )
    assert said.split() == ["done"]
    events = {event.name: event for event in server.events(least=3)}
    added = events["Product Added"]
    assert (added.visitor, added.properties["product_id"]) == (VISITOR, "soap")
    assert added.time == datetime(2026, 2, 3, 7, tzinfo=UTC).timestamp()
    assert events["Page Viewed"].properties["category"] == "Docs"


@pytest.mark.parametrize("gzip", ["true", "false"])
def test_rudderstacks_client_for_node_is_understood(server: Any, write_key: str, modules: Path, gzip: str) -> None:
    """@rudderstack/rudder-sdk-node: its batch arrives, compressed and plain, and with the time that was told."""
    said = run(
        modules,
        f"""
        const Rudder = require('@rudderstack/rudder-sdk-node').default || require('@rudderstack/rudder-sdk-node')
        const a = new Rudder({write_key!r}, {{dataPlaneUrl: {server.host!r}, gzip: {gzip}, flushAt: 20,
                                              errorHandler: e => console.log('error', e.message)}})
        a.identify({{userId: 'u1', traits: {{plan: 'gold'}}}})
        a.track({{userId: 'u1', event: 'view_item', properties: {{items: [{{item_id: 'soap'}}]}},
                  timestamp: new Date('2026-02-03T10:00:00+03:00')}})
        a.flush().then(() => console.log('done'), e => console.log('error', e.message)).finally(() => process.exit(0))
        """,
    )
    assert said.split() == ["done"]
    events = {event.name: event for event in server.events(least=2)}
    assert events["User Identified"].properties["traits"] == {"plan": "gold"}
    assert events["Product Viewed"].properties["product_id"] == "soap"
    assert events["Product Viewed"].time == datetime(2026, 2, 3, 7, tzinfo=UTC).timestamp()


def test_posthogs_client_for_node_is_understood(server: Any, write_key: str, modules: Path) -> None:
    """posthog-node: what it captures, its persons and its aliases arrive."""
    said = run(
        modules,
        f"""
        const {{PostHog}} = require('posthog-node')
        const a = new PostHog({write_key!r}, {{host: {server.host!r}, fetchRetryCount: 0}})
        a.on('error', e => console.log('error', String(e)))
        a.capture({{distinctId: {VISITOR!r}, event: 'add_to_cart', properties: {{items: [{{item_id: 'soap'}}]}}}})
        a.identify({{distinctId: 'u1', properties: {{plan: 'gold'}}}})
        a.alias({{distinctId: 'u1', alias: {VISITOR!r}}})
        a.shutdown().then(() => console.log('done'))
        """,
    )
    assert said.split() == ["done"]
    events = {event.name: event for event in server.events(least=3)}
    assert events["Product Added"].visitor == VISITOR
    assert events["User Identified"].properties["traits"]["plan"] == "gold"
    aliased = events["Identity Aliased"]
    assert (aliased.visitor, aliased.properties["$ids"]) == ("u:u1", {"previous_id": VISITOR})


# --- in a browser ----------------------------------------------------------------------------------------


PAGE = """<!doctype html><title>{title}</title>
<script src="/static/index.js"></script>
<script src="/page.js"></script>
<div data-slot="hero"></div>
"""
PROGRAM = """
window.analytics = AnalyticsNext.AnalyticsBrowser.load({writeKey: 'my-shop', cdnURL: location.origin + '/_personalize'})
window.analytics.on('error', e => { window.failed = String(e.reason || e) })
"""


@pytest.fixture
def browsing(modules: Path, serve_pages: Any) -> Iterator[Any]:
    """A site that serves analytics.js from its own address, under a CSP without inline scripts."""
    umd = modules / "node_modules" / "@segment" / "analytics-next" / "dist" / "umd"
    files = {f"/static/{file.name}": file.read_bytes() for file in umd.glob("*.js")}
    pages = {"/": PAGE.format(title="Home"), "/docs": PAGE.format(title="Docs"), "/page.js": PROGRAM}
    with serve_pages({**files, **{path: text.encode() for path, text in pages.items()}}) as server:
        yield server


@pytest.mark.browser
def test_segments_client_for_browsers_is_understood(browsing: Any, chromium: Any) -> None:
    """@segment/analytics-next in Chromium, told only the site's prefix: events go to the cookie's visitor, an order of
    a browser counts for nothing, and page views that the middleware recorded are not counted twice."""
    page = chromium.new_page()
    page.goto(f"{browsing.origin}/")
    own = {cookie["name"]: cookie["value"] for cookie in chromium.cookies()}["pz"].partition(".")[0]
    page.goto(f"{browsing.origin}/docs")
    page.evaluate(
        """async () => {
        await analytics.page('Docs')
        await analytics.track('Product Viewed', {product_id: 'soap'})
        await analytics.track('Order Completed', {order_id: 'o-1', revenue: 1000})
        await analytics.identify('u1', {plan: 'gold'})
        }"""
    )
    events = {event.name: event for event in browsing.events(least=5)}
    assert page.evaluate("window.failed") is None
    assert events["Product Viewed"].visitor == own
    assert events["User Identified"].visitor == own
    assert events["User Identified"].properties["$ids"]["user_id"] == "u1"
    assert "Order Completed" not in events
    assert events["Unverified Order Completed"].properties["revenue"] == 1000
    views = [event for event in browsing.events("Page Viewed") if event.visitor == own]
    assert [event.properties["path"] for event in views] == ["/", "/docs"]
    assert all(event.properties.get("$via") == "browser" for event in views[1:])


BATCHING = """
window.analytics = AnalyticsNext.AnalyticsBrowser.load(
  {writeKey: 'my-shop', cdnURL: location.origin + '/_personalize'},
  {integrations: {'Segment.io': {deliveryStrategy: {strategy: 'batching', config: {size: 3, timeout: 500}}}}})
"""
POSTHOG = """
posthog.init('my-shop', {api_host: location.origin + '/_personalize', opt_out_useragent_filter: true,
                         disable_external_dependency_loading: true})
"""
RUDDERSTACK = """
window.ra = new rudderanalytics.RudderAnalytics()
ra.load('my-shop', location.origin + '/_personalize',
        {configUrl: location.origin + '/_personalize', useBeacon: BEACON, storage: {encryption: {version: 'legacy'}}})
"""


def listen(page: Any) -> list[str]:
    """What the browser's console complains of."""
    heard: list[str] = []

    def hear(message: Any) -> None:
        if message.type == "error" and "favicon" not in message.location["url"]:
            heard.append(message.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: heard.append(str(error)))
    return heard


def served(modules: Path, script: str, program: str) -> dict[str, bytes]:
    library = modules / "node_modules" / script
    page = '<!doctype html><title>Docs</title><script src="/lib.js"></script><script src="/page.js"></script>'
    home = PAGE.format(title="Home").encode()
    return {"/": home, "/docs": page.encode(), "/lib.js": library.read_bytes(), "/page.js": program.encode()}


@pytest.mark.browser
def test_segments_client_for_browsers_may_gather_events(modules: Path, serve_pages: Any, chromium: Any) -> None:
    """@segment/analytics-next with its batching strategy: the batch that it sends to /v1/b is understood."""
    umd = modules / "node_modules" / "@segment" / "analytics-next" / "dist" / "umd"
    files = {f"/static/{file.name}": file.read_bytes() for file in umd.glob("*.js")}
    pages = {path: PAGE.format(title=path).encode() for path in ("/", "/docs")}
    with serve_pages({**files, **pages, "/page.js": BATCHING.encode()}) as server:
        page = chromium.new_page()
        page.goto(f"{server.origin}/")
        heard = listen(page)
        page.goto(f"{server.origin}/docs")
        page.evaluate("() => { for (const id of ['a', 'b', 'c']) analytics.track('Product Viewed', {product_id: id}) }")
        events = server.events("Product Viewed", least=3)
    assert [event.properties["product_id"] for event in events] == ["a", "b", "c"] and heard == []


@pytest.mark.browser
def test_posthogs_client_for_browsers_is_understood(modules: Path, serve_pages: Any, chromium: Any) -> None:
    """posthog-js in Chromium: it starts without a complaint, and its events arrive as text, as a form and compressed,
    under the visitor of the cookie."""
    files = served(modules, "posthog-js/dist/array.full.no-external.js", POSTHOG)
    with serve_pages(files) as server:
        page = chromium.new_page()
        page.goto(f"{server.origin}/")
        own = {cookie["name"]: cookie["value"] for cookie in chromium.cookies()}["pz"].partition(".")[0]
        heard = listen(page)
        page.goto(f"{server.origin}/docs")
        page.evaluate(
            """() => {
            posthog.capture('view_item', {items: [{item_id: 'soap'}]})
            posthog.capture('purchase', {transaction_id: 'o-1', value: 1000}, {send_instantly: true})
            posthog.capture('left', {}, {send_instantly: true, transport: 'sendBeacon'})
            posthog.identify('u1', {plan: 'gold'})
            }"""
        )
        events = {event.name: event for event in server.events(least=6)}
    assert events["Product Viewed"].properties["product_id"] == "soap"
    assert events["User Identified"].properties["traits"]["plan"] == "gold"
    assert events["Page Viewed"].properties["path"] == "/docs"
    assert "left" in events and events["Unverified Order Completed"].properties["revenue"] == 1000
    assert {(event.properties["$via"], event.visitor) for event in events.values()} == {("browser", own)}
    assert heard == []


@pytest.mark.browser
@pytest.mark.parametrize("beacon", ["false", "true"])
def test_rudderstacks_client_for_browsers_is_understood(
    modules: Path, serve_pages: Any, chromium: Any, beacon: str
) -> None:
    """@rudderstack/analytics-js in Chromium, told only the site's prefix: its events arrive under the cookie's visitor,
    one by one or as a beacon; the name in the place of its key opens nothing."""
    script = "@rudderstack/analytics-js/dist/npm/modern/bundled/umd/index.js"
    with serve_pages(served(modules, script, RUDDERSTACK.replace("BEACON", beacon))) as server:
        page = chromium.new_page()
        page.goto(f"{server.origin}/")
        own = {cookie["name"]: cookie["value"] for cookie in chromium.cookies()}["pz"].partition(".")[0]
        heard = listen(page)
        page.goto(f"{server.origin}/docs")
        page.evaluate(
            """() => {
            ra.page('Docs')
            ra.track('Product Viewed', {product_id: 'soap'})
            ra.track('Order Completed', {order_id: 'o-1', revenue: 1000})
            ra.identify('u1', {plan: 'gold'})
            }"""
        )
        page.evaluate("() => new Promise(done => ra.ready(done))")
        if beacon == "false":
            server.events(least=5)  # what it sends by itself is not lost when the page is left
        page.goto("about:blank")
        events = {event.name: event for event in server.events(least=5)}
    assert events["Product Viewed"].properties["product_id"] == "soap"
    assert events["User Identified"].properties["traits"]["plan"] == "gold"
    assert "Order Completed" not in events and "Unverified Order Completed" in events
    assert {(event.properties["$via"], event.visitor) for event in events.values()} == {("browser", own)}
    assert heard == []


@pytest.mark.browser
def test_posthogs_client_told_the_address_only_has_nothing_to_complain_of(
    modules: Path, serve_pages: Any, chromium: Any
) -> None:
    """posthog-js as it comes, which may load scripts of its own: it asks for none, but for its settings."""
    program = "posthog.init('my-shop', {api_host: location.origin + '/_personalize', opt_out_useragent_filter: true})"
    with serve_pages(served(modules, "posthog-js/dist/array.full.js", program)) as server:
        page, asked = chromium.new_page(), []
        heard = listen(page)
        page.on("requestfinished", lambda request: asked.append(request.url.partition("/_personalize")[2]))
        page.goto(f"{server.origin}/docs")
        assert server.events("Page Viewed")
        page.wait_for_function("window._POSTHOG_REMOTE_CONFIG")
        page.goto("about:blank")
    assert heard == [] and not any("/static/" in path for path in asked)


@pytest.mark.browser
def test_posthogs_older_client_for_browsers_is_understood(modules: Path, serve_pages: Any, chromium: Any) -> None:
    """posthog-js of 2023 tells how long ago it was instead of when, and what it was called before its user signed in
    beside each event: a newcomer without a cookie stays one, and no event comes in another order."""
    files = served(modules, "posthog-js-of-2023/dist/array.js", "posthog." + POSTHOG.strip().partition(".")[2])
    stub = '<script src="/stub.js"></script><script src="/lib.js"></script>'
    files["/docs"] = files["/docs"].replace(b'<script src="/lib.js"></script>', stub.encode())
    files["/stub.js"] = b"window.posthog = Object.assign([], {_i: [], __SV: 1})"
    with serve_pages(files) as server:
        page = chromium.new_page()
        heard = listen(page)
        page.goto(f"{server.origin}/docs")
        page.evaluate(
            """() => {
            posthog.capture('view_item', {items: [{item_id: 'soap'}], $set: {likes: 'soap'}})
            posthog.identify('u1', {plan: 'gold'})
            posthog.capture('add_to_cart', {items: [{item_id: 'soap'}]})
            }"""
        )
        events = {event.name: event for event in server.events("Product Viewed", "Product Added", least=2)}
        said = server.events("User Identified", least=2)
    viewed, added = events["Product Viewed"], events["Product Added"]
    assert viewed.time < added.time
    assert {event.visitor for event in (*events.values(), *said)} == {viewed.visitor}
    assert viewed.visitor.startswith("a:") and added.properties["$ids"]["user_id"] == "u1"
    assert sorted(str(event.properties["traits"]) for event in said) == ["{'likes': 'soap'}", "{'plan': 'gold'}"]
    assert heard == []


@pytest.mark.browser
def test_rudderstacks_older_client_for_browsers_is_understood(modules: Path, serve_pages: Any, chromium: Any) -> None:
    """rudder-sdk-js, which the newer one took the place of: told the site's prefix, its events arrive."""
    program = """
    rudderanalytics.load('my-shop', location.origin + '/_personalize', {configUrl: location.origin + '/_personalize'})
    rudderanalytics.track('Product Viewed', {product_id: 'soap'})
    rudderanalytics.identify('u1', {plan: 'gold'})
    """
    with serve_pages(served(modules, "rudder-sdk-js/dist/npm/index.js", program)) as server:
        page = chromium.new_page()
        page.goto(f"{server.origin}/docs")
        events = {event.name: event for event in server.events(least=2)}
    assert events["Product Viewed"].properties["product_id"] == "soap"
    assert events["User Identified"].properties["traits"]["plan"] == "gold"
