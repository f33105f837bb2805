"""A plan's choices become what the slots show: inline, templates, sources over HTTP or in memory, with one cache, and
never a wait that the page does not choose."""

from .contents import Contents
from .http import HttpSource

__all__ = ["Contents", "HttpSource"]
