"""The views.* methods, and the trigger ids that allow them."""

import secrets
import time
from dataclasses import dataclass
from typing import Any

from gitops_bot.sandbox.slack.arguments import Arguments
from gitops_bot.sandbox.slack.block_kit import check_modal
from gitops_bot.sandbox.slack.methods import Method
from gitops_bot.sandbox.slack.records import View
from gitops_bot.sandbox.slack.refusals import SlackRefusal
from gitops_bot.sandbox.slack.workspace import Workspace, new_id

# Seconds that a trigger id is good for, once: https://docs.slack.dev/interactivity/handling-user-interaction
TRIGGER_LIFE = 3.0
STACKED_VIEWS = 3


@dataclass
class _Trigger:
    user: str
    expires: float
    view: str = ""
    used: bool = False


class Views:
    """Open dialogs."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._triggers: dict[str, _Trigger] = {}
        self.trigger_life = TRIGGER_LIFE

    def table(self) -> dict[str, Method]:
        """Give the methods by name."""
        return {
            "views.open": Method(self.open, 100),
            "views.push": Method(self.push, 100),
            "views.update": Method(self.update, 100),
        }

    def new_trigger(self, user: str, view: str = "") -> str:
        """Give a trigger id for what somebody just did; ``view``: the dialog in which they did it."""
        now = time.monotonic()
        # Long dead ones are dropped, so that a long demo does not grow.
        self._triggers = {key: one for key, one in self._triggers.items() if one.expires > now - 600}
        trigger = f"{secrets.randbelow(10**13)}.{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"
        self._triggers[trigger] = _Trigger(user, now + self.trigger_life, view)
        return trigger

    def open(self, arguments: Arguments) -> dict[str, Any]:
        """Show a dialog to the person who caused the trigger."""
        trigger = self._use(arguments)
        view = self.show(trigger.user, self._content(arguments))
        return {"view": self.json(view)}

    def push(self, arguments: Arguments) -> dict[str, Any]:
        """Lay a dialog over the one in which the trigger was caused."""
        trigger = self._use(arguments)
        below = self._workspace.views.get(trigger.view)
        if below is None or below.closed:
            raise SlackRefusal("not_found")
        view = self.show(trigger.user, self._content(arguments), below=below)
        return {"view": self.json(view)}

    def update(self, arguments: Arguments) -> dict[str, Any]:
        """Replace the content of an open dialog."""
        view = self._workspace.views.get(arguments.text("view_id", ""))
        external = arguments.text("external_id", "")
        if view is None and external:
            view = next((one for one in self._workspace.views.values() if one.external_id == external), None)
        if view is None or view.closed:
            raise SlackRefusal("not_found")
        if arguments.text("hash", "") not in {"", view.hash}:
            raise SlackRefusal("hash_conflict")
        self.replace(view, self._content(arguments))
        return {"view": self.json(view)}

    def show(self, user: str, content: dict[str, Any], below: View | None = None) -> View:
        """Make a dialog, over another one if ``below`` is given."""
        external = content.get("external_id", "")
        if external and any(one.external_id == external for one in self._workspace.views.values() if not one.closed):
            raise SlackRefusal("duplicate_external_id")
        if below is not None and len(self.stack(below)) >= STACKED_VIEWS:
            raise SlackRefusal("push_limit_reached")
        view_id = new_id("V")
        view = View(
            view_id,
            user,
            content,
            _hash(),
            root=below.root if below else view_id,
            previous=below.id if below else "",
            external_id=external,
        )
        self._workspace.views[view_id] = view
        self._workspace.changed()
        return view

    def replace(self, view: View, content: dict[str, Any]) -> None:
        """Put new content into a dialog. What was typed stays where block and action ids are the same."""
        view.content = content
        view.hash = _hash()
        view.errors = {}
        self._workspace.changed()

    def stack(self, view: View) -> list[View]:
        """Give the dialogs under and with this one, the lowest first."""
        below = self._workspace.views.get(view.previous)
        return [*(self.stack(below) if below else []), view]

    def json(self, view: View) -> dict[str, Any]:
        """Give the view object."""
        workspace = self._workspace
        return view.as_json(team=workspace.team_id, app=workspace.app_id, bot=workspace.bot_id)

    def _content(self, arguments: Arguments) -> dict[str, Any]:
        return check_modal(arguments.structure("view", "invalid_arguments"))

    def _use(self, arguments: Arguments) -> _Trigger:
        trigger = self._triggers.get(arguments.text("trigger_id"))
        if trigger is None:
            raise SlackRefusal("invalid_trigger_id")
        if trigger.used:
            raise SlackRefusal("exchanged_trigger_id")
        if time.monotonic() > trigger.expires:
            raise SlackRefusal("expired_trigger_id")
        # A refused dialog does not use the trigger up: it can be mended and sent again in time.
        self._content(arguments)
        trigger.used = True
        return trigger


def _hash() -> str:
    return f"{int(time.time())}.{secrets.token_hex(4)}"
