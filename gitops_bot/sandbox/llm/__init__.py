"""A language model that says what it was told to say: an OpenAI-compatible endpoint on loopback.

It shares no code with the bot::

    model = LanguageModelStandIn(folder)
    await model.start()
    openai.AsyncOpenAI(base_url=model.base_url, api_key="any")
    await model.stop()

``POST {base_url}/chat/completions`` (also streamed) and ``GET {base_url}/models``, in OpenAI's
shapes. Without a script it answers with one sentence, or with the smallest value that the asked-for
JSON schema allows. The control API, all JSON, under ``{origin}/_control/``:

==============  ==============================================================================
GET calls       every request, oldest first: key, body, status, tokens
POST answers    append a scripted answer (script.Answer): used in order, by what the prompt says
GET answers     those that are left; DELETE: forget them
==============  ==============================================================================
"""

from gitops_bot.sandbox.llm.standin import LanguageModelStandIn

__all__ = ["LanguageModelStandIn"]
