"""What the gate came to does not outlive what it rested on: commits, branches, texts, settings; a kill is no help."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from gate_scene import APPROVAL, RULE, STATUS, GateScene, scene
from github_world import REPOSITORY

from gitops_bot.errors import GitHubUnavailable
from gitops_bot.journeys.poll_repositories import _take_up
from gitops_bot.journeys.review_pull_request import review_subject
from gitops_bot.journeys.tell_pull_request import tell_newest_report


class KilledHere(BaseException):
    """The process ends here."""


async def heard(gate: GateScene, number: int = 1) -> None:
    """A tick sees the pull request as it is now; its next report is still to be made."""
    doors = gate.world.doors
    known = gate.it.stored.report.pull_request
    pull = await doors.github.pull_request(known.repository, number)
    doors.patience.pause(review_subject(pull.key), doors.clock())
    await _take_up(doors, pull, gate.it.stored.report.base_tip, await doors.store.pull_request(pull.key))


async def status_of(gate: GateScene, commit: str) -> str:
    found = await gate.world.github.get(f"/commits/{commit}/statuses")
    return next(one["state"] for one in found if one["context"] == "gitops-bot/gate/production")


async def edited(gate: GateScene, **fields: Any) -> None:
    answer = await gate.world.github.api("author").patch(f"{REPOSITORY}/pulls/1", json=fields)
    assert answer.status_code == 200, answer.text


async def test_what_its_author_writes_afterwards_counts_at_the_next_tick(tmp_path: Path) -> None:
    async with scene(tmp_path, APPROVAL) as gate:
        await gate.told()
        assert [state for state, _ in await gate.reviews()] == ["APPROVED"]
        await edited(gate, body="Harmless.\u200b")
        await heard(gate)
        await gate.looked()
        assert [state for state, _ in await gate.reviews()] == ["DISMISSED"]
        # Nothing has changed since: nobody is asked again.
        before = await gate.verdict()
        await heard(gate)
        await gate.looked()
        assert (await gate.verdict()).at == before.at


async def test_a_green_status_is_not_for_another_branch(tmp_path: Path) -> None:
    async with scene(tmp_path, STATUS) as gate:
        await gate.world.github.push("staging", {"staging.yaml": "a: 1\n"})
        await gate.told()
        assert (await gate.status() or ("",))[0] == "success"
        await edited(gate, base="staging")
        await heard(gate)
        assert await gate.status() == ("pending", "Waits for its report")
        await gate.looked()
        assert (await gate.verdict()).reasons[0].startswith("It goes to staging now")


async def test_a_green_status_is_not_for_a_pull_request_that_comes_later(tmp_path: Path) -> None:
    async with scene(tmp_path, STATUS) as gate:
        await gate.world.github.push("staging", {"staging.yaml": "a: 1\n"})
        await gate.told()
        twin = {"title": "twin", "head": "feature", "base": "staging"}
        assert (await gate.world.github.api("author").post(f"{REPOSITORY}/pulls", json=twin)).status_code == 201
        await heard(gate, 2)
        assert await gate.status() == ("pending", "Waits for its report")


async def test_a_commit_that_is_the_head_no_more_stays_green_for_nobody(tmp_path: Path) -> None:
    async with scene(tmp_path, STATUS) as gate:
        first = gate.it.stored.report.pull_request.head_sha
        await gate.told()
        assert await status_of(gate, first) == "success"
        await gate.moved()
        gate.it.stored = await gate.world.report_on(1, tell=False)
        await gate.told(digest="d2")
        assert (await gate.status() or ("",))[0] == "success"
        assert await status_of(gate, first) == "pending"


async def test_a_closed_pull_request_leaves_nothing_green(tmp_path: Path) -> None:
    async with scene(tmp_path, STATUS) as gate:
        await gate.told()
        await edited(gate, state="closed")
        await gate.world.looked(1)
        await gate.looked()
        assert await gate.status() == ("pending", "It was closed")


async def test_a_kill_after_the_status_leaves_nothing_green_that_nobody_knows_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with scene(tmp_path, STATUS) as gate:
        real = gate.world.doors.github.set_commit_status

        async def killed(*given: Any, **more: Any) -> Any:
            await real(*given, **more)
            raise KilledHere

        monkeypatch.setattr(gate.world.doors.github, "set_commit_status", killed)
        await gate.told()
        assert (await gate.status() or ("",))[0] == "success"
        settings = gate.world.settings.read_text(encoding="utf-8")
        gate.world.settings.write_text(settings.replace("{enabled: true", "{enabled: false"), encoding="utf-8")
        await gate.world.restart()
        await gate.looked()
        await gate.quiet()
        assert await gate.status() == ("pending", "The gate is switched off")


async def test_a_score_is_shown_as_no_verdict_while_nobody_knows_what_is_so(tmp_path: Path) -> None:
    async with scene(tmp_path) as gate:
        github = gate.world.doors.github
        real = github.commit_people

        async def fails(*_: Any) -> Any:
            raise GitHubUnavailable("GitHub does not answer.")

        async def goes_away() -> None:
            github.commit_people = fails  # type: ignore[method-assign] # a fault of one moment

        await gate.while_it_thinks(goes_away)
        assert gate.asked_for_score() == 1
        await tell_newest_report(gate.world.doors, gate.it.stored.report.pull_request.key)
        assert "cleared this (" not in await gate.it.shown()
        assert not (await gate.verdict()).cleared
        github.commit_people = real  # type: ignore[method-assign] # see above
        gate.world.doors.patience.go_on(f"gate of {gate.it.stored.report.pull_request.key}")
        await gate.looked()
        assert "cleared this (score 100" in await gate.it.shown()
        assert gate.asked_for_score() == 1


async def test_a_base_branch_that_moves_before_the_effect_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That it was cleared takes nothing back; but what was not done yet needs a report of this moment."""
    async with scene(tmp_path, APPROVAL) as gate:

        async def killed(*_: Any, **__: Any) -> Any:
            raise KilledHere

        monkeypatch.setattr(gate.world.doors.github, "find_review", killed)
        await gate.told()
        assert (await gate.verdict()).cleared
        await gate.world.github.push("main", {"other.yaml": "a: 1\n"})
        await gate.world.restart()
        await gate.looked()
        assert (await gate.verdict()).reasons == ("main has moved since the report was made.",)
        assert await gate.reviews() == []


