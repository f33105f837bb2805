"""Other tools' flag exports -> a config in our language, and a list of what it could not carry."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .draft import Draft

__all__ = ["TOOLS", "import_flags"]

TOOLS: Final = ("growthbook", "unleash", "eppo")


def import_flags(tool: str, text: str) -> Draft:
    """The export of one of TOOLS as a draft. Raises ValueError with a sentence for what is no such export."""
    from .draft import UNFIT, unfit
    from .eppo import from_eppo
    from .growthbook import from_growthbook
    from .unleash import from_unleash

    try:
        export = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("this is no JSON") from None
    if not isinstance(export, Mapping):
        raise ValueError("an export is a JSON object")
    try:
        draft = {"growthbook": from_growthbook, "unleash": from_unleash, "eppo": from_eppo}[tool](export)
    except UNFIT as error:
        if type(error) is ValueError:  # it is a sentence
            raise
        raise ValueError(f"this is not shaped as {tool} exports flags: {unfit(error)}") from error
    if draft.misshapen and not draft.slots:
        raise ValueError(f"this is not shaped as {tool} exports flags: {draft.misshapen[0]}")
    return draft
