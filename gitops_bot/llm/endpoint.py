"""One provider and one model: a call with our own retries, within a deadline, paid for before it is made."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import httpx2
import openai
from openai.types.chat import ChatCompletion
from pydantic import ValidationError

import gitops_bot
from gitops_bot import telemetry
from gitops_bot.config import LanguageModelEndpointSettings, LanguageModelSettings, NetworkSettings
from gitops_bot.errors import ModelError, ModelUnavailable, SettingsError
from gitops_bot.llm.formats import Format, instruction, response_format, speaks_of_format
from gitops_bot.llm.presets import preset_of
from gitops_bot.models.opinions import Asking, Purse, Usage
from gitops_bot.rules.cleaning import clean_line

# Bytes of one answer: what its tokens come to many times over.
_LARGEST = 2 << 20
_LARGEST_ERROR = 64 << 10
_ATTEMPTS = 4
_LONGEST_WAIT = 8.0
_WORDS = 300
# The most that a column for whole numbers holds in every database.
_MOST_TOKENS = (1 << 31) - 1
# Bytes of a token, low enough for every language.
_TOKEN = 3
_AGAIN = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS}
# What refusals of a format come as.
_FORMAT = {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.NOT_IMPLEMENTED,
}
_ADVICE = {
    HTTPStatus.UNAUTHORIZED: " Check the key in llm.endpoints.",
    HTTPStatus.FORBIDDEN: " Check what the key of llm.endpoints may do.",
    HTTPStatus.NOT_FOUND: " Check base_url and model in llm.endpoints.",
}

Message = Mapping[str, str]


@dataclass(frozen=True)
class Reply:
    """What a model said, whole, and in which format it was asked."""

    text: str
    form: Format
    usage: Usage


class _Again(Exception):
    """Worth another try; ``wait`` is what the provider asks for, in seconds."""

    def __init__(self, words: str, *, wait: float | None = None, failed: bool = False) -> None:
        super().__init__(words)
        self.wait = wait
        # The server broke down: some do so over a format that they do not know.
        self.failed = failed


class _BoundedStream(httpx2.AsyncByteStream):
    """The body of an answer, up to a size."""

    def __init__(self, inner: httpx2.AsyncByteStream, most: int, words: str) -> None:
        self._inner = inner
        self._most = most
        self._words = words

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = self._most
        async for piece in self._inner:
            left -= len(piece)
            if left < 0:
                raise ModelUnavailable(f"{self._words}: that is no answer.")
            yield piece

    async def aclose(self) -> None:
        """Close the connection, or give it back."""
        await self._inner.aclose()


class _FormatRefused(Exception):
    """The server does not know this format."""


# Which format the server takes, by address and model: every way of asking there learns it.
Formats = dict[tuple[str, str], Format]


class Endpoint:
    """A provider as the settings name it, for one way of asking. ``formats`` are those known to work."""

    def __init__(
        self,
        settings: LanguageModelEndpointSettings,
        common: LanguageModelSettings,
        network: NetworkSettings,
        formats: Formats,
    ) -> None:
        self._settings = settings
        self._common = common
        self._preset = preset_of(settings)
        self._formats = formats
        self._key = ""
        self._secret_headers: Mapping[str, str] = {}
        address = settings.address
        self.name = f"{settings.model} at {urlsplit(address).hostname}"
        self._client = openai.AsyncOpenAI(
            base_url=address,
            api_key="none",
            max_retries=0,
            timeout=common.timeout,
            http_client=openai.DefaultAsyncHttpxClient(
                proxy=network.proxy_for(address),
                verify=network.certificates,
                trust_env=False,
                # The key goes nowhere else.
                follow_redirects=False,
                event_hooks={"response": [self._bounded]},
            ),
        )
        # $OPENAI_LOG would tell of every request.
        logging.getLogger("openai").setLevel(logging.WARNING)
        # The client takes these from the environment otherwise ($OPENAI_ORG_ID, $OPENAI_PROJECT_ID, …).
        self._client.organization = settings.organisation or None
        self._client.project = None
        self._client._custom_headers = {  # noqa: SLF001 # given to it they are mixed with $OPENAI_CUSTOM_HEADERS
            "User-Agent": f"gitops-bot/{gitops_bot.__version__}",
            # An answer is bounded by what is read; nothing may grow behind that.
            "Accept-Encoding": "identity",
            **dict(self._preset.headers),
            **settings.headers,
        }

    @property
    def model(self) -> str:
        """The name of the model."""
        return self._settings.model

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def not_json(self) -> None:
        """Go one step down: the server took the format, and gave something else."""
        self._form = self._form.lower or self._form

    @property
    def _form(self) -> Format:
        return self._formats.get((self._settings.address, self.model), Format.JSON_SCHEMA)

    @_form.setter
    def _form(self, form: Format) -> None:
        self._formats[self._settings.address, self.model] = form

    async def complete(
        self, asking: Asking, system: str, conversation: Sequence[Message], purse: Purse, until: float
    ) -> Reply:
        """Ask. ``until``: the event loop's time at which it has to be over. ModelError has the provider's words."""
        form = self._form
        while True:
            try:
                reply = await self._patiently(asking, form, system, conversation, purse, until)
            except _FormatRefused as error:
                lower = form.lower
                if lower is None:
                    raise ModelError(str(error)) from error
                form = lower
            else:
                self._form = form
                return reply

    async def _patiently(
        self, asking: Asking, form: Format, system: str, conversation: Sequence[Message], purse: Purse, until: float
    ) -> Reply:
        loop = asyncio.get_running_loop()
        for attempt in range(_ATTEMPTS):
            try:
                async with asyncio.timeout_at(min(until, loop.time() + self._common.timeout)):
                    return await self._paid(asking, form, system, conversation, purse)
            except TimeoutError as error:
                problem = _Again(f"{self.name} did not answer within {self._common.timeout:g} s.")
                problem.__cause__ = error
            except _Again as error:
                problem = error
                if error.failed and attempt and form is not Format.TEXT:
                    raise _FormatRefused(str(error)) from error
            wait = problem.wait if problem.wait is not None else min(0.5 * 2**attempt, _LONGEST_WAIT)
            if attempt + 1 == _ATTEMPTS or loop.time() + wait >= until:
                raise ModelUnavailable(str(problem)) from problem
            await asyncio.sleep(wait)
        raise AssertionError("the last attempt raises")

    async def _paid(
        self, asking: Asking, form: Format, system: str, conversation: Sequence[Message], purse: Purse
    ) -> Reply:
        messages = [{"role": "system", "content": f"{system}\n\n{instruction(form, asking)}"}, *conversation]
        size = sum(len(message["content"].encode()) for message in messages)
        expected = self._priced(size // _TOKEN + 1, self._common.answer_tokens)
        try:
            self._key = self._settings.read_api_key(needed=self._preset.needs_key)
            self._secret_headers = self._settings.read_secret_headers()
        except SettingsError as error:
            # A file that goes while we run: people read why there is no answer, and the next endpoint is asked.
            raise ModelUnavailable(f"{self.name} was not asked: {error}") from error
        number = await purse.reserve(self.model, expected)
        # What is not known to be free is taken to be as dear as it can be. A kill leaves it reserved.
        used = expected
        try:
            completion = await self._sent({"messages": messages, **response_format(form, asking)})
            counted = completion.usage
            used = self._priced(counted.prompt_tokens, counted.completion_tokens) if counted else expected
            telemetry.model_calls.labels(self.model, "answered").inc()
            return Reply(self._text(completion), form, used)
        except openai.APIStatusError as error:
            used = Usage(calls=1)
            telemetry.model_calls.labels(self.model, str(error.status_code)).inc()
            raise self._translated(error, form) from error
        except (openai.OpenAIError, httpx2.HTTPError, OSError) as error:
            telemetry.model_calls.labels(self.model, "broken").inc()
            raise _Again(f"{self.name} cannot be reached, or broke off: {self._shown(_reason(error))}") from error
        except asyncio.CancelledError:
            telemetry.model_calls.labels(self.model, "late").inc()
            raise
        finally:
            # Also when the time is up: the purse must be told, and that takes a moment.
            await asyncio.shield(purse.settle(number, used))
            telemetry.model_tokens.labels(self.model, "prompt").inc(used.prompt_tokens)
            telemetry.model_tokens.labels(self.model, "answer").inc(used.answer_tokens)
            telemetry.model_money.labels(self.model).inc(used.money)

    def _priced(self, prompt_tokens: int, answer_tokens: int) -> Usage:
        # A provider that counts backwards gives nothing back; one that counts without end is written down all the same.
        asked, said = (min(max(tokens or 0, 0), _MOST_TOKENS) for tokens in (prompt_tokens, answer_tokens))
        prices = self._settings.prices
        money = (asked * prices.input + said * prices.output) / 1_000_000
        return Usage(1, asked, said, money)

    async def _sent(self, content: Mapping[str, Any]) -> ChatCompletion:
        """Send one request and read no more of its answer than is allowed."""
        self._client.api_key = self._key or "none"
        request: dict[str, Any] = {
            "model": self.model,
            self._preset.answer_limit: self._common.answer_tokens,
            **content,
        }
        if self._settings.temperature is not None:
            request["temperature"] = self._settings.temperature
        if self._settings.effort:
            request["reasoning_effort"] = self._settings.effort
        headers = {self._preset.key_header: self._key} if self._preset.key_header and self._key else {}
        headers |= self._secret_headers
        completions = self._client.chat.completions.with_streaming_response
        async with completions.create(**request, extra_headers=headers) as answer:
            body = bytearray()
            async for piece in answer.iter_bytes():
                body += piece
                if len(body) > _LARGEST:
                    raise ModelUnavailable(f"{self.name} sent more than {_LARGEST:,} bytes: that is no answer.")
        try:
            return ChatCompletion.model_validate_json(bytes(body))
        except ValidationError as error:
            raise ModelError(f"{self.name} answered with something that is no completion.") from error

    async def _bounded(self, response: httpx2.Response) -> None:
        """Let nobody read more than is allowed, not even the client, which reads errors whole."""
        # What is packed grows when it is read: an error is short either way.
        most = _LARGEST_ERROR if response.is_error else _LARGEST
        if isinstance(response.stream, httpx2.AsyncByteStream):
            response.stream = _BoundedStream(response.stream, most, f"{self.name} sent more than {most:,} bytes")

    def _text(self, completion: ChatCompletion) -> str:
        """Give what the model said; ModelError when it said nothing that can be used."""
        if not completion.choices:
            raise ModelError(f"{self.name} gave no answer.")
        choice = completion.choices[0]
        message, text = choice.message, choice.message.content or ""
        if message.refusal:
            raise ModelError(f"{self.name} refused: {self._shown(message.refusal)}")
        if choice.finish_reason == "content_filter":
            raise ModelError(f"{self.name}: the provider's content filter held the answer back.")
        if message.tool_calls or message.function_call:
            raise ModelError(f"{self.name} wanted to call a tool; it has none.")
        if choice.finish_reason == "length":
            raise ModelError(
                f"{self.name}: the answer was cut off at {self._common.answer_tokens} tokens (llm.answer_tokens)."
            )
        if not text.strip():
            raise ModelError(f"{self.name} gave an empty answer.")
        return text

    def _translated(self, error: openai.APIStatusError, form: Format) -> Exception:
        status = error.status_code
        said = self._shown(_reason(error))
        words = f"{self.name} answered {status}: {said}{_ADVICE.get(HTTPStatus(status), '') if _known(status) else ''}"
        if form is not Format.TEXT and status in _FORMAT and speaks_of_format(_reason(error)):
            return _FormatRefused(words)
        if status in _AGAIN or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            failed = status == HTTPStatus.INTERNAL_SERVER_ERROR
            return _Again(words, wait=_retry_after(error.response.headers.get("retry-after", "")), failed=failed)
        return ModelUnavailable(words)

    def _shown(self, words: str) -> str:
        """Give the provider's words on one line, without anything secret."""
        line = clean_line(self.hidden(words)).strip()
        return line if len(line) <= _WORDS else f"{line[: _WORDS - 1]}…"

    def hidden(self, words: str) -> str:
        """Take out what is secret: a gateway sees the key, and some repeat what they see."""
        for secret in filter(None, (self._key, *self._secret_headers.values())):
            words = words.replace(secret, "«hidden»")
        return telemetry.without_tokens(words)


def _known(status: int) -> bool:
    return status in HTTPStatus._value2member_map_


def _reason(error: Exception) -> str:
    body = getattr(error, "body", None)
    said = body.get("message") if isinstance(body, Mapping) else None
    if isinstance(said, str) and said:
        return said
    return str(error.__cause__ or error) or type(error).__name__


def _retry_after(text: str) -> float | None:
    """Read the header, seconds or a date: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after."""
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError, OverflowError):
            return None
    # Neither NaN nor a time before now.
    return max(seconds, 0.0) if seconds == seconds else None  # noqa: PLR0124 # only NaN differs from itself
