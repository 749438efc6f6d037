"""Marks that part the turns of a conversation with a language model, and mean nothing to anybody else.

Servers of open models write a conversation as one text, and many read these marks out of what a user wrote, too:
a fence does not hold against one. https://huggingface.co/docs/transformers/chat_templating
"""

import re

# ChatML, Llama 3, Phi, Command R, Granite: <|…|>; DeepSeek: the same with wide bars.
_BARS = r"<(?=[|\uff5c])"
_NAMES = "INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|THINK"
_TAGS = "s|bos|eos|pad|unk|think|tool_call|tool_response|start_of_turn|end_of_turn"
_ANY = re.compile(rf"{_BARS}|<(?=</?SYS>>|/?(?:{_TAGS})>)|\[(?=/?(?:{_NAMES})\])")
# What nobody writes by chance: neither HTML nor a programming language has it.
_PLAIN = re.compile(rf"<\|[A-Za-z0-9_]{{2,40}}\|>|<\uff5c|<</?SYS>>|<(?:start|end)_of_turn>|\[/?(?:{_NAMES})\]")


def without_chat_marks(text: str) -> str:
    """Replace what such a mark begins with by a sign that looks like it; the length stays the same."""
    return _ANY.sub(lambda found: "\u2039" if found[0] == "<" else "\u2045", text)


def has_chat_marks(text: str) -> bool:
    """Whether a text speaks to a model, plainly."""
    return _PLAIN.search(text) is not None
