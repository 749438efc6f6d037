"""Ask a language model: providers in order of preference, answers that fit a schema, repaired once."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from gitops_bot import telemetry
from gitops_bot.config import LanguageModelSettings, NetworkSettings
from gitops_bot.errors import ModelError, ModelUnavailable, SettingsError
from gitops_bot.llm.answers import BrokenAnswer, read_answer
from gitops_bot.llm.endpoint import Endpoint, Formats, Message
from gitops_bot.llm.instructions import instructions
from gitops_bot.llm.ways import settings_for
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
        self._network = network
        self._formats: Formats = {}
        # Those that were asked already, by the settings that they were made of.
        self._endpoints: list[tuple[LanguageModelSettings, tuple[Endpoint, ...]]] = []
        # What is wrong with certificates is told at the start, and not at the first question.
        self._endpoints_for(settings.model_copy(update={"overrides": ()}))

    async def close(self) -> None:
        """Close all connections."""
        for _, endpoints in self._endpoints:
            for endpoint in endpoints:
                await endpoint.close()

    def instructions(self, asking: Asking, repository: str = "") -> str:
        """Give what the model is told to do, as it is sent before every prompt about this owner/name."""
        settings = settings_for(self._settings, asking, repository)
        return instructions(asking, settings.language, settings.prompts_folder)

    def characters(self, asking: Asking, repository: str = "") -> int:
        """Give how much of a report is sent at most when it is asked so about this owner/name."""
        return settings_for(self._settings, asking, repository).prompt_characters

    def _endpoints_for(self, settings: LanguageModelSettings) -> tuple[Endpoint, ...]:
        for known, endpoints in self._endpoints:
            if known == settings:
                return endpoints
        made = tuple(Endpoint(one, settings, self._network, self._formats) for one in settings.endpoints)
        self._endpoints.append((settings, made))
        return made

    async def ask(self, prompt: Prompt, purse: Purse) -> Said:
        """Ask, within ``deadline``. ModelError: there is no answer, and why, in the provider's own words.

        A provider that cannot be reached or refuses the call is followed by the next one; one that answers
        with something that cannot be used is not.
        """
        settings = settings_for(self._settings, prompt.asking, prompt.repository)
        endpoints = self._endpoints_for(settings)
        if not endpoints:
            raise ModelError("No language model is set up: llm.endpoints is empty.")
        loop, started = asyncio.get_running_loop(), time.monotonic()
        over = loop.time() + settings.deadline
        till = _Till(purse)
        problems: list[str] = []
        for place, endpoint in enumerate(endpoints):
            until = loop.time() + (over - loop.time()) / (len(endpoints) - place)
            try:
                with telemetry.model_seconds.time():
                    answer, repaired = await self._answer(endpoint, prompt, till, until)
            except ModelUnavailable as error:
                log.warning("a language model could not be asked", model=endpoint.model, reason=str(error))
                problems.append(str(error))
            else:
                return Said(answer, endpoint.model, till.paid, time.monotonic() - started, repaired=repaired)
        raise ModelUnavailable(" Then: ".join(problems))

    async def _answer(self, endpoint: Endpoint, prompt: Prompt, purse: Purse, until: float) -> tuple[Answer, bool]:
        """Give an answer, and whether it is the second one."""
        try:
            system = self.instructions(prompt.asking, prompt.repository)
        except SettingsError as error:
            raise ModelError(str(error)) from error
        said: Sequence[Message] = ({"role": "user", "content": prompt.text},)
        reply = await endpoint.complete(prompt.asking, system, said, purse, until)
        try:
            return await asyncio.to_thread(read_answer, prompt.asking, reply.text, endpoint.hidden), False
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
            return await asyncio.to_thread(read_answer, prompt.asking, reply.text, endpoint.hidden), True
        except BrokenAnswer as broken:
            words = endpoint.hidden(str(broken))
            raise ModelError(f"{endpoint.name} did not answer in the form asked for, twice: {words}.") from broken
