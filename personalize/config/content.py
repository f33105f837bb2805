"""What a slot can show, as an editor writes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from ..quantities import Duration
from .site import Model

CONTENT_WORDS = ("page", "empty", "last_good")
CONTENT_FORMS = "write page, empty, last_good, {html: ...}, {template: ...}, {parts: ...} or {source: ...}"


class Content(Model):
    """What a slot can show: page (the page's own markup), empty, last_good (what the source gave last), or a mapping
    with html, template, parts or source. `kind` is worked out from what is there."""

    kind: Literal["page", "empty", "last_good", "html", "template", "source"] = "page"
    html: str | None = Field(default=None, description="HTML to show as it is.")
    template: str | None = Field(default=None, description="A template's file name; else the slot's template is used.")
    parts: dict[str, str] = Field(
        default={}, description="A template's variables: the name of a part, such as headlines.points, or plain text."
    )
    source: str | None = Field(default=None, description="A source's name; it gives the HTML or a template's values.")
    strategy: str | None = Field(default=None, description="How recommendations are chosen, such as popular.")
    limit: int = Field(default=8, ge=1, le=100, description="At most so many products.")
    novelty: float | None = Field(default=None, ge=0, le=1, description="The share outside the visitor's habits.")
    metric: str | None = Field(default=None, description="For the source proof: what is counted, such as bought.")
    item: str | None = Field(default=None, description='The product, such as "{product}" from the slot\'s path.')
    window: Duration = Field(default=86_400.0, description="For the source proof: how far back it counts.")
    min_count: int = Field(default=0, ge=0, description="For the source proof: below this nothing is shown.")
    path: str | None = Field(default=None, description="Fills {path} in a source's url instead of the page's own path.")
    vars: dict[str, str | int | float | bool] = Field(default={}, description="More variables for the template.")

    @model_validator(mode="before")
    @classmethod
    def _kind(cls, raw: Any) -> Any:
        if isinstance(raw, str):
            if raw not in CONTENT_WORDS:
                raise ValueError(f'"{raw}" is nothing to show: {CONTENT_FORMS}')
            return {"kind": raw}
        if isinstance(raw, Mapping) and "kind" not in raw:
            for key, kind in (("source", "source"), ("html", "html"), ("template", "template"), ("parts", "template")):
                if key in raw:
                    return {**raw, "kind": kind}
            raise ValueError(f"this names nothing to show: {CONTENT_FORMS}")
        return raw


PAGE = Content(kind="page")
