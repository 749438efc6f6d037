"""A running service whose language model is the stand-in: for what people ask it, by a click or by a command."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from click_world import ClickWorld, click_world

from gitops_bot.sandbox.llm import Answer, LanguageModelStandIn

KEY = "our-gateway-0001"


@dataclass
class ModelWorld:
    """``world`` is the service with its stand-ins, ``model`` the stand-in that it asks."""

    world: ClickWorld
    model: LanguageModelStandIn

    def says(self, times: int = 1, **fields: object) -> None:
        """Let the model answer with this JSON object."""
        self.model.script.add(
            Answer(text=json.dumps(fields), times=times, prompt_tokens=100_000, completion_tokens=10_000)
        )

    def prompts(self) -> list[str]:
        """What it was asked so far."""
        return [call["body"]["messages"][1]["content"] for call in self.model.calls]


@asynccontextmanager
async def model_world(folder: Path, llm: str = "", *, repositories: str = "acme/*") -> AsyncIterator[ModelWorld]:
    """Give it. ``llm``: further lines of the settings below ``llm:``, indented."""
    model = LanguageModelStandIn(folder / "model")
    await model.start()
    (folder / "llm-key").write_text(KEY, encoding="utf-8")
    settings = (
        f"llm:\n  repositories: ['{repositories}']\n  deadline: 5\n"
        f"  endpoints: [{{base_url: '{model.base_url}', model: small, api_key_file: {folder / 'llm-key'}, "
        f"prices: {{input: 1, output: 2}}}}]\n{llm}"
    )
    try:
        async with click_world(folder, settings) as world:
            yield ModelWorld(world, model)
    finally:
        await model.stop()
