"""What a model is worth by the made-up pull requests, for a terminal and for programs."""

from collections.abc import Iterator
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gitops_bot.models.evaluation import CaseKind, CaseResult, Evaluation
from gitops_bot.rules.cleaning import clean_line
from gitops_bot.telemetry import without_tokens
from gitops_bot.views.text import and_more
from gitops_bot.views.words import plural

_GOOD, _FAIR = 80, 50
# Of one case, in the list of what is wrong.
_NAMES = 4


def evaluation_view(evaluation: Evaluation) -> RenderableType:
    """A line for each case, what is wrong with the answers, and what it comes to."""
    return Group(_table(evaluation), *_faults(evaluation), *_total(evaluation))


def evaluation_json(evaluation: Evaluation) -> dict[str, Any]:
    """The same as a JSON object; ``money`` is in the currency of the settings' prices."""
    return {
        "score": round(evaluation.score, 1),
        "by_kind": {kind.value: round(mean, 1) for kind, mean in evaluation.by_kind.items()},
        "models": _models(evaluation),
        "usage": _usage(evaluation),
        "not_asked": list(evaluation.not_asked),
        "stopped_by": evaluation.stopped_by,
        "cases": [_case(result) for result in evaluation.results],
    }


def _case(result: CaseResult) -> dict[str, Any]:
    return {
        "name": result.name,
        "kind": result.kind.value,
        "points": round(result.points, 1),
        "found": list(result.found),
        "too_mild": list(result.too_mild),
        "missed": list(result.missed),
        "false": list(result.false),
        "not_shown": result.dropped,
        "judgement": result.judgement.value if result.judgement else None,
        "judgement_accepted": result.judgement_accepted,
        "score": result.score,
        "score_accepted": result.score_accepted,
        "schema_kept": result.schema_kept,
        "problems": [without_tokens(problem) for problem in result.problems],
        "seconds": round(result.seconds, 3),
        "tokens": result.usage.tokens,
        "money": result.usage.money,
    }


def _usage(evaluation: Evaluation) -> dict[str, Any]:
    used = evaluation.usage
    return {
        "calls": used.calls,
        "prompt_tokens": used.prompt_tokens,
        "answer_tokens": used.answer_tokens,
        "money": used.money,
        "seconds": round(evaluation.seconds, 3),
    }


def _models(evaluation: Evaluation) -> list[str]:
    return sorted({clean_line(result.model) for result in evaluation.results if result.model})


def _table(evaluation: Evaluation) -> Table:
    table = Table(box=box.SIMPLE, pad_edge=False)
    table.add_column("Case", overflow="fold")
    table.add_column("Kind")
    for name in ("Points", "Found", "False", "Judged", "Gate", "Tokens", "Seconds"):
        table.add_column(name, justify="right")
    for result in evaluation.results:
        wanted = len(result.found) + len(result.missed)
        false = len(result.false) + result.dropped
        table.add_row(
            clean_line(result.name),
            result.kind.value,
            Text(f"{result.points:.0f}", style=_style(result.points)),
            f"{len(result.found)}/{wanted}" if wanted else "",
            Text(str(false or ""), style="red"),
            _mark(result.judgement.value if result.judgement else "none", accepted=result.judgement_accepted),
            _mark("none" if result.score is None else f"{result.score:g}", accepted=result.score_accepted),
            f"{result.usage.tokens:,}",
            f"{result.seconds:.1f}",
        )
    return table


def _mark(text: str, *, accepted: bool) -> Text:
    return Text(f"{text} {'✓' if accepted else '✗'}", style="green" if accepted else "red")


def _style(points: float) -> str:
    return "green" if points >= _GOOD else "yellow" if points >= _FAIR else "red"


def _faults(evaluation: Evaluation) -> Iterator[Text]:
    for result in evaluation.results:
        if said := [*_faults_of(result)]:
            yield Text(f"{clean_line(result.name)}: ", style="bold").append("; ".join(said), style="default")


def _faults_of(result: CaseResult) -> Iterator[str]:
    for words, places in (("missed", result.missed), ("too mild", result.too_mild), ("false", result.false)):
        if places and result.judgement is not None:
            yield f"{words}: {and_more([clean_line(place) for place in places], _NAMES)}"
    if result.dropped:
        yield f"{plural(result.dropped, 'finding')} about what was not shown"
    if not result.schema_kept and not result.problems:
        yield "an answer fitted the schema only when it was asked for again"
    for problem in result.problems:
        yield f"no answer: {clean_line(without_tokens(problem))}"


def _total(evaluation: Evaluation) -> Iterator[Text]:
    used, left = evaluation.usage, len(evaluation.not_asked)
    yield Text("")
    means = ", ".join(f"{kind.value} {evaluation.by_kind[kind]:.0f}" for kind in CaseKind if kind in evaluation.by_kind)
    models = f" ({', '.join(_models(evaluation))})" if _models(evaluation) else ""
    yield Text(f"Score {evaluation.score:.1f} of 100{models}: {means}", style=f"bold {_style(evaluation.score)}")
    yield Text(
        f"{plural(len(evaluation.results), 'case')}, {plural(used.calls, 'call')}, {used.tokens:,} tokens, "
        f"cost {used.money:.4f}, {evaluation.seconds:.1f} s of answers"
    )
    if left:
        why = clean_line(evaluation.stopped_by) or "It was broken off."
        yield Text(f"{plural(left, 'case')} not asked. {why}", style="yellow")
