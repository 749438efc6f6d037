"""Which settings hold for one way of asking about one repository."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from gitops_bot.config import LanguageModelOverrideSettings, LanguageModelSettings
from gitops_bot.models.opinions import Asking
from gitops_bot.rules.patterns import matches

# Settings of endpoints that an override may change without naming the endpoints.
_OF_ENDPOINTS = ("temperature", "effort")


def settings_for(settings: LanguageModelSettings, asking: Asking, repository: str) -> LanguageModelSettings:
    """Lay all overrides that match over the settings, one after the other; none is left in what comes out.

    ``repository``: owner/name; "" for none, which matches no override that names repositories.
    """
    told: dict[str, Any] = {"endpoints": settings.endpoints}
    for override in settings.overrides:
        if _holds(override, asking, repository):
            told |= override.told
            told["endpoints"] = tuple(one.model_copy(update=_of_endpoints(override)) for one in told["endpoints"])
    for name in _OF_ENDPOINTS:
        told.pop(name, None)
    return settings.model_copy(update={**told, "overrides": ()})


@dataclass(frozen=True)
class Way:
    """One endpoint as it is asked in some ways: what ``gitops-bot llm check`` tries. No two are alike."""

    settings: LanguageModelSettings
    asks: tuple[Asking, ...]
    # A pattern of the override that it comes from; "": what holds for every other repository.
    repository: str = ""

    @property
    def name(self) -> str:
        """Who is asked, and for what."""
        [endpoint] = self.settings.endpoints
        about = f", about {self.repository}" if self.repository else ""
        asks = ", ".join(asking.value for asking in self.asks)
        return f"{endpoint.model} at {urlsplit(endpoint.address).hostname} for {asks}{about}"


def all_ways(settings: LanguageModelSettings) -> tuple[Way, ...]:
    """Give every endpoint in every way in which it may be asked, those of overrides included; each once."""
    found: list[Way] = []
    places = [("", tuple(Asking))]
    # A pattern is matched by itself, so that it stands for the repositories that it means.
    for override in settings.overrides:
        asks = tuple(Asking(name) for name in override.asks) or tuple(Asking)
        places += [(pattern, asks) for pattern in override.repositories]
    for repository, asks in places:
        for asking in asks:
            told = settings_for(settings, asking, repository)
            for endpoint in told.endpoints:
                _add(found, told.model_copy(update={"endpoints": (endpoint,)}), asking, repository)
    return tuple(found)


def _add(found: list[Way], settings: LanguageModelSettings, asking: Asking, repository: str) -> None:
    for place, known in enumerate(found):
        if known.settings == settings:
            if asking not in known.asks and known.repository == repository:
                found[place] = replace(known, asks=(*known.asks, asking))
                return
            if asking in known.asks:
                return
    found.append(Way(settings, (asking,), repository))


def _holds(override: LanguageModelOverrideSettings, asking: Asking, repository: str) -> bool:
    asked = not override.asks or asking.value in override.asks
    return asked and (not override.repositories or matches(repository, override.repositories))


def _of_endpoints(override: LanguageModelOverrideSettings) -> Mapping[str, Any]:
    return {name: value for name, value in override.told.items() if name in _OF_ENDPOINTS}
