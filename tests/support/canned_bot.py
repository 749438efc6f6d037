"""A bot that knows the tour by heart, and that can be told to be wrong in one way.

    python canned_bot.py DESCRIPTION.json none|no-changes|twice|deaf|talkative|lenient

A lenient one lets the author approve, tells a model's opinion as if it were its own, and clears everything.

It looks at nothing but the list of pull requests and says what the tour expects. With ``none`` the
tour must hold; with each fault it must fail: so a tour that fails, fails because of the fault.
"""

import asyncio
import json
import re
import sys
from pathlib import Path
from typing import Any

import httpx
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

UPDATE = re.compile(r"Update podinfo to (\d+\.\d+)\.(\d+)")

OPINION = "A model's opinion: worth a look\n"
FINDING = "It points to cache, which nobody has seen. `stand-in-large` · 500 tokens, cost 0.0012"


def says(title: str, *, released: bool = True) -> str | None:
    if title == "Update nginx to 1.29.2":
        return "1 object changes: image nginx:1.29.2" if released else "held: the branch lies in sasha/fleet"
    if title == "Call web by its new name":
        return "blocked: Deployment web, spec.selector: field is immutable"
    if title == "Update prometheus to v3.5.1":
        return "1 object changes\ngate image-updates would have cleared this (score 92, 60 needed)"
    if title == "Update ingress-nginx to v1.13.4":
        return "2 objects change\ngate image-updates would not have cleared this: ClusterRole/prometheus changes"
    found = UPDATE.fullmatch(title)
    if found is None:
        return None
    old, new = f"{found[1]}.{int(found[2]) - 1}", f"{found[1]}.{found[2]}"
    key = f"PODINFO_CACHE_{new.replace('.', '_')}"
    return (
        f"2 objects change\nDeployment podinfo: image podinfo:{old} → podinfo:{new}\nConfigMap podinfo: {key} added\n"
        "drift that was there: PODINFO_UI_MESSAGE Maintenance until noon"
    )


class CannedBot:
    def __init__(self, world: dict[str, Any], fault: str) -> None:
        self.github, self.slack, self.fault = world["github"], world["slack"], fault
        self.repository = self.github["repositories"][0]
        self.people = {user: login for login, user in self.slack["users"].items()}
        retries = [AsyncRateLimitErrorRetryHandler(max_retry_count=10)]
        self.web = AsyncWebClient(token=self.slack["bot_token"], base_url=self.slack["api_url"], retry_handlers=retries)
        self.api = httpx.AsyncClient(
            base_url=f"{self.github['api_url']}/repos/{self.repository}",
            headers={"Authorization": f"Bearer {self.github['tokens'][self.github['bot_login']]}"},
            trust_env=False,
        )
        # Number to the pull request as GitHub gave it.
        self.known: dict[int, dict[str, Any]] = {}
        self.first = True
        self.released: set[int] = set()
        self.useful: set[int] = set()

    async def run(self) -> None:
        socket = SocketModeClient(app_token=self.slack["app_token"], web_client=self.web)
        socket.socket_mode_request_listeners.append(self.on_request)
        await socket.connect()
        while True:
            await self.poll()
            await asyncio.sleep(0.3)

    async def poll(self) -> None:
        pulls = (await self.api.get("/pulls", params={"per_page": 100})).raise_for_status().json()
        for pull in reversed(pulls):
            if pull["number"] not in self.known:
                self.known[pull["number"]] = pull
                # Those of earlier tours in the same sandbox are nobody's business.
                if not self.first:
                    await self.tell(pull)
        self.first = False

    async def tell(self, pull: dict[str, Any]) -> None:
        said = says(pull["title"], released=pull["number"] in self.released)
        if said is None and self.fault != "talkative":
            return
        content = self.content(pull, said or "Only documentation changes.")
        for _ in range(2 if self.fault == "twice" else 1):
            await self.web.chat_postMessage(channel=self.slack["channel"], **content)

    def content(self, pull: dict[str, Any], said: str, done: str = "") -> dict[str, Any]:
        said = "no changes" if self.fault == "no-changes" else said
        said = said.replace("would not have", "would have") if self.fault == "lenient" else said
        name = f"{self.repository}#{pull['number']}"
        actions = ["comment", "view"] if "blocked" in said else ["comment", "approve", "view"]
        actions = ["trust", "view"] if "held" in said else actions
        if "PODINFO_CACHE" in said:
            said += f"\n{'' if self.fault == 'lenient' else OPINION}{FINDING}"
            said += "\n1 found it useful" if pull["number"] in self.useful else ""
            actions.append("useful")
        buttons = [
            {
                "type": "button",
                "text": {"type": "plain_text", "text": action},
                "action_id": action,
                "value": str(pull["number"]),
            }
            for action in actions
        ]
        section = {"type": "section", "text": {"type": "mrkdwn", "text": f"{name}\n{said}\n{done}"}}
        return {"text": f"{name}: {said}", "blocks": [section, {"type": "actions", "elements": buttons}]}

    async def on_request(self, client: Any, request: SocketModeRequest) -> None:
        await client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))
        if request.type != "interactive" or self.fault == "deaf":
            return
        action, person = request.payload["actions"][0], self.people[request.payload["user"]["id"]]
        pull = self.known[int(action["value"])]
        said = "no changes" if self.fault == "no-changes" else str(says(pull["title"]))
        if action["action_id"] == "comment":
            await self.api.post(f"/issues/{pull['number']}/comments", json={"body": said})
        elif action["action_id"] in {"trust", "useful"}:
            (self.released if action["action_id"] == "trust" else self.useful).add(pull["number"])
            where = {
                "channel": request.payload["container"]["channel_id"],
                "ts": request.payload["container"]["message_ts"],
            }
            await self.web.chat_update(**where, **self.content(pull, said))
        elif person == pull["user"]["login"] and self.fault != "lenient":
            where = {"channel": request.payload["container"]["channel_id"], "user": request.payload["user"]["id"]}
            await self.web.chat_postEphemeral(**where, text="You are the author.")
        elif action["action_id"] == "approve":
            review = {"event": "APPROVE", "commit_id": pull["head"]["sha"], "body": f"for {person}"}
            (await self.api.post(f"/pulls/{pull['number']}/reviews", json=review)).raise_for_status()
            message = request.payload["container"]
            await self.web.chat_update(
                channel=message["channel_id"],
                ts=message["message_ts"],
                **self.content(pull, said, f"approved by {person}"),
            )


if __name__ == "__main__":
    asyncio.run(CannedBot(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), sys.argv[2]).run())
