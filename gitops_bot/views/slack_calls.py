"""People and groups who are called because something is grave. An edit rings nobody's phone, so it is a post."""

from collections.abc import Sequence

from gitops_bot.models.chat import ChatMessage
from gitops_bot.views import slack_blocks as block
from gitops_bot.views.text import slack_mention


def call_message(ids: Sequence[str]) -> ChatMessage:
    """Mention people and groups: https://docs.slack.dev/messaging/formatting-message-text#mentioning-groups."""
    names = " ".join(f"<!subteam^{one}>" if one.startswith("S") else slack_mention(one) for one in ids)
    text = f"Please look, a risk is grave: {names}"
    return ChatMessage(text, (block.section(text),))
