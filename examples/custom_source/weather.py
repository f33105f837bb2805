"""A source of your own: a class with four methods. This one knows the weather of two cities."""

from collections.abc import Hashable

from personalize.config.models import SourceConfig
from personalize.errors import SourceUnavailable
from personalize.model import Ask, Fragment

WEATHER = {"TR": ("Istanbul", 31), "NO": ("Oslo", -4)}


class Weather:
    """Made as Weather(name, source_config); `options` in the config are yours."""

    def __init__(self, name: str, source: SourceConfig) -> None:
        self.unit = source.options.get("unit", "°C")

    def key(self, ask: Ask) -> Hashable:
        """Everything the content depends on. `fetch` gets nothing else, so no visitor sees another one's."""
        return ask.facts.get("country")

    def ready(self, key: Hashable) -> Fragment | None:
        """What can be told at once; None where it has to be fetched."""
        return None

    async def fetch(self, key: Hashable) -> Fragment:
        """Ask whoever knows. It may take its time: the page waits only as long as its budget."""
        if key not in WEATHER:
            raise SourceUnavailable(f"no weather for {key}", sick=False)
        city, degrees = WEATHER[str(key)]
        return Fragment(values={"city": city, "degrees": degrees, "unit": self.unit})

    async def close(self) -> None:
        """Give back what is held."""
