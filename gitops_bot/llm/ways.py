"""Which settings hold for one way of asking about one repository."""

from collections.abc import Mapping
from typing import Any

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


def _holds(override: LanguageModelOverrideSettings, asking: Asking, repository: str) -> bool:
    asked = not override.asks or asking.value in override.asks
    return asked and (not override.repositories or matches(repository, override.repositories))


def _of_endpoints(override: LanguageModelOverrideSettings) -> Mapping[str, Any]:
    return {name: value for name, value in override.told.items() if name in _OF_ENDPOINTS}
