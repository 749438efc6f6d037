"""A person as Slack describes them, as a value. No I/O."""

from collections.abc import Mapping
from typing import Any

from gitops_bot.models.chat import ChatPerson


def read_person(user: Mapping[str, Any]) -> ChatPerson:
    """Read a user object: https://docs.slack.dev/reference/objects/user-object."""
    organisation = user.get("enterprise_user") or {}
    return ChatPerson(
        user=str(user["id"]),
        team=str(user.get("team_id") or ""),
        enterprise=str(organisation.get("enterprise_id") or user.get("enterprise_id") or ""),
        # Slack says both of a guest of one channel; either is enough.
        is_guest=bool(user.get("is_restricted") or user.get("is_ultra_restricted")),
        is_stranger=bool(user.get("is_stranger")),
        is_bot=bool(user.get("is_bot") or user.get("is_workflow_bot")),
        is_deactivated=bool(user.get("deleted")),
        email=str((user.get("profile") or {}).get("email") or ""),
    )
