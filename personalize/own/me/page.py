"""The page as HTML: works without scripts, read well by screen readers, in the visitor's language. Pure."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from ...model import Product, Profile, Provenance
from ...profiles import is_own_word
from .known import INTERESTS, Shown, shown_value
from .texts import LANGUAGES, RIGHT_TO_LEFT, TEXTS

Control = Literal["on", "off", "refused"]
_ROWS: Final = 12  # of a list of products

_STYLE: Final = (
    ":root{color-scheme:light dark;--paper:#f6f5f2;--card:#fff;--ink:#1c1b1a;--soft:#5d5a55;--line:#dedbd4;"
    "--deep:#1f4e79;--on:#fff;--bad:#a3201d}"
    "@media(prefers-color-scheme:dark){:root{--paper:#161513;--card:#201f1c;--ink:#edebe6;--soft:#b3aea5;"
    "--line:#3d3a35;--deep:#8fbbe6;--on:#12202e;--bad:#ff9a92}}"
    "*{box-sizing:border-box}"
    "body{font:1rem/1.6 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:44rem;margin:0 auto;"
    "padding:1.5rem 1rem 4rem;overflow-wrap:anywhere}"
    "h1{font-size:1.7rem;line-height:1.25;margin:1.2rem 0 .4rem}h2{font-size:1.15rem;line-height:1.3;margin:0 0 .6rem}"
    "p{margin:.4rem 0}small,.soft{color:var(--soft);font-size:.9rem}a{color:var(--deep)}"
    "section,[role=status],[role=alert]{background:var(--card);border:1px solid var(--line);border-radius:.75rem;"
    "padding:1.1rem 1.2rem;margin-block:1rem}"
    "[role=status],[role=alert]{border-inline-start:.35rem solid var(--deep);font-weight:600}"
    "[role=alert]{border-color:var(--bad)}"
    "nav{display:flex;flex-wrap:wrap;gap:.4rem}nav a{padding:.3rem .8rem;border-radius:2rem;text-decoration:none}"
    "nav a[aria-current]{background:var(--deep);color:var(--on)}"
    "table{border-collapse:collapse;inline-size:100%}"
    "th,td{text-align:start;vertical-align:top;padding:.5rem 0;border-block-start:1px solid var(--line)}"
    "th{font-weight:600;inline-size:36%;padding-inline-end:1rem;overflow-wrap:normal}tr:first-child>*{border:0}"
    "ul{margin:0;padding:0;list-style:none}.rows>li{padding:.8rem 0;border-block-start:1px solid var(--line)}"
    ".rows>li:first-child{border:0;padding-block-start:.2rem}"
    ".acts{display:flex;flex-wrap:wrap;gap:.5rem;margin-block-start:.4rem}form{display:flex;flex-wrap:wrap;gap:.5rem}"
    "button,.button{font:inherit;min-block-size:2.75rem;padding:.4rem 1rem;border:1px solid var(--deep);"
    "border-radius:.5rem;background:none;color:var(--deep);cursor:pointer;text-decoration:none;display:inline-block}"
    "button.main,.button{background:var(--deep);color:var(--on)}button.bad{border-color:var(--bad);color:var(--bad)}"
    "input:not([type=checkbox]){font:inherit;color:inherit;background:var(--paper);border:1px solid var(--soft);"
    "border-radius:.5rem;padding:.4rem .6rem;min-block-size:2.75rem;inline-size:12rem;max-inline-size:100%}"
    "input[type=checkbox]{inline-size:1.2rem;block-size:1.2rem;accent-color:var(--deep);margin-inline-end:.4rem;"
    "vertical-align:-.2rem}label{inline-size:100%;display:block;padding-block:.3rem}"
    "fieldset{border:0;margin:0;padding:0;inline-size:100%}legend{padding:0}fieldset button{margin-block-start:.5rem}"
    ".choices{columns:12rem}:focus-visible{outline:3px solid var(--deep);outline-offset:2px}"
)
STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()


@dataclass(frozen=True, slots=True)
class Told:
    """Everything that the page says. `profile` is None for somebody of whom nothing is known or can be proven;
    `notice` and `alert` are keys of the texts; `token` proves that a form is from this page; `choices` are what can be
    volunteered as an interest."""

    path: str
    language: str
    control: Control
    token: str
    timezone: str
    gpc: bool = False
    profile: Profile | None = None
    segments: Sequence[str] = ()
    shown: Sequence[Shown] = ()
    products: Mapping[str, Product] | None = None
    choices: Sequence[str] = ()
    notice: str = ""
    alert: str = ""


def page(told: Told) -> str:
    """The whole document."""
    text = TEXTS[told.language]
    direction = "rtl" if told.language in RIGHT_TO_LEFT else "ltr"
    parts = [_messages(told), _control(told)]
    if told.profile is None:
        parts.append(f"<p>{text['nothing']}</p>")
    else:
        parts += [_known(told, told.profile), _traits(told, told.profile), _interests(told, told.profile), _shown(told)]
        parts += [_take(told), _erase(told)]
    return (
        f'<!doctype html><html lang="{told.language}" dir="{direction}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex">'
        f"<title>{text['title']}</title><style>{_STYLE}</style></head><body>{_languages(told)}"
        f"<main><h1>{text['title']}</h1><p>{text['intro']}</p>{''.join(parts)}</main></body></html>"
    )


def message(language: str, key: str, back: str) -> str:
    """A small page that says one thing, with the way back."""
    text = TEXTS[language]
    direction = "rtl" if language in RIGHT_TO_LEFT else "ltr"
    return (
        f'<!doctype html><html lang="{language}" dir="{direction}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex">'
        f"<title>{text['title']}</title><style>{_STYLE}</style></head><body><main><h1>{text['title']}</h1>"
        f'<p role="alert">{text[key]}</p><p><a href="{escape(back)}?lang={language}">{text["back"]}</a></p>'
        "</main></body></html>"
    )


# --- the parts, from the top -----------------------------------------------------------------------------


def _languages(told: Told) -> str:
    links = "".join(
        f'<a href="?lang={code}" lang="{code}" hreflang="{code}"'
        f"{' aria-current=true' if code == told.language else ''}>{name}</a>"
        for code, name in LANGUAGES.items()
    )
    return f'<nav aria-label="{TEXTS[told.language]["languages"]}">{links}</nav>'


def _messages(told: Told) -> str:
    text = TEXTS[told.language]
    said = f'<p role="status">{text[told.notice]}</p>' if told.notice else ""
    return said + (f'<p role="alert">{text[told.alert]}</p>' if told.alert else "")


def _control(told: Told) -> str:
    text = TEXTS[told.language]
    said = f"<p>{text[told.control]}</p>" + (f"<p>{text['gpc']}</p>" if told.gpc else "")
    if told.control == "on":
        said += _form(told, "off", f"<button>{text['turn_off']}</button>")
        said += f"<p><small>{text['off_keeps']}</small></p>" if told.profile is not None else ""
    elif told.control == "off":
        said += _form(told, "on", f"<button>{text['turn_on']}</button>")
    return _section("control", text["control"], said)


def _known(told: Told, profile: Profile) -> str:
    text = TEXTS[told.language]
    views = dict.fromkeys(_item(told, item) if item else _bdi(path) for _, item, path in reversed(profile.views))
    orders = [
        " · ".join([_time(told, time), _bdi(f"{revenue:.2f}"), *(_item(told, item) for item in items)])
        for time, revenue, items in reversed(profile.orders)
    ]
    rows = [
        (text["first_seen"], _time(told, profile.first_seen) if profile.visits else ""),
        (text["last_seen"], _time(told, profile.last_seen) if profile.visits else ""),
        (text["visits"], str(profile.visits) if profile.visits else ""),
        (text["views"], _list(list(views)[:_ROWS])),
        (text["cart"], _list([f"{quantity} × {_item(told, item)}" for item, (quantity, _) in profile.cart.items()])),
        (text["orders"], _list(orders[:_ROWS])),
        (text["segments"], _list([_bdi(segment) for segment in told.segments])),
    ]
    body = "".join(f'<tr><th scope="row">{name}</th><td>{value}</td></tr>' for name, value in rows if value)
    if not body:
        return _section("known", text["known"], f"<p>{text['nothing']}</p>")
    return _section("known", text["known"], f'<p class="soft">{text["observed"]}</p><table>{body}</table>')


def _traits(told: Told, profile: Profile) -> str:
    """What was said about the visitor, each with a field to correct it and a button to remove it; and what they
    removed, which nobody can say again until they allow it."""
    text = TEXTS[told.language]
    rows = []
    for number, (name, value) in enumerate(profile.traits.items()):
        if name == INTERESTS:
            continue
        said = shown_value(value, text["yes"], text["no"])
        hidden = f'<input type="hidden" name="trait" value="{escape(name)}">'
        change = ""
        if isinstance(value, str | int | float):
            label = (
                f'<input name="value" value="{escape(said)}" dir="auto" aria-labelledby="t{number}" maxlength="500">'
            )
            save = f'<button class="main" aria-label="{text["save"]}: {escape(name)}">{text["save"]}</button>'
            change = _form(told, "correct", hidden + label + save)
        remove = f'<button aria-label="{text["remove"]}: {escape(name)}">{text["remove"]}</button>'
        change += _form(told, "remove", hidden + remove)
        origin = _origin(text, profile.provenance.get(name, Provenance()))
        rows.append(
            f'<li><strong id="t{number}">{_bdi(name)}</strong>: {_bdi(said)}<br><small>{text["origin"]}: {origin}'
            f'</small><div class="acts">{change}</div></li>'
        )
    for name, gone in profile.removed.items():
        if is_own_word(gone):
            hidden = f'<input type="hidden" name="trait" value="{escape(name)}">'
            allow = f'<button aria-label="{text["allow"]}: {escape(name)}">{text["allow"]}</button>'
            rows.append(
                f"<li><strong>{_bdi(name)}</strong>: {text['gone']}"
                f'<div class="acts">{_form(told, "allow", hidden + allow)}</div></li>'
            )
    return _section("traits", text["traits"], f'<ul class="rows">{"".join(rows)}</ul>') if rows else ""


def _interests(told: Told, profile: Profile) -> str:
    text = TEXTS[told.language]
    if not told.choices:
        return ""
    mine = profile.traits.get(INTERESTS)
    ticked = {name for name in mine if isinstance(name, str)} if isinstance(mine, list) else set()
    boxes = "".join(
        f'<label><input type="checkbox" name="interest" value="{escape(name)}"'
        f"{' checked' if name in ticked else ''}>{_bdi(name)}</label>"
        for name in told.choices
    )
    body = (
        f'<fieldset><legend class="soft">{text["interests_about"]}</legend><div class="choices">{boxes}</div>'
        f'<button class="main">{text["save"]}</button></fieldset>'
    )
    return _section("interests", text["interests"], _form(told, "prefer", body))


def _shown(told: Told) -> str:
    text = TEXTS[told.language]
    rows = []
    for seen in told.shown:
        why = f'<bdi dir="auto">{escape(seen.why)}</bdi>' if seen.why else ""
        why = text["held"] if seen.held else why or text["rule"].format(experience=_bdi(seen.experience))
        place = f"{_bdi(seen.slot)} {_bdi(seen.path)}"
        rows.append(f"<li>{why}<br><small>{text['slot']}: {place} · {_time(told, seen.time)}</small></li>")
    body = f'<ul class="rows">{"".join(rows)}</ul>' if rows else f"<p>{text['nothing_shown']}</p>"
    return _section("shown", text["shown"], body)


def _take(told: Told) -> str:
    text = TEXTS[told.language]
    link = f'<p><a class="button" href="{escape(told.path)}/data.json" download>{text["download"]}</a></p>'
    return _section("take", text["take"], link)


def _erase(told: Told) -> str:
    text = TEXTS[told.language]
    sure = f'<label><input type="checkbox" name="sure" value="yes" required>{text["erase_sure"]}</label>'
    form = _form(told, "erase", f'{sure}<button class="bad">{text["erase"]}</button>')
    return _section("erase", text["erase"], f"<p>{text['erase_about']}</p>{form}")


# --- pieces ----------------------------------------------------------------------------------------------


def _section(name: str, title: str, body: str) -> str:
    return f'<section aria-labelledby="h-{name}"><h2 id="h-{name}">{title}</h2>{body}</section>'


def _form(told: Told, do: str, body: str) -> str:
    action = f"{escape(told.path)}/{do}?lang={told.language}"
    token = f'<input type="hidden" name="token" value="{escape(told.token)}">'
    return f'<form method="post" action="{action}">{token}{body}</form>'


def _list(entries: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{entry}</li>' for entry in entries)}</ul>" if entries else ""


def _origin(text: Mapping[str, str], provenance: Provenance) -> str:
    if provenance.source == "visitor":
        return text["visitor"]
    return text[provenance.party] + (f" ({_bdi(provenance.source)})" if provenance.source else "")


def _item(told: Told, item: str) -> str:
    product = (told.products or {}).get(item)
    return _bdi(product.title if product is not None and product.title else item)


def _bdi(text: str) -> str:
    """Text of another direction must not turn the line around (HTML 4.5.24)."""
    return f"<bdi>{escape(text)}</bdi>"


def _time(told: Told, time: float) -> str:
    try:
        at = datetime.fromtimestamp(time, ZoneInfo(told.timezone))
    except (ValueError, OverflowError, OSError):
        return ""
    return f'<time datetime="{at.isoformat(timespec="seconds")}"><bdi>{at:%Y-%m-%d %H:%M}</bdi></time>'


def as_file(value: Mapping[str, Any]) -> str:
    """The download: JSON that a person can read too."""
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)
