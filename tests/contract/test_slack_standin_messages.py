"""The Slack stand-in's messages, channels, people and files, as slack-sdk sees them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from slack_world import actions, bot_client, button, control, refusal, running_slack, section
from waiting import until

from gitops_bot.sandbox.slack import SlackStandIn


@pytest.fixture
async def slack(tmp_path: Path) -> AsyncIterator[SlackStandIn]:
    async with running_slack(tmp_path) as standin:
        yield standin


@pytest.fixture
def channel(slack: SlackStandIn) -> str:
    return slack.create_channel("deployments")


async def test_a_message_is_posted_found_by_its_metadata_updated_and_deleted(slack: SlackStandIn, channel: str) -> None:
    web = bot_client(slack)
    metadata = {"event_type": "gitops_bot.pull_request", "event_payload": {"key": "github/acme/fleet/7"}}
    posted = await web.chat_postMessage(
        channel=channel, text="first", blocks=[section("*first*"), actions(button("approve"))], metadata=metadata
    )
    assert posted["message"]["blocks"][0]["text"] == {"type": "mrkdwn", "text": "*first*", "verbatim": False}
    assert posted["message"]["blocks"][1]["block_id"]

    history = await web.conversations_history(channel=channel, include_all_metadata=True)
    assert history["messages"][0]["metadata"] == metadata
    without = await web.conversations_history(channel=channel)
    assert "metadata" not in without["messages"][0]

    await web.chat_update(channel=channel, ts=posted["ts"], text="second", blocks=[section("*second*")])
    updated = (await web.conversations_history(channel=channel, include_all_metadata=True))["messages"]
    assert [(one["ts"], one["text"], one["metadata"]) for one in updated] == [(posted["ts"], "second", metadata)]
    assert updated[0]["edited"]["user"] == slack.workspace.bot_user

    # Text without blocks takes the blocks away: https://api.slack.com/methods/chat.update
    plain = await web.chat_update(channel=channel, ts=posted["ts"], text="third")
    assert "blocks" not in plain["message"]

    await web.chat_delete(channel=channel, ts=posted["ts"])
    assert (await web.conversations_history(channel=channel))["messages"] == []
    gone = await refusal(web.chat_update(channel=channel, ts=posted["ts"], text="x"))
    assert gone["error"] == "message_not_found"


async def test_history_is_newest_first_and_paged_and_cut_by_time(slack: SlackStandIn, channel: str) -> None:
    slack.rates.enforced = False
    web = bot_client(slack)
    stamps = [(await web.chat_postMessage(channel=channel, text=f"{number}"))["ts"] for number in range(7)]

    first = await web.conversations_history(channel=channel, limit=3)
    assert [one["text"] for one in first["messages"]] == ["6", "5", "4"]
    assert first["has_more"] is True
    cursor = first["response_metadata"]["next_cursor"]
    second = await web.conversations_history(channel=channel, limit=3, cursor=cursor)
    assert [one["text"] for one in second["messages"]] == ["3", "2", "1"]

    between = await web.conversations_history(channel=channel, oldest=stamps[1], latest=stamps[4])
    assert [one["text"] for one in between["messages"]] == ["3", "2"]
    inclusive = await web.conversations_history(channel=channel, oldest=stamps[1], latest=stamps[4], inclusive=True)
    assert [one["text"] for one in inclusive["messages"]] == ["4", "3", "2", "1"]
    assert (await refusal(web.conversations_history(channel=channel, cursor="x")))["error"] == "invalid_cursor"


async def test_replies_stay_in_their_thread(slack: SlackStandIn, channel: str) -> None:
    web = bot_client(slack)
    parent = (await web.chat_postMessage(channel=channel, text="parent"))["ts"]
    reply = (await web.chat_postMessage(channel=channel, text="reply", thread_ts=parent))["ts"]
    await web.chat_postMessage(channel=channel, text="reply to the reply", thread_ts=reply)

    history = (await web.conversations_history(channel=channel))["messages"]
    assert [(one["text"], one["reply_count"]) for one in history] == [("parent", 2)]
    thread = (await web.conversations_replies(channel=channel, ts=parent))["messages"]
    assert [one["text"] for one in thread] == ["parent", "reply", "reply to the reply"]
    assert {one["thread_ts"] for one in thread} == {parent}
    missing = await refusal(web.chat_postMessage(channel=channel, text="x", thread_ts="1.000001"))
    assert missing["error"] == "thread_not_found"


async def test_what_one_person_is_told_is_not_in_the_history(slack: SlackStandIn, channel: str) -> None:
    web = bot_client(slack)
    alice = slack.create_user("alice")
    await web.chat_postEphemeral(channel=channel, user=alice, text="only you")
    assert (await web.conversations_history(channel=channel))["messages"] == []
    seen = (await control(slack, f"messages?channel={channel}"))["messages"]
    assert [(one["text"], one["ephemeral_for"]) for one in seen] == [("only you", alice)]
    stranger = slack.create_user("eve", kind="stranger")
    refused = await refusal(web.chat_postEphemeral(channel=channel, user=stranger, text="x"))
    assert refused["error"] == "user_not_in_channel"


@pytest.mark.parametrize("snippet", [None, "diff"])
async def test_a_file_is_uploaded_in_three_steps_into_a_thread(
    slack: SlackStandIn, channel: str, snippet: str | None
) -> None:
    web = bot_client(slack)
    parent = (await web.chat_postMessage(channel=channel, text="parent"))["ts"]
    content = "+ added\n" * 25_000
    answer = await web.files_upload_v2(
        channel=channel,
        thread_ts=parent,
        filename="full.diff",
        title="Full diff",
        content=content,
        initial_comment="all of it",
        snippet_type=snippet,
    )
    file_id = answer["files"][0]["id"]
    # Slack shows it a moment later, as this does.
    await until(lambda: len(slack.workspace.messages[channel]) == 2, "the file shows up in the thread")
    reply = (await web.conversations_replies(channel=channel, ts=parent))["messages"][1]
    assert (reply["text"], reply["files"][0]["title"]) == ("all of it", "Full diff")
    info = (await web.files_info(file=file_id))["file"]
    assert info["shares"]["public"][channel][0]["ts"] == reply["ts"]
    headers = {"Authorization": f"Bearer {slack.bot_token}"}
    async with aiohttp.ClientSession(headers=headers) as session, session.get(info["url_private"]) as response:
        assert await response.text() == content
    again = await refusal(web.files_completeUploadExternal(files=[{"id": file_id, "title": "x"}]))
    assert again["error"] == "file_not_found"


async def test_large_snippets_and_switched_off_uploads_are_refused(slack: SlackStandIn) -> None:
    web = bot_client(slack)
    large = web.files_getUploadURLExternal(filename="a.diff", length=(1 << 20) + 1, snippet_type="diff")
    assert (await refusal(large))["error"] == "snippet_too_large"
    await control(slack, "settings", {"file_uploads": False})
    off = web.files_getUploadURLExternal(filename="a.diff", length=10)
    assert (await refusal(off))["error"] == "file_uploads_disabled"


async def test_channels_tell_whether_strangers_read_along(slack: SlackStandIn, channel: str) -> None:
    web = bot_client(slack)
    shared = slack.create_channel("with-partner", shared="external")
    hidden = slack.create_channel("secret", private=True)
    unseen = slack.create_channel("unseen", private=True, bot_joins=False)
    shares = {one: (await web.conversations_info(channel=one))["channel"]["is_ext_shared"] for one in (channel, shared)}
    assert shares == {channel: False, shared: True}
    listed = await web.conversations_list(types="public_channel,private_channel", limit=2)
    rest = await web.conversations_list(
        types="public_channel,private_channel", cursor=listed["response_metadata"]["next_cursor"]
    )
    assert [one["id"] for one in [*listed["channels"], *rest["channels"]]] == [channel, shared, hidden]
    assert (await refusal(web.conversations_info(channel=unseen)))["error"] == "channel_not_found"


async def test_the_bot_must_be_in_a_channel_and_the_channel_alive(slack: SlackStandIn) -> None:
    web = bot_client(slack)
    other = slack.create_channel("elsewhere", bot_joins=False)
    assert (await refusal(web.chat_postMessage(channel=other, text="x")))["error"] == "not_in_channel"
    assert (await refusal(web.conversations_history(channel=other)))["error"] == "not_in_channel"
    await web.conversations_join(channel=other)
    assert (await web.conversations_join(channel=other))["warning"] == "already_in_channel"
    await web.chat_postMessage(channel=other, text="x")
    await control(slack, "settings", {"archived": {other: True}})
    assert (await refusal(web.chat_postMessage(channel=other, text="x")))["error"] == "is_archived"
    assert (await refusal(web.chat_postMessage(channel="C404", text="x")))["error"] == "channel_not_found"


async def test_people_are_told_apart(slack: SlackStandIn) -> None:
    web = bot_client(slack)
    await control(slack, "settings", {"enterprise_id": "E0SANDBOX"})
    ids = {kind: slack.create_user(kind, kind=kind) for kind in ("member", "guest", "stranger", "bot")}
    people = {kind: (await web.users_info(user=user))["user"] for kind, user in ids.items()}
    assert [kind for kind, one in people.items() if one["is_restricted"]] == ["guest"]
    assert [kind for kind, one in people.items() if one.get("is_stranger")] == ["stranger"]
    assert [kind for kind, one in people.items() if one["is_bot"]] == ["bot"]
    assert people["stranger"]["team_id"] != people["member"]["team_id"]
    assert people["member"]["enterprise_user"]["enterprise_id"] == "E0SANDBOX"
    await control(slack, "settings", {"deleted": {ids["member"]: True}})
    assert (await web.users_info(user=ids["member"]))["user"]["deleted"] is True
    listed = {one["id"] for one in (await web.users_list())["members"]}
    assert listed == {slack.workspace.bot_user, ids["member"], ids["guest"], ids["bot"]}
    assert (await refusal(web.users_info(user="U404")))["error"] == "user_not_found"


async def test_somebody_elses_message_cannot_be_edited(slack: SlackStandIn, channel: str) -> None:
    web = bot_client(slack)
    alice = slack.create_user("alice")
    said = await control(slack, "say", {"user": alice, "channel": channel, "text": "mine & <yours>"})
    assert (await web.conversations_history(channel=channel))["messages"][0]["text"] == "mine &amp; &lt;yours&gt;"
    edit = await refusal(web.chat_update(channel=channel, ts=said["ts"], text="x"))
    delete = await refusal(web.chat_delete(channel=channel, ts=said["ts"]))
    assert (edit["error"], delete["error"]) == ("cant_update_message", "cant_delete_message")


async def test_tokens_scopes_and_unknown_methods(slack: SlackStandIn, channel: str) -> None:
    web = bot_client(slack)
    me = await web.auth_test()
    assert me["user_id"] == slack.workspace.bot_user
    assert "chat:write" in me.headers["x-oauth-scopes"].split(",")
    assert (await refusal(web.auth_test(token="xoxb-wrong")))["error"] == "invalid_auth"
    assert (await refusal(web.apps_connections_open(app_token=slack.bot_token)))["error"] == "not_allowed_token_type"
    assert (await refusal(web.api_call("chat.meMessage")))["error"] == "unknown_method"
    await control(slack, "settings", {"scopes": ["channels:read"]})
    missing = await refusal(web.chat_postMessage(channel=channel, text="x"))
    assert (missing["error"], missing["needed"], missing["provided"]) == (
        "missing_scope",
        "chat:write",
        "channels:read",
    )
    assert (await refusal(web.conversations_history(channel=channel)))["needed"] == "channels:history"
    await control(slack, "settings", {"app_scopes": []})
    assert (await refusal(web.apps_connections_open(app_token=slack.app_token)))["needed"] == "connections:write"


async def test_forms_and_json_are_read_alike(slack: SlackStandIn, channel: str) -> None:
    headers = {"Authorization": f"Bearer {slack.bot_token}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        blocks = '[{"type": "divider"}]'
        form = await session.post(f"{slack.api_url}chat.postMessage", data={"channel": channel, "blocks": blocks})
        assert (await form.json())["message"]["blocks"][0]["type"] == "divider"
        broken = await session.post(f"{slack.api_url}chat.postMessage", data={"channel": channel, "blocks": "[{"})
        assert (await broken.json())["error"] == "invalid_blocks_format"
        no_json = await session.post(
            f"{slack.api_url}chat.postMessage", data="{", headers={"Content-Type": "application/json"}
        )
        assert (await no_json.json())["error"] == "invalid_json"


async def test_reactions_and_links(slack: SlackStandIn, channel: str) -> None:
    web = bot_client(slack)
    ts = (await web.chat_postMessage(channel=channel, text="x"))["ts"]
    await web.reactions_add(channel=channel, timestamp=ts, name="eyes")
    assert (await refusal(web.reactions_add(channel=channel, timestamp=ts, name="eyes")))["error"] == "already_reacted"
    link = (await web.chat_getPermalink(channel=channel, message_ts=ts))["permalink"]
    async with aiohttp.ClientSession() as session:
        landed = await session.get(link, allow_redirects=False)
    assert landed.headers["Location"] == f"/inbox#{channel}/{ts}"


async def test_a_direct_message_reaches_one_person(slack: SlackStandIn) -> None:
    web = bot_client(slack)
    alice = slack.create_user("alice")
    posted = await web.chat_postMessage(channel=alice, text="psst")
    again = await web.chat_postMessage(channel=alice, text="psst")
    assert posted["channel"].startswith("D")
    assert posted["channel"] == again["channel"]


async def test_many_posts_at_once_have_stamps_of_their_own(slack: SlackStandIn, channel: str) -> None:
    slack.rates.enforced = False
    web = bot_client(slack)
    posted = await asyncio.gather(*(web.chat_postMessage(channel=channel, text=f"{n}") for n in range(40)))
    assert len({one["ts"] for one in posted}) == 40
    calls = (await control(slack, "calls?method=chat.postMessage"))["calls"]
    assert sorted(int(call["arguments"]["text"]) for call in calls) == list(range(40))


async def test_an_app_is_installed_with_the_rights_of_its_manifest(slack: SlackStandIn, channel: str) -> None:
    manifest = {
        "display_information": {"name": "Fleet bot"},
        "features": {
            "bot_user": {"display_name": "fleet-bot"},
            "slash_commands": [{"command": "/fleet", "description": "Ask Flux"}],
        },
        "oauth_config": {"scopes": {"bot": ["chat:write"]}},
        "settings": {"socket_mode_enabled": True, "interactivity": {"is_enabled": True}},
    }
    slack.install(manifest)
    web = bot_client(slack)
    assert (await web.auth_test())["user"] == "fleet-bot"
    await web.chat_postMessage(channel=channel, text="x")
    assert (await refusal(web.users_info(user="U1")))["needed"] == "users:read"
    assert slack.workspace.commands == {"/fleet": "Ask Flux"}
    with pytest.raises(ValueError, match="socket_mode_enabled"):
        slack.install(manifest | {"settings": {}})
    with pytest.raises(ValueError, match="interactivity"):
        slack.install(manifest | {"settings": {"socket_mode_enabled": True}})


async def test_no_foreign_page_presses_buttons(slack: SlackStandIn, channel: str) -> None:
    said = {"user": slack.create_user("alice"), "channel": channel, "text": "x"}
    statuses = {}
    async with aiohttp.ClientSession() as session:
        for origin in ("https://elsewhere.example", slack.workspace.origin):
            response = await session.post(f"{slack.control_url}/say", json=said, headers={"Origin": origin})
            statuses[origin] = response.status
    assert statuses == {"https://elsewhere.example": 403, slack.workspace.origin: 200}


async def test_a_file_is_deleted_once_and_only_by_whom_it_is_of(slack: SlackStandIn, channel: str) -> None:
    web = bot_client(slack)
    ours, theirs = [
        str((await web.files_upload_v2(channel=channel, filename=name, content="x"))["files"][0]["id"])
        for name in ("a.html", "b.html")
    ]
    slack.workspace.files[theirs].user = slack.create_user("alice")
    await web.files_delete(file=ours)
    assert (await refusal(web.files_delete(file=ours)))["error"] == "file_not_found"
    assert (await refusal(web.files_info(file=ours)))["error"] == "file_not_found"
    assert (await refusal(web.files_delete(file=theirs)))["error"] == "cant_delete_file"
