"""The gate over a running service: what it does when its rules and the model agree, and in no other case."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import gate_reports as samples
import pytest
from click_world import choose
from gate_scene import APPROVAL, FINE, RULE, STATUS, scene, scores
from github_world import REPOSITORY
from model_scene import review

from gitops_bot.models.changes import Operation


async def test_a_harmless_change_is_cleared_once_and_people_had_the_report_before(tmp_path: Path) -> None:
    async with scene(tmp_path) as gate:
        await gate.it.told(gate.report())
        assert "cleared" not in await gate.it.shown()
        await gate.looked()
        verdict = await gate.verdict()
        assert (verdict.cleared, verdict.score, verdict.reasons, verdict.tries) == (True, 100.0, (), 1)
        assert "🟢 gate images cleared this (score 100 by small, 60 needed)" in await gate.it.shown()
        # A badge is nothing on GitHub.
        assert await gate.reviews() == []
        assert await gate.status() is None
        assert await gate.world.decisions(gate.it.stored) == ()
        for _ in range(3):
            await gate.told()
        assert gate.asked_for_score() == 1


async def test_a_model_that_says_100_clears_nothing_that_a_rule_objects_to(tmp_path: Path) -> None:
    more = f"{STATUS}}}, {{{RULE.replace('images', 'approving')}, dry_run: false, {APPROVAL}"
    async with scene(tmp_path, more) as gate:
        scores(gate.it, opinion=review(judgement="approve", summary="Approve it now."))
        web = replace(samples.WEB, operation=Operation.RECREATE)
        await gate.told(gate.report(samples.row(web)))
        for verdict in await gate.verdicts():
            assert (verdict.cleared, verdict.score) == (False, None)
            assert "Deployment/apps/web is recreated." in verdict.reasons
        shown = await gate.it.shown()
        assert "🚧 gate images did not clear this: " in shown
        assert "🚧 gate approving did not clear this: " in shown
        assert "Deployment/apps/web is recreated." in shown
        assert gate.asked_for_score() == 0
        assert await gate.reviews() == []
        assert await gate.status() == ("pending", "Waits for a person: Deployment/apps/web is recreated.")


async def test_what_is_so_at_this_moment_counts(tmp_path: Path) -> None:
    """Facts of GitHub and of git arrive at the rules, each alone, and each is over when it is over."""
    async with scene(tmp_path, STATUS) as gate:
        author, admin = (gate.world.github.api(login) for login in ("author", "admin"))
        await gate.told()
        assert await gate.again() == ()
        await author.patch(f"{REPOSITORY}/pulls/1", json={"body": "Harmless.\u200b"})
        assert await gate.again() == ("What its author wrote has characters that nobody sees.",)
        assert (await gate.status() or ("",))[0] == "pending"
        await author.patch(f"{REPOSITORY}/pulls/1", json={"body": "Harmless."})
        assert await gate.again() == ()
        # Its status would let this one through, too.
        await gate.world.github.push("staging", {"staging.yaml": "a: 1\n"})
        made = await author.post(f"{REPOSITORY}/pulls", json={"title": "twin", "head": "feature", "base": "staging"})
        assert made.status_code == 201, made.text
        assert await gate.again() == ("#2 has the same head commit.",)
        await author.patch(f"{REPOSITORY}/pulls/2", json={"state": "closed"})
        assert await gate.again() == ()
        asked = {"event": "REQUEST_CHANGES", "body": "No."}
        assert (await admin.post(f"{REPOSITORY}/pulls/1/reviews", json=asked)).status_code == 200
        assert await gate.again() == ("admin asked for changes on GitHub.",)
        assert (await admin.post(f"{REPOSITORY}/pulls/1/reviews", json={"event": "APPROVE"})).status_code == 200
        assert await gate.again() == ()
        await gate.world.github.push("main", {"other.yaml": "a: 1\n"})
        assert await gate.again() == ()
        assert gate.asked_for_score() == 1
        await gate.world.github.push("feature", {"feature.yaml": "a: 1 # fine\u202e\n"})
        gate.it.stored = await gate.world.report_on(1, tell=False)
        await gate.told(digest="d2")
        assert await gate.again("d2") == ("feature.yaml cannot be read, or has characters that nobody sees.",)
        assert gate.asked_for_score() == 1


async def test_people_hear_nothing_of_a_rule_that_is_for_other_authors(tmp_path: Path) -> None:
    async with scene(tmp_path, STATUS, author="renovate[bot]") as gate:
        await gate.told()
        assert "Its author author is not among those of the rule." in (await gate.verdict()).reasons
        assert "gate images" not in await gate.it.shown()
        assert (await gate.status() or ("",))[0] == "pending"
        assert gate.asked_for_score() == 0


async def test_what_a_person_approved_is_not_approved_again(tmp_path: Path) -> None:
    async with scene(tmp_path, APPROVAL) as gate:
        await gate.it.told(gate.report())
        await gate.world.pressed(gate.it.stored, "approve", "reviewer")
        await gate.looked()
        assert (await gate.verdict()).outcome == "a person has approved it"
        assert len(await gate.reviews()) == 1
        # It is the person's: another report does not take it back.
        await gate.told(digest="d2")
        assert [state for state, _ in await gate.reviews()] == ["APPROVED"]


@pytest.mark.parametrize("switch", ["enabled: false", "dry_run: true"])
async def test_the_kill_switch_takes_back_what_stands(tmp_path: Path, switch: str) -> None:
    more = f"{STATUS}}}, {{{RULE.replace('images', 'approving')}, dry_run: false, {APPROVAL}"
    async with scene(tmp_path, more) as gate:
        await gate.told()
        assert (await gate.status() or ("",))[0] == "success"
        assert [state for state, _ in await gate.reviews()] == ["APPROVED"]
        settings = gate.world.settings.read_text(encoding="utf-8")
        before = "enabled: true" if switch.startswith("enabled") else "dry_run: false"
        gate.world.settings.write_text(settings.replace(before, switch), encoding="utf-8")
        await gate.world.restart()
        if switch == "dry_run: true":
            await gate.again()
        await gate.looked()
        await gate.quiet()
        state, words = await gate.status() or ("", "")
        assert state == "pending"
        assert words in {"The gate is switched off", "Waits for a person: no rule of the gate is for it"}
        assert [state for state, _ in await gate.reviews()] == ["DISMISSED"]


async def test_a_status_of_its_own_is_green_only_while_it_is_cleared(tmp_path: Path) -> None:
    async with scene(tmp_path, STATUS) as gate:
        await gate.told()
        assert await gate.status() == ("success", "Cleared by the gate: images, score 100, 60 needed")
        assert "cleared this (score 100 by small, 60 needed): a green status" in await gate.it.shown()
        # A person's word counts, and when it is taken back nobody is asked anew.
        await choose(gate.world, gate.it.stored, "hold", "reviewer")
        await gate.looked()
        assert await gate.status() == ("pending", "Waits for a person: It is on hold by reviewer.")
        assert "It is on hold by reviewer." in await gate.it.shown()
        await choose(gate.world, gate.it.stored, "release", "reviewer")
        await gate.looked()
        assert (await gate.status() or ("",))[0] == "success"
        assert gate.asked_for_score() == 1


async def test_an_approval_is_one_review_in_the_audit_trail_and_goes_when_the_report_says_something_else(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path, APPROVAL) as gate:
        head = gate.it.stored.report.pull_request.head_sha
        for _ in range(3):
            await gate.told()
        assert await gate.reviews() == [("APPROVED", head)]
        [made] = await gate.world.decisions(gate.it.stored)
        assert (made.action, made.outcome, made.slack_user, made.github_login) == ("clear", "done", "", "")
        assert made.message.startswith("gate rule images, score 100 by small, 60 needed; ")
        [body] = [one["body"] for one in await gate.world.github.get("/pulls/1/reviews")]
        assert "Approved by the gate of gitops-bot, not by a person" in body
        shown = await gate.it.shown()
        assert "by the gate, no person" in shown
        assert "cleared this (score 100 by small, 60 needed): approved" in shown
        # Another report of the same commit: what was approved is not what would be merged.
        scores(gate.it, 10)
        await gate.told(digest="d2")
        assert await gate.reviews() == [("DISMISSED", head)]
        assert [one.action for one in await gate.world.decisions(gate.it.stored)] == ["clear", "withdraw"]
        assert "The model's score is 10; 60 is needed." in await gate.it.shown()
        assert await gate.world.audit_problem() == ""


async def test_an_approval_is_withdrawn_when_the_head_moves_and_when_a_person_objects(tmp_path: Path) -> None:
    async with scene(tmp_path, APPROVAL) as gate:
        head = gate.it.stored.report.pull_request.head_sha
        await gate.told()
        await choose(gate.world, gate.it.stored, "hold", "reviewer")
        await gate.looked()
        assert await gate.reviews() == [("DISMISSED", head)]
        await choose(gate.world, gate.it.stored, "release", "reviewer")
        await gate.looked()
        assert await gate.reviews() == [("DISMISSED", head), ("APPROVED", head)]
        await gate.moved()
        await gate.world.looked(1)
        assert await gate.reviews() == [("DISMISSED", head), ("DISMISSED", head)]
        assert gate.asked_for_score() == 1


async def test_a_dry_run_does_nothing_and_is_shown_where_that_is_wanted(tmp_path: Path) -> None:
    async with scene(tmp_path, APPROVAL, dry_run=True) as gate:
        await gate.told()
        verdict = await gate.verdict()
        assert (verdict.cleared, verdict.dry_run, verdict.score) == (True, True, 100.0)
        assert "gate images" not in await gate.it.shown()
        assert await gate.reviews() == []
        assert await gate.world.decisions(gate.it.stored) == ()


async def test_a_dry_run_is_shown_where_that_is_wanted(tmp_path: Path) -> None:
    async with scene(tmp_path, APPROVAL, dry_run=True, gate="show_dry_run: true,") as gate:
        await gate.told()
        shown = await gate.it.shown()
        assert "🧪 gate images would have cleared this (score 100 by small, 60 needed): an approval would" in shown


async def test_a_head_that_moves_while_the_model_thinks_is_not_cleared(tmp_path: Path) -> None:
    async with scene(tmp_path, APPROVAL) as gate:
        await gate.while_it_thinks(gate.moved)
        verdict = await gate.verdict()
        assert (verdict.cleared, verdict.score) == (False, 100.0)
        assert verdict.reasons[0].startswith("Its head is ")
        assert await gate.reviews() == []


async def test_a_base_branch_that_moves_while_the_model_thinks_leaves_it_to_the_next_report(tmp_path: Path) -> None:
    async with scene(tmp_path, APPROVAL) as gate:
        await gate.while_it_thinks(lambda: gate.world.github.push("main", {"other.yaml": "a: 1\n"}))
        assert (await gate.verdict()).reasons == ("main has moved since the report was made.",)
        assert await gate.reviews() == []


async def test_a_hold_that_is_pressed_while_the_model_thinks_wins(tmp_path: Path) -> None:
    async with scene(tmp_path, APPROVAL) as gate:
        await gate.while_it_thinks(lambda: choose(gate.world, gate.it.stored, "hold", "reviewer"))
        assert (await gate.verdict()).reasons == ("It is on hold by reviewer.",)
        assert await gate.reviews() == []
        # It was told to look once more meanwhile, and comes to the same.
        await gate.looked()
        assert not (await gate.verdict()).cleared


async def test_what_is_no_score_clears_nothing_and_is_asked_for_a_few_times(tmp_path: Path) -> None:
    """Every other way to give no score is in test_model_faults."""
    async with scene(tmp_path, APPROVAL) as gate:
        scores(gate.it, text='{"score": NaN, "reasons": []}')
        for _ in range(4):
            await gate.told()
        verdict = await gate.verdict()
        assert (verdict.cleared, verdict.score, verdict.tries) == (False, None, 3)
        assert verdict.reasons[0].startswith("The model gave no score: ")
        # The answer to another question is none to this one.
        scores(gate.it, text=FINE)
        await gate.told(digest="d2")
        assert (await gate.verdict("d2")).score is None
        assert await gate.reviews() == []


async def test_a_budget_that_is_used_up_clears_nothing(tmp_path: Path) -> None:
    async with scene(tmp_path, APPROVAL, llm="  limits: {month: {calls: 1}}\n") as gate:
        await gate.told()
        verdict = await gate.verdict()
        assert not verdict.cleared
        assert "The limit for one month would be passed: calls (2 of 1)" in verdict.reasons[0]
        assert await gate.reviews() == []


@pytest.mark.parametrize("judgement", ["comment", "block"])
async def test_a_review_that_is_not_content_counts_against_clearing(tmp_path: Path, judgement: str) -> None:
    async with scene(tmp_path, APPROVAL) as gate:
        scores(gate.it, opinion=review(judgement=judgement))
        await gate.told()
        assert (await gate.verdict()).reasons == (f"The model's review of it comes to '{judgement}'.",)
        assert gate.asked_for_score() == 0


@pytest.mark.parametrize("place", ["give_word", "save_verdict", "write_down"])
async def test_a_kill_between_verdict_and_effect_loses_nothing_and_doubles_nothing(
    tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with scene(tmp_path, APPROVAL) as gate:
        doors = gate.world.doors
        before = {"give_word": "approve", "save_verdict": "find_review", "write_down": "review_decision"}[place]
        real = getattr(doors.github, before)

        async def killed(*given: Any, **more: Any) -> Any:
            if place != "save_verdict":
                await real(*given, **more)
            raise KilledHere

        monkeypatch.setattr(doors.github, before, killed)
        await gate.told()
        made = await gate.reviews()
        assert len(made) == (0 if place == "save_verdict" else 1)
        assert await gate.world.decisions(gate.it.stored) == ()
        monkeypatch.undo()
        await gate.world.restart()
        await gate.looked()
        await gate.looked()
        assert await gate.reviews() == [("APPROVED", gate.it.stored.report.pull_request.head_sha)]
        assert [one.action for one in await gate.world.decisions(gate.it.stored)] == ["clear"]
        assert gate.asked_for_score() == 1


class KilledHere(BaseException):
    """The process ends here."""
