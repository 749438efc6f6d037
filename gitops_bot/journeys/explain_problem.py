"""Somebody wants to know what keeps us from looking at a repository: ask a model once, and say it in the thread."""

from functools import partial

from gitops_bot.journeys.answer_in_thread import answer_in_thread
from gitops_bot.journeys.ask_model import ask_prompt
from gitops_bot.journeys.ports import Advice, Doors
from gitops_bot.journeys.report_problem import PROBLEM
from gitops_bot.journeys.whisper import whisper
from gitops_bot.models.chat import Click
from gitops_bot.models.opinions import Asking, Reply
from gitops_bot.models.pull_requests import Repository
from gitops_bot.models.records import Effect
from gitops_bot.views.prompt import prompt_of_problem
from gitops_bot.views.replies import explanation_message


async def explain_problem(doors: Doors, click: Click) -> str:
    """Ask, or take what is kept, and put it into the thread; gives "done", "failed: …" or "refused: …"."""
    advice, problem = doors.advice, await doors.store.effect(PROBLEM, click.value)
    if problem is None:
        await whisper(doors, click, "This problem is over, or not kept any more. Nothing was asked.")
        return "refused: unknown problem"
    owner, _, name = problem.remote["repository"].partition("/")
    repository = Repository(owner, name)
    if advice is None or not advice.policy.allows(repository):
        await whisper(doors, click, f"No model is asked about {repository} (llm.repositories). Nothing was asked.")
        return "refused: not allowed"
    key = f"{click.value}|diagnosis|{problem.digest}"
    async with doors.one_at_a_time.alone(f"explain {click.value}"):
        return await answer_in_thread(
            doors,
            click,
            await doors.store.replies.of(click.value, problem.digest, Asking.DIAGNOSE),
            partial(_asked, doors, advice, repository, problem),
            lambda reply: explanation_message(reply, problem.remote["subject"], key=key),
            digest=problem.digest,
            about="this",
        )


async def _asked(doors: Doors, advice: Advice, repository: Repository, problem: Effect) -> Reply:
    prompt = prompt_of_problem(repository, problem.remote["subject"], problem.remote["problem"])
    return await ask_prompt(
        prompt,
        advice.model,
        doors.store.spend,
        limits=advice.limits,
        clock=doors.clock,
        key=problem.target,
        digest=problem.digest,
    )
