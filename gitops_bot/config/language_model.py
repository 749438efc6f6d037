"""Language models: where they are, what they may see, and what they may cost."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, model_validator

from gitops_bot.config.gate import GateSettings
from gitops_bot.config.section import Section, read_secret
from gitops_bot.errors import SettingsError

# Where providers are. Those of a company's own have no address that we could know.
_MODEL_ADDRESSES = {
    "openai": "https://api.openai.com/v1",
    "openrouter": "https://openrouter.ai/api/v1",
    "ollama": "http://localhost:11434/v1",
    "vllm": "http://localhost:8000/v1",
}

HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")]
Effort = Literal["", "minimal", "low", "medium", "high"]


class LanguageModelPriceSettings(Section):
    """Prices of a million tokens, in whatever currency; limits of money are in the same."""

    input: float = Field(default=0, ge=0)
    output: float = Field(default=0, ge=0)


class LanguageModelEndpointSettings(Section):
    """One provider that speaks OpenAI's API, and one model there."""

    # In what providers differ: names of parameters and headers, the address where it is the same for everybody.
    preset: Literal["openai", "azure", "openrouter", "vllm", "ollama", "litellm", "other"] = "other"
    # Up to and with /v1. Empty: the preset's.
    base_url: str = Field(default="", pattern=r"^(https?://[^\s]+)?$")
    model: str = Field(min_length=1)
    api_key_file: Path | None = None
    # The name of an environment variable with the key, instead of a file.
    api_key_variable: str = Field(default="", pattern=r"^[A-Za-z_0-9]*$")
    organisation: str = ""
    # Sent with every call. A header that is a secret does not belong here, but into a file or a variable.
    headers: Mapping[HeaderName, str] = Field(default_factory=dict)
    # Header to the file, or to the environment variable, that holds its value; read anew for each call.
    header_files: Mapping[HeaderName, Path] = Field(default_factory=dict)
    header_variables: Mapping[HeaderName, str] = Field(default_factory=dict)
    # None: the provider's own.
    temperature: float | None = Field(default=None, ge=0, le=2)
    effort: Effort = ""
    prices: LanguageModelPriceSettings = LanguageModelPriceSettings()

    @model_validator(mode="after")
    def _has_an_address(self) -> Self:
        if not self.address:
            raise ValueError(f"the preset {self.preset} needs a base_url, such as https://HOST/v1")
        return self

    @property
    def address(self) -> str:
        """Where calls go."""
        return self.base_url or _MODEL_ADDRESSES.get(self.preset, "")

    def read_api_key(self, *, needed: bool) -> str:
        """Give the key, read anew each time; "" when there is none and none is needed."""
        if self.api_key_file is None and not self.api_key_variable and not needed:
            return ""
        value = os.environ.get(self.api_key_variable, "") if self.api_key_variable else ""
        key = read_secret("llm.endpoints.api_key", SecretStr(value), self.api_key_file)
        return _fit_for_a_header("llm.endpoints.api_key", key)

    def read_secret_headers(self) -> Mapping[str, str]:
        """Give the headers that are secrets, read anew each time; SettingsError names one that is not there."""
        found = {name: read_secret("llm.endpoints.header", None, file) for name, file in self.header_files.items()}
        for name, variable in self.header_variables.items():
            found[name] = os.environ.get(variable, "")
            if not found[name]:
                raise SettingsError(f"llm.endpoints.header_variables: {name} is to be in ${variable}, which is empty.")
        return {name: _fit_for_a_header(f"llm.endpoints, header {name}", value) for name, value in found.items()}


def _fit_for_a_header(name: str, value: str) -> str:
    """Refuse what no header can hold, before somebody quotes it in an error."""
    if not (value.isascii() and value.isprintable()):
        raise SettingsError(f"{name}: a secret for a header is one line of printable ASCII, and this one is not.")
    return value