async def test_a_rule_that_is_let_loose_begins_anew(tmp_path: Path) -> None:
    async with scene(tmp_path, APPROVAL, dry_run=True) as gate:
        await gate.told()
        assert (await gate.verdict()).cleared
        await gate.world.github.push("main", {"other.yaml": "a: 1\n"})
        settings = gate.world.settings.read_text(encoding="utf-8")
        gate.world.settings.write_text(settings.replace("dry_run: true", "dry_run: false"), encoding="utf-8")
        await gate.world.restart()
        assert await gate.again() == ("main has moved since the report was made.",)
        assert await gate.reviews() == []
        # The next report is of this moment, and the model's answer is kept.
        stored = gate.it.stored
        tip = await gate.world.doors.github.branch_tip(stored.report.pull_request.repository, "main")
        gate.it.stored = replace(stored, report=replace(stored.report, base_tip=tip))
        await gate.told()
        assert [state for state, _ in await gate.reviews()] == ["APPROVED"]
        assert gate.asked_for_score() == 1


async def test_a_green_status_of_another_report_waits_for_nobody(tmp_path: Path) -> None:
    """What merging would do has changed, and neither GitHub nor a model says anything for now."""
    async with scene(tmp_path, STATUS) as gate:
        await gate.told()
        assert (await gate.status() or ("",))[0] == "success"

        async def fails(*_: Any) -> Any:
            raise GitHubUnavailable("GitHub does not answer.")

        gate.world.doors.github.commit_people = fails  # type: ignore[method-assign] # a fault that lasts
        await gate.told(digest="d2")
        assert await gate.status() == ("pending", "The report says something else now: it is being judged")


async def test_a_key_that_is_gone_is_told_and_clears_nothing(tmp_path: Path) -> None:
    async with scene(tmp_path, STATUS) as gate:
        (tmp_path / "llm-key").unlink()
        await gate.told()
        shown = await gate.it.shown()
        assert "was not asked: " in shown
        assert "llm-key" in shown
        verdict = await gate.verdict()
        assert (verdict.cleared, verdict.score) == (False, None)
        assert (await gate.status() or ("",))[0] == "pending"
        # It comes back, and the report says something else.
        (tmp_path / "llm-key").write_text("our-gateway-0001", encoding="utf-8")
        await gate.told(digest="d2")
        assert (await gate.status() or ("",))[0] == "success"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("effect: status", "effect: badge"),
        ("*.yaml", "apps/*.yaml"),
        ("enabled: true", "enabled: false"),
        ("'acme/*'", "acme/other"),
    ],
)
async def test_other_rules_are_asked_at_the_next_start(tmp_path: Path, before: str, after: str) -> None:
    """Also where another rule for the repository stays."""
    second = RULE.replace("images", "others").replace("'*.yaml'", "'others/*'")
    async with scene(tmp_path, f"{STATUS}}}, {{{second}, {STATUS}") as gate:
        await gate.told()
        assert (await gate.status() or ("",))[0] == "success"
        settings = gate.world.settings.read_text(encoding="utf-8")
        assert before in settings
        gate.world.settings.write_text(settings.replace(before, after, 1), encoding="utf-8")
        await gate.world.restart()
        await gate.looked()
        await gate.quiet()
        assert (await gate.status() or ("",))[0] == "pending"


@pytest.mark.parametrize(
    ("effect", "call", "words"),
    [(STATUS, "set_commit_status", "a green status"), (APPROVAL, "approve", "an approval")],
)
async def test_what_is_not_done_yet_is_not_told_as_done(tmp_path: Path, effect: str, call: str, words: str) -> None:
    async with scene(tmp_path, effect) as gate:

        async def fails(*_: Any, **__: Any) -> Any:
            raise GitHubUnavailable("GitHub does not answer.")

        setattr(gate.world.doors.github, call, fails)
        await gate.told()
        assert (await gate.verdict()).cleared
        await tell_newest_report(gate.world.doors, gate.it.stored.report.pull_request.key)
        assert f"60 needed): {words} is to follow" in await gate.it.shown()
