"""What is done at a slot, from the config to the visitor, and what is recorded of it."""

from __future__ import annotations

from typing import Any

from personalize.testing import Answer, call

PAGE = (
    b"<!doctype html><html><body><img class=cover src=/a.jpg><p class=ad>1</p><p class=ad>2</p>"
    b"<main>x</main></body></html>"
)


def slot(show: Any, **match: Any) -> dict[str, Any]:
    return {
        "match": {"path": "/**", **match},
        "consent": "none",
        "experiences": [{"id": "all", "when": "everyone", "show": show}],
    }


async def test_actions_of_the_config_are_done_and_recorded_once_each(wrap: Any) -> None:
    """An attribute is set, every ad removed and a banner put in; each slot is one exposure, however many matches."""
    slots = {
        "cover": slot({"html": "/b.jpg?a=1&amp;b=2"}, element=".cover", do="set_attribute", attribute="src"),
        "ads": slot("empty", element=".ad", do="remove", all=True),
        "banner": slot({"html": "<b>News</b>"}, element="main", do="start"),
    }
    app = wrap(Answer(PAGE), slots=slots)
    await app.start()
    for _ in range(2):  # read, then known
        answer = await call(app)
        assert answer.body == (
            b'<!doctype html><html><body><img class=cover src="/b.jpg?a=1&amp;b=2">'
            b"<main><b>News</b>x</main></body></html>"
        )
    await app.watcher.history.log.flush()
    events = await app.watcher.history.store.read()
    shown = [sorted(exposure["slot"] for exposure in event.exposures) for event in events]
    assert shown == [["ads", "banner", "cover"]] * 2
