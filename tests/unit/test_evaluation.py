"""What an answer is worth, rule by rule."""

from dataclasses import replace

import pytest
import sample_reports as samples

from gitops_bot.models.evaluation import Attempt, CaseKind, CaseResult, EvaluationCase, Expected, Unwanted, Wanted
from gitops_bot.models.opinions import Asking, Judgement, OpinionFinding, Prompt, ReviewAnswer, Score, Usage
from gitops_bot.models.reports import Severity
from gitops_bot.rules.evaluation import evaluation_of, result_of

CRITICAL, WARNING, INFO = Severity.CRITICAL, Severity.WARNING, Severity.INFO
WEB = "Deployment/apps/web"
PROMPT = Prompt(
    Asking.REVIEW,
    "",
    {WEB: frozenset({"spec.replicas", "spec.image", "spec.probe"}), "Service/apps/web": frozenset({"spec.type"})},
)
EXPECTED = Expected(
    {Judgement.COMMENT, Judgement.BLOCK},
    (10.0, 40.0),
    (Wanted(WEB, "spec.replicas", WARNING, ("Replica", "scale")), Wanted(WEB, "spec.image", CRITICAL)),
    (Unwanted("Service/apps/web", "", WARNING), Unwanted("", "", CRITICAL)),
)
HARMLESS = Expected({Judgement.APPROVE}, (60.0, 100.0), (), (Unwanted("", "", WARNING),))
REPLICAS = OpinionFinding(WEB, "spec.replicas", WARNING, "Only one replica is left.")
IMAGE = OpinionFinding(WEB, "spec.image", CRITICAL, "It is another one.")


def case(expected: Expected = EXPECTED, kind: CaseKind = CaseKind.RISKY, name: str = "one") -> EvaluationCase:
    return EvaluationCase(name, kind, "web", samples.changes_report(), expected)


def judged(
    *findings: OpinionFinding,
    expected: Expected = EXPECTED,
    judgement: Judgement = Judgement.BLOCK,
    score: float = 20.0,
    answers: int = 1,
    words: bool = True,
) -> CaseResult:
    review = Attempt(
        ReviewAnswer("x", judgement, findings), model="m", usage=Usage(1, 5, 5), seconds=2, answers=answers
    )
    gate = Attempt(Score(score), model="m", usage=Usage(1, 1, 1), seconds=1)
    return result_of(case(expected), PROMPT, review, gate, words=words)


def test_an_answer_that_says_it_all_has_all_points() -> None:
    result = judged(REPLICAS, IMAGE)
    assert result.points == 100
    assert result.found == (f"{WEB} spec.replicas", f"{WEB} spec.image")
    assert (result.missed, result.false, result.too_mild) == ((), (), ())
    assert (result.judgement_accepted, result.score_accepted, result.schema_kept) == (True, True, True)
    assert (result.usage, result.seconds) == (Usage(2, 6, 6), 3)


@pytest.mark.parametrize(
    ("findings", "points"),
    [
        # One of two: F1 is two thirds.
        ((REPLICAS,), 50 * 2 / 3 + 50),
        # Found nothing: judgement and score are right for no reason.
        ((), 0 + 45 / 2 + 5),
        # Around the field, and within it.
        ((replace(REPLICAS, field="spec"), replace(IMAGE, field="spec.image.tag")), 100),
        ((replace(REPLICAS, field=""), IMAGE), 100),
        ((replace(REPLICAS, field="/spec/replicas"), IMAGE), 100),
        # Another word, the same place: missed, and not false.
        ((replace(REPLICAS, message="Odd."), IMAGE), 50 * 2 / 3 + 50),
        ((replace(REPLICAS, message="Odd.", severity=CRITICAL), IMAGE), 50 * 2 / 3 + 50),
        ((replace(REPLICAS, message="Odd.", suggestion="SCALE it up."), IMAGE), 100),
        # Too mild: half right, half missed. 2 * 1.5 / (2 * 1.5 + 0.5)
        ((REPLICAS, replace(IMAGE, severity=WARNING)), 50 * 3 / 3.5 + 50),
        ((replace(REPLICAS, severity=CRITICAL), IMAGE), 100),
        # The gravest of several counts.
        ((REPLICAS, replace(IMAGE, severity=INFO), IMAGE), 100),
        # False: 2 * 2 / (2 * 2 + 1)
        ((REPLICAS, IMAGE, OpinionFinding("Service/apps/web", "spec.type", WARNING, "x")), 50 * 4 / 5 + 50),
        ((REPLICAS, IMAGE, OpinionFinding("Service/apps/web", "spec.type", INFO, "x")), 100),
        ((REPLICAS, IMAGE, OpinionFinding(WEB, "spec.probe", CRITICAL, "x")), 50 * 4 / 5 + 50),
        ((REPLICAS, IMAGE, OpinionFinding(WEB, "spec.probe", WARNING, "x")), 100),
        # About what was not shown.
        ((REPLICAS, IMAGE, OpinionFinding("Secret/apps/web", "", INFO, "x")), 50 * 4 / 5 + 50),
        ((REPLICAS, IMAGE, OpinionFinding(WEB, "spec.paused", INFO, "x")), 50 * 4 / 5 + 50),
    ],
)
def test_findings(findings: tuple[OpinionFinding, ...], points: float) -> None:
    assert judged(*findings).points == pytest.approx(points)


