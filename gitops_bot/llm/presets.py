"""In what providers differ before a word is exchanged. Their addresses stand with the settings."""

from collections.abc import Mapping
from dataclasses import dataclass

from gitops_bot.config import LanguageModelEndpointSettings


@dataclass(frozen=True)
class Preset:
    """``answer_limit`` is the parameter that bounds an answer; ``key_header`` a second header for the key."""

    answer_limit: str = "max_tokens"
    key_header: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    needs_key: bool = True


_PRESETS: Mapping[str, Preset] = {
    # Newer models refuse max_tokens: https://platform.openai.com/docs/api-reference/chat/create
    "openai": Preset(answer_limit="max_completion_tokens"),
    # https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle: the v1 API takes OpenAI's client.
    "azure": Preset(answer_limit="max_completion_tokens", key_header="api-key"),
    # https://openrouter.ai/docs/app-attribution
    "openrouter": Preset(headers=(("X-Title", "gitops-bot"),)),
    "vllm": Preset(needs_key=False),
    "ollama": Preset(needs_key=False),
    "litellm": Preset(),
    "other": Preset(needs_key=False),
}


def preset_of(settings: LanguageModelEndpointSettings) -> Preset:
    """Give the preset of an endpoint."""
    return _PRESETS[settings.preset]
