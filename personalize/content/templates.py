"""Templates: minijinja over the site's own folder, for people who write HTML and not Python.

- Every name is autoescaped, `autoescape` blocks are refused, and `safe` means "through the allow-list" for all but HTML
  that was admitted already (a source's `html`).
- Fuel bounds the time (an endless loop ends in milliseconds), 256 KB bounds the output. A template that sets out to
  build a huge value inside one expression is not stopped: whoever may write into this folder is trusted not to.
- What is undefined, at any depth, prints as nothing ("chainable"): an experience that leaves out a part, or a
  product without a brand, must not take its slot down. Calling or calculating with it is an error all the same.
- A file is read once per environment; a reload makes a new environment.
- Values are plain data: a template cannot call a method of a Python object.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from html import escape, unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config.holes import UnsafeHole, guard
from ..errors import BadFragment
from ..model import Product
from .sanitize import SCHEMES, sanitize

if TYPE_CHECKING:
    from minijinja import Environment

LARGEST = 256 * 1024  # characters of a template, and of what it renders
FUEL = 30_000  # minijinja instructions, a millisecond or two: a hundred products take a third of it
_PRODUCT = tuple(f.name for f in fields(Product) if f.name != "extra")
# A name that nobody gave would else find the method that every dict has: `items` of a source that had none, `copy`.
_UNGIVEN = dict.fromkeys(name for name in dir(dict) if not name.startswith("_"))


class Templates:
    """The templates of one folder. `render` raises BadFragment with a message for the person who wrote the template."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._environment: Environment | None = None
        self._room = 0  # characters that the render under way may still print

    def render(self, name: str, variables: Mapping[str, Any]) -> str:
        """The template's output. Text in `variables` is escaped where it is printed; `Html` is not."""
        if self._environment is None:
            self._environment = self._make()
        from minijinja import TemplateError

        self._room = LARGEST
        try:
            given = {str(k): plain(v) for k, v in variables.items()}
            html = self._environment.render_template(name, **{**_UNGIVEN, **given})
        except TemplateError as error:
            raise BadFragment(f"template {name}: {_told(error)}") from error
        except (OSError, UnicodeDecodeError, UnsafeHole, BadFragment) as error:
            raise BadFragment(f"template {name}: {error}") from error
        if len(html) > LARGEST:
            raise BadFragment(f"template {name}: its output is larger than {LARGEST // 1024} KB")
        return html

    def _make(self) -> Environment:
        from minijinja import Environment, safe

        return Environment(
            loader=self._read,
            fuel=FUEL,
            undefined_behavior="chainable",
            auto_escape_callback=lambda _name: True,
            finalizer=self._printed,
            debug=False,
            filters={
                "url": lambda value: safe(escape(url(value))),
                "date": date,
                "safe": lambda value: value if hasattr(value, "__html__") else safe(sanitize(_text(value))),
            },
        )

    def _printed(self, value: Any) -> Any:
        """Each value on its way out: nothing for None and what is undefined, text and numbers as they are. Raises
        BadFragment for a list or a mapping, which is never meant, and when the output is too large."""
        if value is None or callable(value):  # the method of a dict or list: a name that its data does not have
            return ""
        if isinstance(value, str):
            self._room -= len(value)
        elif isinstance(value, int | float):
            self._room -= 8
        else:
            raise BadFragment(f"a {type(value).__name__} cannot be printed; loop over it or name one of its values")
        if self._room < 0:
            raise BadFragment(f"its output is larger than {LARGEST // 1024} KB")
        return value

    def _read(self, name: str) -> str | None:
        """A template's source by its name below the folder, or None when there is none. A name that leads out of the
        folder (.., an absolute path, a symlink) is refused."""
        folder = self._folder.resolve()
        file = folder if "\0" in name else (folder / name).resolve()
        if file == folder or not file.is_relative_to(folder):
            raise BadFragment(f"{name!r} lies outside the templates folder")
        if not file.is_file():
            return None
        if file.stat().st_size > LARGEST:
            raise BadFragment(f"{name} is larger than {LARGEST // 1024} KB")
        return guard(file.read_text("utf-8"))


class Html(str):
    """Text that is HTML already and is printed as it is."""

    __slots__ = ()

    def __html__(self) -> str:
        return self


def url(value: object) -> str:
    """The template filter that blanks a URL whose scheme could run a script: relative ones and http, https, mailto
    and tel pass (WHATWG URL: tabs, line ends and leading control characters are ignored by browsers, so here too)."""
    text = unescape(str(value)) if hasattr(value, "__html__") else _text(value)
    bare = "".join(c for c in text if c > " " and c != "\x7f")
    head, colon, _ = bare.partition(":")
    if colon and not any(c in head for c in "/?#") and head.lower() not in SCHEMES:
        return ""
    return text


def date(value: object, form: str = "%Y-%m-%d %H:%M") -> str:
    """The template filter that writes a moment such as `ends_at` in another form (strftime's letters); what is none
    prints as nothing. Raises BadFragment for a form that is none."""
    try:
        moment = datetime.fromisoformat(_text(value))
    except ValueError:
        return ""
    try:
        return moment.strftime(form)
    except ValueError as error:
        raise BadFragment(f"date({form!r}): {error}") from error


def plain(value: Any, depth: int = 0) -> Any:
    """`value` as data only: mappings, lists, text, numbers and booleans. A Product becomes a mapping of its fields
    and its extra ones; anything else becomes its text."""
    if value is None or isinstance(value, str | int | float):
        return value
    if depth > 20:
        raise BadFragment("values nested more than 20 deep")
    if isinstance(value, Product):
        found: dict[str, Any] = {str(k): plain(v, depth + 1) for k, v in value.extra.items()}
        found.update((name, getattr(value, name)) for name in _PRODUCT)
        return found
    if isinstance(value, Mapping):
        return {str(k): plain(v, depth + 1) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(v, depth + 1) for v in value]
    return str(value)


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _told(error: Any) -> str:
    """minijinja's short message with the line, and the folder's way of saying that a file is missing."""
    kind = "does not exist" if error.kind == "TemplateNotFound" else error.detail or error.message
    return f"{kind} (line {error.line})" if error.line else str(kind)
