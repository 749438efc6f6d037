"""The Slack door against the stand-in: every promise of the Protocol ``Chat``, and the sockets."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import sample_reports
from waiting import eventually, until

from gitops_bot.config import NetworkSettings, SlackSettings
from gitops_bot.errors import SettingsError, SlackError, SlackRateLimited, SlackRefused, SlackUnavailable
from gitops_bot.models.chat import ChatFile, ChatMessage, Click, PostedMessage
from gitops_bot.rules.decisions import Action
from gitops_bot.sandbox.slack import SlackStandIn
from gitops_bot.slack import SlackDoor
from gitops_bot.slack import door as door_module
from gitops_bot.views.slack_message import open_pull_requests_message, review_message

BUTTON = {"type": "button", "text": {"type": "plain_text", "text": "Go"}, "action_id": "approve", "value": "report-1"}


def message(key: str = "k1", text: str = "hello") -> ChatMessage:
    words = {"type": "section", "text": {"type": "mrkdwn", "text": text}}
    return ChatMessage(text, (words, {"type": "actions", "elements": [BUTTON]}), key)


class World:
    """A workspace, a channel, somebody in it, and the door."""

    def __init__(self, standin: SlackStandIn) -> None:
        self.standin = standin
        self.channel = standin.create_channel("deployments")
        self.alice = standin.create_user("alice")
        self.clicks: list[Click] = []
        self.door = self.new_door()

    def new_door(self, **settings: Any) -> SlackDoor:
        given = {
            "api_url": self.standin.api_url,
            "bot_token": self.standin.bot_token,
            "app_token": self.standin.app_token,
            "channel": self.channel,
        } | settings
        return SlackDoor(SlackSettings(**given), NetworkSettings())

    async def take(self, click: Click) -> None:
        self.clicks.append(click)

    async def listen(self) -> None:
        await self.door.start(self.take)
        await until(lambda: len(self.standin.sockets.connections) == 2, "two sockets")
        await until(lambda: self.door.connected, "the door says that it listens")

    async def press(self, posted: PostedMessage, action: str = "approve", **more: Any) -> dict[str, Any]:
        gesture = {"user": self.alice, "channel": posted.channel, "ts": posted.timestamp, "action_id": action} | more
        return await self.standin.interactions.click(gesture)

    async def has_files(self, posted: PostedMessage, *names: str) -> None:
        """Wait for files: Slack shares them a moment after the upload."""

        async def question() -> bool:
            return await self.door.files_in_thread(posted) == set(names)

        await eventually(question, f"the files {names}")

    def calls(self, method: str) -> list[dict[str, Any]]:
        return [call for call in self.standin.workspace.calls if call["method"] == method]

    def messages(self) -> list[Any]:
        return list(self.standin.workspace.messages[self.channel].values())


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    standin = SlackStandIn(tmp_path)
    await standin.start()
    there = World(standin)
    yield there
    await there.door.stop()
    await standin.stop()


async def test_a_post_is_found_again_by_its_key(world: World) -> None:
    first = await world.door.post(world.channel, message("k1"))
    second = await world.door.post(world.channel, message("k2"))
    assert await world.door.find(world.channel, "k1") == first
    assert await world.door.find(world.channel, "k3") is None
    assert await world.door.known_messages(world.channel) == {"k1": first, "k2": second}


async def test_a_message_of_somebody_else_is_not_ours_whatever_its_metadata_say(world: World) -> None:
    posted = await world.door.post(world.channel, message("k1"))
    stored = world.standin.workspace.messages[world.channel][posted.timestamp]
    stored.app = {**stored.app, "bot_id": "B0STRANGER"}
    assert await world.door.find(world.channel, "k1") is None
    assert await world.door.known_messages(world.channel) == {}


async def test_the_newest_of_two_with_one_key_is_found(world: World) -> None:
    await world.door.post(world.channel, message("k1"))
    newer = await world.door.post(world.channel, message("k1"))
    assert await world.door.find(world.channel, "k1") == newer
    assert await world.door.known_messages(world.channel) == {"k1": newer}


async def test_an_old_message_is_found_over_several_pages(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door_module, "_PAGE", 2)
    world.standin.rates.enforced = False
    first = await world.door.post(world.channel, message("k1"))
    for number in range(5):
        await world.door.post(world.channel, message(f"other-{number}"))
    assert await world.door.find(world.channel, "k1") == first
    assert len(world.calls("conversations.history")) == 3


async def test_looking_back_has_an_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door_module, "_PAGE", 1)
    monkeypatch.setattr(door_module, "_PAGES", 2)
    world.standin.rates.enforced = False
    for number in range(4):
        await world.door.post(world.channel, message(f"k{number}"))
    assert await world.door.find(world.channel, "k0") is None
    assert len(world.calls("conversations.history")) == 2


async def test_an_update_replaces_text_blocks_and_keeps_the_key(world: World) -> None:
    posted = await world.door.post(world.channel, message("k1", "before"))
    await world.door.update(posted, message("k1", "after"))
    assert [(shown.ts, shown.text) for shown in world.messages()] == [(posted.timestamp, "after")]
    assert await world.door.find(world.channel, "k1") == posted


async def test_nothing_makes_links_or_mentions_of_text(world: World) -> None:
    posted = await world.door.post(world.channel, message())
    await world.door.update(posted, message())
    sent = world.calls("chat.postMessage")[0]["arguments"] | {"channel": ""}
    assert {str(sent[name]).lower() for name in ("unfurl_links", "unfurl_media", "link_names")} <= {"0", "false"}
    assert sent["parse"] == "none"
    assert world.calls("chat.update")[0]["arguments"]["parse"] == "none"


@pytest.mark.parametrize("kind", ["reset", "status", "garbage", "error"])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_doubtful_post_is_said_to_be_doubtful_and_never_repeated(world: World, kind: str, when: str) -> None:
    world.standin.faults.add({"method": "chat.postMessage", "kind": kind, "when": when})
    with pytest.raises(SlackUnavailable):
        await world.door.post(world.channel, message("k1"))
    assert len(world.calls("chat.postMessage")) <= 1
    found = await world.door.find(world.channel, "k1")
    assert (found is not None) == (when == "after")


async def test_a_post_without_an_answer_ends(world: World) -> None:
    world.door._web.timeout = 1
    world.door._web.session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=0.3))
    world.standin.faults.add({"method": "chat.postMessage", "kind": "hang"})
    with pytest.raises(SlackUnavailable, match="in time"):
        await world.door.post(world.channel, message())


async def test_nobody_at_the_address(world: World) -> None:
    await world.standin.stop()
    with pytest.raises(SlackUnavailable, match="could not be reached"):
        await world.door.post(world.channel, message())


async def test_a_write_that_comes_too_soon_says_when(world: World) -> None:
    world.standin.faults.add({"method": "chat.postMessage", "kind": "rate_limited", "seconds": 7})
    with pytest.raises(SlackRateLimited) as caught:
        await world.door.post(world.channel, message())
    assert caught.value.retry_after == 7
    assert world.messages() == []


async def test_a_read_that_comes_too_soon_waits_for_its_turn(world: World) -> None:
    posted = await world.door.post(world.channel, message("k1"))
    world.standin.faults.add({"method": "conversations.history", "kind": "rate_limited", "seconds": 1})
    assert await world.door.find(world.channel, "k1") == posted
    assert [call["status"] for call in world.calls("conversations.history")] == [429, 200]


@pytest.mark.parametrize(
    ("prepare", "reason", "advice"),
    [
        ("wrong channel", "channel_not_found", "invite the app"),
        ("not invited", "not_in_channel", "/invite"),
        ("archived", "is_archived", "unarchive"),
        ("no scope", "missing_scope", "needed: chat:write"),
        ("wrong token", "invalid_auth", "copy it again"),
    ],
)
async def test_a_refusal_names_slacks_reason_and_what_to_do(
    world: World, prepare: str, reason: str, advice: str
) -> None:
    channel, door = world.channel, world.door
    if prepare == "wrong channel":
        channel = "C0NOWHERE00"
    elif prepare == "not invited":
        channel = world.standin.create_channel("elsewhere", bot_joins=False)
    elif prepare == "archived":
        world.standin.workspace.channels[channel].archived = True
    elif prepare == "no scope":
        world.standin.workspace.scopes = tuple(s for s in world.standin.workspace.scopes if s != "chat:write")
    else:
        door = world.new_door(bot_token="xoxb-0000-not-a-token")
    with pytest.raises(SlackRefused) as caught:
        await door.post(channel, message())
    await door.stop()
    assert caught.value.reason == reason
    assert advice in str(caught.value)
    assert "xoxb-" not in f"{caught.value!r}{caught.value}{door!r}".replace("bot_token begins with xoxb-", "")


async def test_a_message_that_is_gone_is_told_by_its_reason(world: World) -> None:
    with pytest.raises(SlackRefused) as caught:
        await world.door.update(PostedMessage(world.channel, "1700000000.000100"), message())
    assert caught.value.reason == "message_not_found"


async def test_a_token_that_is_replaced_in_its_file_is_used_at_once(world: World, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("xoxb-old-and-revoked\n")
    door = world.new_door(bot_token=None, bot_token_file=file)
    with pytest.raises(SlackRefused):
        await door.post(world.channel, message())
    file.write_text(f"{world.standin.bot_token}\n")
    await door.post(world.channel, message())
    await door.stop()


async def test_a_file_stands_in_the_thread(world: World) -> None:
    posted = await world.door.post(world.channel, message())
    assert await world.door.files_in_thread(posted) == frozenset()
    number = await world.door.upload(posted, ChatFile("all-1a2b.diff", "Everything", b"+ one\n- two\n", "diff"))
    assert number.startswith("F")
    await world.has_files(posted, "all-1a2b.diff")


async def test_a_file_is_taken_out_of_its_thread_with_its_message(world: World) -> None:
    posted = await world.door.post(world.channel, message())
    await world.door.upload(posted, ChatFile("a.html", "A", b"a", "html"))
    await world.door.upload(posted, ChatFile("b.html", "B", b"b", "html"))
    await world.has_files(posted, "a.html", "b.html")
    assert await world.door.remove_file(posted, "a.html")
    await world.has_files(posted, "b.html")
    assert [file.name for file in world.standin.workspace.files.values()] == ["b.html"]
    # The message itself, and the one with the other file.
    assert len(world.messages()) == 2
    assert not await world.door.remove_file(posted, "a.html")


async def test_a_file_that_did_not_arrive_is_in_doubt(world: World) -> None:
    posted = await world.door.post(world.channel, message())
    world.standin.faults.add({"method": "files.completeUploadExternal", "kind": "reset", "when": "after"})
    with pytest.raises(SlackUnavailable):
        await world.door.upload(posted, ChatFile("a.diff", "A", b"x", "diff"))
    await world.has_files(posted, "a.diff")


async def test_a_workspace_without_files_says_so(world: World) -> None:
    posted = await world.door.post(world.channel, message())
    world.standin.files.enabled = False
    with pytest.raises(SlackRefused, match="files"):
        await world.door.upload(posted, ChatFile("a.diff", "A", b"x", "diff"))


async def test_a_whisper_is_heard_by_one_person_and_parsed_by_nobody(world: World) -> None:
    await world.door.whisper(world.channel, world.alice, "no: <!channel> \x1b[31m" + "long " * 2_000)
    (heard,) = world.messages()
    assert heard.ephemeral_for == world.alice
    assert heard.blocks[0]["text"]["type"] == "plain_text"
    assert heard.blocks[0]["text"]["text"].startswith(r"no: <!channel> \x1b[31m")
    assert heard.text.startswith("no: &lt;!channel&gt;")


async def test_a_click_reaches_the_handler_before_it_is_acknowledged(world: World) -> None:
    await world.listen()
    posted = await world.door.post(world.channel, message())
    answer = await world.press(posted)
    assert answer["acknowledged"] is True
    (click,) = world.clicks
    assert (click.action, click.value, click.user, click.message) == ("approve", "report-1", world.alice, posted)
    assert click.team == world.standin.workspace.team_id
    assert click.trigger_id
    assert click.response_url
    assert click.at is not None
    assert click.trigger_id not in repr(click)


async def test_a_click_that_cannot_be_stored_is_not_acknowledged(world: World) -> None:
    async def full(_click: Click) -> None:
        raise OSError(28, "No space left on device")

    world.standin.sockets.ack_deadline = 0.5
    world.take = full  # type: ignore[assignment,method-assign]  # another handler
    await world.listen()
    posted = await world.door.post(world.channel, message())
    answer = await world.press(posted)
    assert answer["acknowledged"] is False


async def test_an_envelope_delivered_twice_gives_equal_keys_and_two_presses_do_not(world: World) -> None:
    await world.listen()
    posted = await world.door.post(world.channel, message())
    world.standin.sockets.duplicate_next = 4
    await world.press(posted)
    await until(lambda: len(world.clicks) == 5, "five deliveries")
    await world.press(posted)
    await until(lambda: len(world.clicks) == 6, "the second press")
    assert [click.key == world.clicks[0].key for click in world.clicks] == [True] * 5 + [False]


async def test_a_refresh_of_every_socket_loses_no_click(world: World) -> None:
    await world.listen()
    posted = await world.door.post(world.channel, message())
    for number in range(1, 6):
        await world.standin.sockets.disconnect("warning", "", lead=1)
        assert (await world.press(posted))["acknowledged"] is True
        await until(lambda count=number: world.standin.sockets.opened >= 2 + 2 * count, "two new sockets")
        assert world.door.connected
    assert len({click.key for click in world.clicks}) == 5


@pytest.mark.parametrize("what", ["drop", "half_open"])
async def test_a_lost_line_is_found_and_replaced(world: World, what: str) -> None:
    await world.listen()
    posted = await world.door.post(world.channel, message())
    old = set(world.standin.sockets.connections)
    getattr(world.standin.sockets, what)()
    await until(
        lambda: len(set(world.standin.sockets.connections) - old) == 2 and world.door.connected, "two new sockets", 40
    )
    for line in old & set(world.standin.sockets.connections):
        line.draining = True  # the dead end of the stand-in, which it would still choose
    assert (await world.press(posted))["acknowledged"] is True


async def test_a_socket_that_is_sent_away_at_once_is_tried_again_with_pauses(world: World) -> None:
    await world.listen()
    for _ in range(3):
        before = world.standin.sockets.opened
        await world.standin.sockets.disconnect("link_disabled")
        await until(lambda count=before: world.standin.sockets.opened >= count + 2, "two new sockets")
    await until(lambda: world.door.connected, "it comes back")
    assert len(world.calls("apps.connections.open")) <= 10


async def test_no_room_for_another_socket_is_told(world: World) -> None:
    others = [world.new_door() for _ in range(5)]
    for door in others:
        await door.start(world.take)
    await until(lambda: len(world.standin.sockets.connections) == 10, "ten sockets")
    await world.door.start(world.take)
    await until(lambda: "too_many_websockets" in world.door.problem, "the problem is told")
    await others[0].stop()
    await until(lambda: world.door.connected, "it connects when there is room")
    for door in others:
        await door.stop()


async def test_slack_away_at_the_start_is_no_reason_to_fail(world: World) -> None:
    world.standin.faults.add({"method": "apps.connections.open", "kind": "status", "count": 3})
    await world.door.start(world.take)
    await until(lambda: world.door.problem, "the problem is told")
    assert not world.door.connected
    await until(lambda: world.door.connected, "it comes back by itself")
    assert world.door.problem == ""


async def test_a_wrong_app_token_is_told_and_not_shown(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    world.door = world.new_door(app_token="xapp-1-made-up-and-wrong")
    await world.door.start(world.take)
    await until(lambda: world.door.problem, "the problem is told")
    assert "invalid_auth" in world.door.problem
    assert "made-up-and-wrong" not in caplog.text + world.door.problem


async def test_tickets_and_tokens_stay_out_of_the_log(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await world.listen()
    tickets = list(world.standin.sockets._tickets)
    world.standin.sockets.drop()
    await world.standin.stop()
    await until(lambda: "could not be reached" in world.door.problem or "in time" in world.door.problem, "told", 30)
    for secret in (*tickets, "ticket=", world.standin.bot_token, world.standin.app_token):
        assert secret not in caplog.text


async def test_a_choice_in_a_menu_is_a_click_with_the_choice_as_value(world: World) -> None:
    await world.listen()
    pulls = [sample_reports.pull_request(number, f"Title {number}") for number in (3, 5)]
    listed = open_pull_requests_message(pulls[0].repository, pulls, key="list")
    posted = await world.door.post(world.channel, listed)
    await world.press(posted, "look", selected_option="acme/fleet#5")
    (click,) = world.clicks
    assert (click.action, click.value) == ("look", "acme/fleet#5")


async def test_a_dialog_opens_and_what_it_says_comes_back(world: World) -> None:
    await world.listen()
    posted = await world.door.post(world.channel, message())
    await world.press(posted)
    element = {"type": "plain_text_input", "action_id": "reason"}
    label = {"type": "plain_text", "text": "Why"}
    view = {
        "type": "modal",
        "callback_id": "request-changes",
        "private_metadata": "report-1",
        "title": {"type": "plain_text", "text": "Request changes"},
        "submit": {"type": "plain_text", "text": "Send"},
        "blocks": [{"type": "input", "block_id": "why", "label": label, "element": element}],
    }
    number = await world.door.open_dialog(world.clicks[0].trigger_id, view)
    answer = await world.standin.interactions.submit({"view_id": number, "values": {"why": {"reason": "too big"}}})
    assert answer["acknowledged"] is True
    said = world.clicks[1]
    assert (said.action, said.value, said.inputs) == ("request-changes", "report-1", {"reason": "too big"})
    with pytest.raises(SlackRefused, match="trigger"):
        await world.door.open_dialog(world.clicks[0].trigger_id, view)


async def test_stopping_is_clean_and_may_be_done_twice(world: World) -> None:
    await world.listen()
    await world.door.stop()
    await world.door.stop()
    await until(lambda: not world.standin.sockets.connections, "no socket is left")
    assert not world.door.connected
    mine = [task.get_name() for task in asyncio.all_tasks() if "Slack" in task.get_name()]
    assert mine == []


async def test_a_click_that_is_being_stored_is_waited_for(world: World) -> None:
    may_go_on, began, stored = asyncio.Event(), asyncio.Event(), []

    async def slow(click: Click) -> None:
        began.set()
        await may_go_on.wait()
        stored.append(click)

    world.take = slow  # type: ignore[method-assign]  # another handler
    await world.listen()
    posted = await world.door.post(world.channel, message())
    pressed = asyncio.create_task(world.press(posted))
    await began.wait()
    stopping = asyncio.create_task(world.door.stop())
    may_go_on.set()
    await stopping
    assert len(stored) == 1
    assert (await pressed)["acknowledged"] is True


async def test_who_we_are_and_what_the_channel_is(world: World) -> None:
    us = await world.door.identity()
    assert us.bot == world.standin.workspace.bot_id
    assert "chat:write" in us.scopes
    facts = await world.door.channel_facts(world.channel)
    assert (facts.name, facts.is_member, facts.is_archived, facts.is_shared) == ("deployments", True, False, False)
    shared = world.standin.create_channel("partners", shared="external")
    assert (await world.door.channel_facts(shared)).is_shared


async def test_nothing_is_written_where_another_organisation_reads(world: World) -> None:
    posted = await world.door.post(world.channel, message())
    world.standin.workspace.channels[world.channel].shared = "external"
    careful, generous = world.new_door(), world.new_door(allow_shared_channels=True)
    try:
        for write in (
            careful.post(world.channel, message("k2")),
            careful.update(posted, message(text="again")),
            careful.upload(posted, ChatFile("a.txt", "a", b"a")),
        ):
            with pytest.raises(SlackRefused, match=r"slack\.allow_shared_channels"):
                await write
        assert "shared" in careful.channel_problem
        assert len(world.messages()) == 1
        await generous.update(posted, message(text="again"))
    finally:
        await careful.stop()
        await generous.stop()


async def test_what_decides_whether_a_person_is_one_of_us(world: World) -> None:
    workspace = world.standin.workspace
    kinds = ("member", "guest", "single_channel_guest", "stranger", "colleague", "bot")
    people = {kind: await world.door.person(workspace.add_user(kind, kind=kind).id) for kind in kinds}
    assert [kind for kind, one in people.items() if one.is_guest] == ["guest", "single_channel_guest"]
    assert [kind for kind, one in people.items() if one.is_stranger] == ["stranger"]
    assert [kind for kind, one in people.items() if one.team != workspace.team_id] == ["stranger", "colleague"]
    assert [kind for kind, one in people.items() if one.is_bot] == ["bot"]
    workspace.users[world.alice].deleted = True
    assert (await world.door.person(world.alice)).is_deactivated
    with pytest.raises(SlackRefused):
        await world.door.person("U0NOBODY")


@pytest.mark.parametrize("sample", sorted(sample_reports.SAMPLES))
async def test_slack_takes_every_sample_report(world: World, sample: str) -> None:
    report = sample_reports.SAMPLES[sample]()
    actions = (Action.APPROVE, Action.COMMENT, Action.VIEW)
    shown, files = review_message(report, key=sample, report_id="r1", actions=actions)
    posted = await world.door.post(world.channel, shown)
    await world.door.update(posted, replace(shown, text="again"))
    for file in files:
        await world.door.upload(posted, file)
    await world.has_files(posted, *(file.name for file in files))


def test_a_missing_authority_is_named(tmp_path: Path) -> None:
    settings = SlackSettings(channel="C0123456789")
    with pytest.raises(SettingsError, match=r"network\.ca_file"):
        SlackDoor(settings, NetworkSettings(ca_file=tmp_path / "none.pem"))
    (tmp_path / "broken.pem").write_text("no certificate")
    with pytest.raises(SettingsError, match=r"network\.ca_file"):
        SlackDoor(settings, NetworkSettings(ca_file=tmp_path / "broken.pem"))
    real = ssl.get_default_verify_paths().cafile
    if real:
        SlackDoor(settings, NetworkSettings(ca_file=Path(real)))


def test_the_environment_gives_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    assert SlackDoor(SlackSettings(channel="C0123456789"), NetworkSettings())._web.proxy is None


async def test_an_error_of_ours_and_nothing_else_comes_out(world: World) -> None:
    await world.standin.stop()
    posted = PostedMessage(world.channel, "1700000000.000100")
    calls = [
        world.door.post(world.channel, message()),
        world.door.update(posted, message()),
        world.door.find(world.channel, "k"),
        world.door.known_messages(world.channel),
        world.door.files_in_thread(posted),
        world.door.upload(posted, ChatFile("a", "a", b"a")),
        world.door.whisper(world.channel, world.alice, "a"),
        world.door.open_dialog("t", {}),
        world.door.identity(),
        world.door.channel_facts(world.channel),
    ]
    for outcome in await asyncio.gather(*calls, return_exceptions=True):
        assert isinstance(outcome, SlackError)
