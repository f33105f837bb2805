"""The shape of a list of members that is kept elsewhere."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from ..quantities import Duration
from .site import Model


class Members(Model):
    """A list of ids, kept elsewhere: exactly one of file, url and use. A visitor is in it by any id of theirs."""

    file: str | None = Field(default=None, description="A file beside this one: one id a line, or CSV with a header.")
    url: str | None = Field(default=None, description="An address that answers with one id a line, or a list in JSON.")
    use: str | None = Field(default=None, description='A plugin\'s class, a SegmentLookup: "package.module:Name".')
    every: Duration = Field(default=600.0, description="How often the list is read again.")
    options: dict[str, Any] = Field(default={}, description="Handed to a plugin as they are.")

    @model_validator(mode="after")
    def _one(self) -> Members:
        if sum(place is not None for place in (self.file, self.url, self.use)) != 1:
            raise ValueError("a list of members is in exactly one of file, url and use")
        if self.url is not None and not self.url.startswith(("https://", "http://")):
            raise ValueError("url: an address that begins with https:// or http:// is needed")
        return self
