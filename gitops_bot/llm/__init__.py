"""Ask a language model for an opinion: any provider that speaks OpenAI's API."""

from gitops_bot.llm.door import LanguageModelDoor

__all__ = ["LanguageModelDoor"]
