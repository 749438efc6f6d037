"""Errors of slack-sdk and aiohttp, translated into ours at the border, with advice for the common ones."""

import json
from collections.abc import Mapping
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError

from gitops_bot.errors import SlackError, SlackRateLimited, SlackRefused, SlackUnavailable

# What a call through the library may raise: its own errors, the transport's, the network's, and what
# the library stumbles over when an answer is no JSON object (AttributeError, TypeError, ValueError, KeyError).
FOREIGN_ERRORS = (
    SlackClientError,
    aiohttp.ClientError,
    OSError,
    TimeoutError,
    AttributeError,
    TypeError,
    ValueError,
    KeyError,
)

# "It's possible some aspect of the operation succeeded before the error was raised":
# https://docs.slack.dev/reference/methods/chat.postMessage#errors
_DOUBTFUL = {"internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"}
_RATE_LIMITED = {"ratelimited", "rate_limited"}
_TOO_MANY_REQUESTS = 429
_SERVER_ERROR = 500
# Seconds, when Slack does not say.
_USUAL_WAIT = 30.0
_LONGEST_DETAIL = 300

_ADVICE = {
    "invalid_auth": "The token is not valid for this workspace: copy it again from the app's settings.",
    "not_authed": "No token was sent: set slack.bot_token_file.",
    "token_revoked": "The app was removed or its token revoked: install it again and renew the token.",
    "token_expired": "The token has expired: renew it.",
    "account_inactive": "The app was removed from the workspace: install it again.",
    "not_allowed_token_type": "This is another kind of token: bot_token begins with xoxb-, app_token with xapp-.",
    "missing_scope": "Add the scope in the app's OAuth settings and install the app again.",
    "no_permission": "The workspace does not let the app do this: ask its administrator.",
    "access_denied": "The workspace does not let the app do this: ask its administrator.",
    "org_login_required": "The workspace is being moved: try again when that is over.",
    "channel_not_found": "slack.channel is no channel that the app can see: invite the app, or correct the id.",
    "not_in_channel": "Invite the app to the channel: /invite @gitops-bot.",
    "is_archived": "The channel is archived: unarchive it, or set slack.channel to another one.",
    "restricted_action": "A rule of the workspace keeps the app from posting there: ask its administrator.",
    "message_not_found": "The message was deleted.",
    "cant_update_message": "The message is not the app's own.",
    "edit_window_closed": "The workspace does not allow edits of messages this old.",
    "msg_too_long": "This is a fault of gitops-bot: please report it.",
    "msg_blocks_too_long": "This is a fault of gitops-bot: please report it.",
    "invalid_blocks": "This is a fault of gitops-bot: please report it.",
    "invalid_blocks_format": "This is a fault of gitops-bot: please report it.",
    "user_not_in_channel": "That person is not in the channel.",
    "expired_trigger_id": "The click is too old for a dialog (3 seconds): press again.",
    "file_uploads_disabled": "The workspace does not allow files: ask its administrator, or do without them.",
    "link_disabled": "Switch Socket Mode on in the app's settings.",
}


def translate(error: Exception, method: str) -> SlackError:
    """Give our error for a foreign one; the caller raises it ``from`` the foreign one.

    Everything that is not Slack's plain "no" is SlackUnavailable: whether the call had an effect
    is then not known.
    """
    if isinstance(error, SlackApiError):
        return _answered(error, method)
    if isinstance(error, TimeoutError):
        return SlackUnavailable(f"Slack did not answer {method} in time.")
    if isinstance(error, aiohttp.ClientError | OSError):
        return SlackUnavailable(f"Slack could not be reached for {method}: {_without_address(error)}")
    if isinstance(error, SlackClientError):
        return SlackUnavailable(f"Slack could not carry out {method}: {type(error).__name__}")
    return SlackUnavailable(f"Slack (or a proxy before it) answered {method} with something that is no answer.")


def _answered(error: SlackApiError, method: str) -> SlackError:
    status, headers, data = _parts(error.response)
    reason = str(data.get("error") or "")
    if status == _TOO_MANY_REQUESTS or reason in _RATE_LIMITED:
        wait = _seconds(headers.get("Retry-After"))
        return SlackRateLimited(f"Slack asks to wait {wait:.0f} s before the next {method}.", wait)
    if not reason or reason in _DOUBTFUL or status >= _SERVER_ERROR:
        return SlackUnavailable(f"Slack answered {method} with status {status} {reason}".rstrip() + ".")
    said = f"Slack refuses {method}: {reason}{_detail(data)}."
    advice = _ADVICE.get(reason, "")
    return SlackRefused(f"{said} {advice}".rstrip(), reason)


def _parts(response: Any) -> tuple[int, Mapping[str, str], Mapping[str, Any]]:
    """Take an answer apart: slack-sdk hands on its own kind, aiohttp's, or a dict."""
    status = getattr(response, "status_code", None) or getattr(response, "status", None) or 0
    headers = getattr(response, "headers", None) or {}
    data = getattr(response, "data", response)
    return int(status), headers, data if isinstance(data, Mapping) else {}


def _detail(data: Mapping[str, Any]) -> str:
    """Say which scope is missing, or what is wrong with the arguments, in Slack's words."""
    if needed := data.get("needed"):
        return f" (needed: {needed}; the token has: {data.get('provided') or 'none'})"
    metadata = data.get("response_metadata")
    messages = metadata.get("messages") if isinstance(metadata, Mapping) else None
    if not messages:
        return ""
    return f" ({json.dumps(messages)[:_LONGEST_DETAIL]})"


def _seconds(value: str | None) -> float:
    try:
        return max(float(value or _USUAL_WAIT), 0.0)
    except ValueError:
        return _USUAL_WAIT


def _without_address(error: Exception) -> str:
    """Give the words of a network error without paths and queries: a socket's address is a ticket."""
    if isinstance(error, aiohttp.ClientResponseError):
        return f"status {error.status}"
    if isinstance(error, aiohttp.InvalidURL):
        return "an address that is none"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