@pytest.mark.parametrize(
    ("score", "points"), [(10, 100), (40, 100), (41, 100 - 20 / 25), (0, 92), (65, 80), (100, 80), (52.5, 90)]
)
def test_the_gate_loses_with_the_distance(score: float, points: float) -> None:
    result = judged(REPLICAS, IMAGE, score=score)
    assert result.points == pytest.approx(points)
    assert result.score_accepted is (10 <= score <= 40)


def test_a_judgement_and_the_schema() -> None:
    assert judged(REPLICAS, IMAGE, judgement=Judgement.APPROVE).points == 75
    assert judged(REPLICAS, IMAGE, answers=2).points == 95


def test_words_do_not_count_in_other_languages() -> None:
    strange = replace(REPLICAS, message="Zu wenige.")
    assert judged(strange, IMAGE).points < 100
    assert judged(strange, IMAGE, words=False).points == 100


@pytest.mark.parametrize(("alarms", "points"), [(0, 100), (1, 75), (3, 62.5)])
def test_false_alarms_about_something_harmless(alarms: int, points: float) -> None:
    findings = [replace(REPLICAS, message=f"{number}") for number in range(alarms)]
    result = judged(*findings, expected=HARMLESS, judgement=Judgement.APPROVE, score=90)
    assert result.points == points
    assert len(result.false) == alarms


def test_what_is_not_answered_gets_nothing() -> None:
    broken = Attempt(problem="it broke", usage=Usage(2, 5, 5), seconds=2, answers=2)
    score = Attempt(Score(20.0), model="m")
    review = Attempt(ReviewAnswer("x", Judgement.BLOCK, (REPLICAS, IMAGE)), model="m")
    assert result_of(case(), PROMPT, broken, broken).points == 0
    neither = result_of(case(), PROMPT, broken, score)
    assert (neither.points, neither.problems, neither.judgement) == (10, ("it broke",), None)
    assert neither.missed == (f"{WEB} spec.replicas", f"{WEB} spec.image")
    assert result_of(case(), PROMPT, review, broken).points == 75
    # Nor is nothing said a right answer to something harmless.
    assert result_of(case(HARMLESS), PROMPT, broken, broken).points == 0


def test_the_score_is_the_geometric_mean_of_the_kinds() -> None:
    cases = [case(kind=kind, name=f"{kind}{number}") for kind in (CaseKind.SUBTLE, CaseKind.RISKY) for number in (1, 2)]
    points = dict(zip((one.name for one in cases), (100.0, 80.0, 30.0, 10.0), strict=True))
    results = [CaseResult(one.name, one.kind, points[one.name]) for one in reversed(cases)]
    found = evaluation_of(cases, results)
    assert found.by_kind == {CaseKind.RISKY: 20, CaseKind.SUBTLE: 90}
    assert found.score == pytest.approx((20 * 90) ** 0.5)
    assert [result.name for result in found.results] == [one.name for one in cases]
    assert found.not_asked == ()


def test_what_was_not_asked_is_named_and_does_not_count() -> None:
    cases = [case(name="one"), case(name="two", kind=CaseKind.SUBTLE)]
    found = evaluation_of(cases, [CaseResult("one", CaseKind.RISKY, 70.0)], "The limit.")
    assert (found.score, found.not_asked, found.stopped_by) == (pytest.approx(70), ("two",), "The limit.")
    assert evaluation_of(cases, []).score == 0
