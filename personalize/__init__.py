"""personalize: a segment of one, for any ASGI site. The public names, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .config import Config, load_config
    from .errors import ConfigError, PersonalizeError
    from .events.orders import sign_order
    from .middleware import PersonalizeMiddleware

__version__ = "0.1.0"
__all__ = [
    "Config", "ConfigError", "PersonalizeError", "PersonalizeMiddleware", "__version__", "load_config", "sign_order",
]  # fmt: skip

_HOMES = {
    "Config": "config", "load_config": "config",
    "ConfigError": "errors", "PersonalizeError": "errors",
    "PersonalizeMiddleware": "middleware",
    "sign_order": "events.orders",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    # Loaded on first use, so that importing the package costs a site nothing it does not use.
    from importlib import import_module

    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
