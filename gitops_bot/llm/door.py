"""Ask a language model: providers in order of preference, answers that fit a schema, repaired once."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from gitops_bot import telemetry
from gitops_bot.config import LanguageModelSettings, NetworkSettings
from gitops_bot.errors import ModelError, ModelUnavailable
from gitops_bot.llm.answers import BrokenAnswer, read_answer
from gitops_bot.llm.endpoint import Endpoint, Message
from gitops_bot.llm.instructions import instructions
from gitops_bot.models.opinions import Answer, Asking, Prompt, Purse, Said, Usage

log = telemetry.logger(__name__)

# Of a broken answer, what goes back to the model.
_QUOTED = 8_000


@dataclass
class _Till:
    """A purse that adds up what was paid."""

    purse: Purse
    paid: Usage = field(default_factory=Usage)

    async def reserve(self, model: str, expected: Usage) -> int:
        return await self.purse.reserve(model, expected)

    async def settle(self, number: int, used: Usage) -> None:
        self.paid += used
        await self.purse.settle(number, used)


class LanguageModelDoor:
    """LanguageModel of journeys/ports.py."""

    def __init__(self, settings: LanguageModelSettings, network: NetworkSettings) -> None:
        self._settings = settings
        self._endpoints = [Endpoint(one, settings, network) for one in settings.endpoints]

    async def close(self) -> None:
        """Close all connections."""
        for endpoint in self._endpoints:
            await endpoint.close()

    def instructions(self, asking: Asking) -> str:
        """Give what the model is told to do, as it is sent before every prompt."""
        return instructions(asking, self._settings.language, self._settings.prompts_folder)

    async def ask(self, prompt: Prompt, purse: Purse) -> Said:
        """Ask, within ``llm.deadline``. ModelError: there is no answer, and why, in the provider's own words.

        A provider that cannot be reached or refuses the call is followed by the next one; one that answers
        with something that cannot be used is not.
        """
        if not self._endpoints:
            raise ModelError("No language model is set up: llm.endpoints is empty.")
        loop, started = asyncio.get_running_loop(), time.monotonic()
        over = loop.time() + self._settings.deadline
        till = _Till(purse)
        problems: list[str] = []
        for place, endpoint in enumerate(self._endpoints):
            until = loop.time() + (over - loop.time()) / (len(self._endpoints) - place)
            try:
                with telemetry.model_seconds.time():
                    answer = await self._answer(endpoint, prompt, till, until)
            except ModelUnavailable as error:
                log.warning("a language model could not be asked", model=endpoint.model, reason=str(error))
                problems.append(str(error))
            else:
                return Said(answer, endpoint.model, till.paid, time.monotonic() - started)
        raise ModelUnavailable(" Then: ".join(problems))

    async def _answer(self, endpoint: Endpoint, prompt: Prompt, purse: Purse, until: float) -> Answer:
        system = self.instructions(prompt.asking)
        said: Sequence[Message] = ({"role": "user", "content": prompt.text},)
        reply = await endpoint.complete(prompt.asking, system, said, purse, until)
        try:
            return await asyncio.to_thread(read_answer, prompt.asking, reply.text)
        except BrokenAnswer as broken:
            if not broken.is_json:
                endpoint.not_json()
            said = (
                *said,
                {"role": "assistant", "content": reply.text[:_QUOTED]},
                {"role": "user", "content": f"That does not fit: {broken}. Answer again, with the JSON object alone."},
            )
        reply = await endpoint.complete(prompt.asking, system, said, purse, until)
        try:
            return await asyncio.to_thread(read_answer, prompt.asking, reply.text)
        except BrokenAnswer as broken:
            raise ModelError(f"{endpoint.name} did not answer in the form asked for, twice: {broken}.") from broken