class LanguageModelLimitSettings(Section):
    """The most that may be used in one span; None: no limit."""

    calls: int | None = Field(default=None, ge=0)
    tokens: int | None = Field(default=None, ge=0)
    # In the currency of the prices.
    money: float | None = Field(default=None, ge=0)


class LanguageModelLimitsSettings(Section):
    """Days and months are those of the calendar, UTC."""

    pull_request: LanguageModelLimitSettings = LanguageModelLimitSettings(calls=20, tokens=400_000)
    day: LanguageModelLimitSettings = LanguageModelLimitSettings(calls=500, tokens=5_000_000)
    month: LanguageModelLimitSettings = LanguageModelLimitSettings()


class LanguageModelOverrideSettings(Section):
    """What is different for some ways of asking, or for some repositories. Only what is written here is."""

    # Empty: all of them.
    asks: tuple[Literal["review", "audit", "diagnose", "gate"], ...] = ()
    # owner/name patterns; empty: all that may be sent at all.
    repositories: tuple[str, ...] = ()
    # In the place of llm.endpoints, all of them.
    endpoints: Annotated[tuple[LanguageModelEndpointSettings, ...], Field(min_length=1, max_length=5)] | None = None
    # Of every endpoint that is asked.
    temperature: float | None = Field(default=None, ge=0, le=2)
    effort: Effort | None = None
    # As the settings of the same name.
    language: str | None = Field(default=None, min_length=1)
    timeout: float | None = Field(default=None, gt=0, le=600)
    deadline: float | None = Field(default=None, gt=0, le=3600)
    answer_tokens: int | None = Field(default=None, ge=100, le=100_000)
    prompt_characters: int | None = Field(default=None, ge=4_000, le=2_000_000)
    prompts_folder: Path | None = None

    @property
    def told(self) -> Mapping[str, Any]:
        """What is different, by name."""
        names = set(type(self).model_fields) - {"asks", "repositories"}
        return {name: value for name in sorted(names) if (value := getattr(self, name)) is not None}

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.asks or self.repositories):
            raise ValueError("name asks or repositories: what holds for everything is set without an override")
        if not self.told:
            raise ValueError("nothing is different in it")
        return self


class LanguageModelSettings(Section):
    """Opinions of a language model. Nothing leaves before a repository is named and an endpoint is set up."""

    # The kill switch.
    enabled: bool = True
    # In order of preference: the next one is asked when one cannot be reached.
    endpoints: Annotated[tuple[LanguageModelEndpointSettings, ...], Field(max_length=5)] = ()
    # owner/name patterns (shell-like) of repositories whose redacted reports may be sent. Empty: none.
    repositories: tuple[str, ...] = ()
    # Of the answers.
    language: str = Field(default="English", min_length=1)
    # Seconds for one call, and for everything until there is an opinion.
    timeout: float = Field(default=60, gt=0, le=600)
    deadline: float = Field(default=180, gt=0, le=3600)
    # Tokens of one answer.
    answer_tokens: int = Field(default=4000, ge=100, le=100_000)
    # Characters of the report that are sent; the rest is summarised.
    prompt_characters: int = Field(default=60_000, ge=4_000, le=2_000_000)
    # A folder with prompts of your own: review.txt, audit.txt, diagnose.txt, gate.txt.
    prompts_folder: Path | None = None
    # All that match are laid over the settings above, one after the other: the last word counts.
    overrides: Annotated[tuple[LanguageModelOverrideSettings, ...], Field(max_length=20)] = ()
    # Of all calls together, whatever the overrides say.
    limits: LanguageModelLimitsSettings = LanguageModelLimitsSettings()
    # May a pull request be cleared without a person? Off.
    gate: GateSettings = GateSettings()

    @property
    def asks_somebody(self) -> bool:
        """Whether there is an endpoint, if only for some ways of asking or some repositories."""
        return bool(self.endpoints) or any(one.endpoints for one in self.overrides)
