"""A language model that says what it was told to say: an OpenAI-compatible endpoint on loopback.

It shares no code with the bot::

    model = LanguageModelStandIn(folder)
    await model.start()
    openai.AsyncOpenAI(base_url=model.base_url, api_key="any")
    await model.stop()

``POST {base_url}/chat/completions`` (also streamed) and ``GET {base_url}/models``, in OpenAI's
shapes. Without a script it answers with one sentence, or with the smallest value that the asked-for
JSON schema allows. The control API, all JSON, under ``{origin}/_control/``:

===================  =========================================================================
GET calls, usage     every request, oldest first: key, body, status, tokens; the tokens so far
POST answers         append a scripted answer (script.Answer): used in order, by what the prompt says
GET answers          those that are left; DELETE: forget them
GET, POST settings   in what servers differ: ``json_schema`` and ``json_object`` (honour, refuse_400,
                     refuse_500, ignore), ``json_object_schema``, ``keys``, ``models``, ``strict_models``,
                     ``context_tokens``
===================  =========================================================================

In Python, ``model.script.add(Answer(...))`` does the same, and ``model.script.model = function`` is a
whole model: it sees each request and gives an Answer, or None (``plausible`` is one, for the demo). Every
kind of wrong answer is a field of Answer: errors, Retry-After, refusals, truncation, broken connections,
any text at all.
"""

from gitops_bot.sandbox.llm.reviewer import plausible
from gitops_bot.sandbox.llm.script import Answer
from gitops_bot.sandbox.llm.standin import LanguageModelStandIn

__all__ = ["Answer", "LanguageModelStandIn", "plausible"]
