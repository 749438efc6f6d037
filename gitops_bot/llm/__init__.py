"""Ask a language model for an opinion: any provider that speaks OpenAI's API."""

from gitops_bot.llm.door import LanguageModelDoor
from gitops_bot.llm.ways import Way, all_ways

__all__ = ["LanguageModelDoor", "Way", "all_ways"]
