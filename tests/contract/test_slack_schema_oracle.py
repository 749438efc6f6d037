"""The oracle of the Slack stand-in can fail: it tells a wrong answer from a right one."""

import json
from pathlib import Path
from typing import Any

import pytest
from slack_schema import assert_answers_keep_slacks_schema

GOOD = {"endpoint": "auth.test", "status": 200, "body": {
    "ok": True, "url": "u", "team": "t", "user": "u", "team_id": "T", "user_id": "U", "bot_id": "B",
}}  # fmt: skip
POSTED = {"ok": True, "channel": "C", "ts": "1.1"}


def write(folder: Path, *exchanges: dict[str, Any]) -> Path:
    (folder / "exchanges.jsonl").write_text("".join(json.dumps(one) + "\n" for one in exchanges))
    return folder


def test_right_answers_pass_and_broken_ones_of_a_fault_are_left_out(tmp_path: Path) -> None:
    broken = {"endpoint": "auth.test", "status": 200, "body": "<html>", "fault": "garbage"}
    refused = {"endpoint": "chat.postMessage", "status": 200, "body": {"ok": False, "error": "not_in_channel"}}
    assert assert_answers_keep_slacks_schema(write(tmp_path, GOOD, broken, refused)) == 2


@pytest.mark.parametrize(
    ("endpoint", "body", "complaint"),
    [
        ("auth.test", {"ok": True}, "`url` is missing"),
        ("auth.test", GOOD["body"] | {"colour": "red"}, "colour"),
        ("auth.test", GOOD["body"] | {"url": 5}, "5 is not of type 'string'"),
        ("auth.test", {"ok": "yes"}, "no boolean `ok`"),
        ("auth.test", {"ok": False}, "refused without an `error`"),
        ("auth.test", "<html>", "no boolean `ok`"),
        ("chat.meMessage", {"ok": True}, "no schema for this endpoint"),
        ("chat.postMessage", POSTED | {"message": {"shade": 1}}, "shade"),
        ("chat.postMessage", POSTED | {"message": {"blocks": [{"type": "fold"}]}}, "fold"),
        ("chat.postMessage", POSTED | {"message": {"blocks": [{"type": "header", "text": "x"}]}}, "header"),
        ("upload", "NO", "is not like"),
        ("socket:block_actions", {"type": "block_actions"}, "'actions' is a required property"),
        ("socket:events_api", {"event": {"type": "sunset"}}, "no schema for the event sunset"),
    ],
)
def test_a_wrong_answer_is_found(tmp_path: Path, endpoint: str, body: Any, complaint: str) -> None:
    write(tmp_path, GOOD, {"endpoint": endpoint, "status": 200, "body": body})
    with pytest.raises(AssertionError) as found:
        assert_answers_keep_slacks_schema(tmp_path)
    assert complaint in str(found.value)
    assert "line 2" in str(found.value)
