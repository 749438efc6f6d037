"""One conversation with a runner."""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol

from gitops_bot import telemetry
from gitops_bot.errors import RunnerError
from gitops_bot.flux import protocol
from gitops_bot.flux.seats import Seats
from gitops_bot.models.changes import FluxOutcome, OutcomeStatus
from gitops_bot.models.claims import Claimant
from gitops_bot.models.kustomizations import Kustomization, ObjectReference
from gitops_bot.models.tree import Tree

# Seconds beyond flux's own deadline after which the runner counts as dead. A job may be two runs.
_GRACE = 30.0
_RUNS_OF_A_JOB = 2
# Looks side by side: their reads queue in the runner, and who waits for one must not wait for all.
_LOOKS = 4
_LAST_WORDS_SECONDS = 2.0
# Bytes of an ordinary outcome, and how many times the bound of one run all larger ones together may have.
_LARGE = 1 << 20
_MOST_LARGE = 3


# What answers a job or a look.
_Heard = protocol.Answer | protocol.Stopped | protocol.Sight


class Channel(Protocol):
    """The way to a runner: a child process of ours, or one that is reached over HTTP."""

    async def send(self, line: bytes) -> None:
        """Send one message; ConnectionError when nobody listens any more."""
        ...

    async def receive(self) -> bytes:
        """Wait for one message; b"" when there will be none."""
        ...

    async def failure(self, why: str) -> RunnerError:
        """Tell, once there are no more messages, what that means; ``why`` is what the runner itself said."""
        ...


class Session:
    """Some trees in a runner, ready for any number of runs. Runs may go side by side."""

    def __init__(
        self,
        channel: Channel,
        *,
        seats: Seats,
        share: int,
        limits: protocol.Limits,
        claimant: Claimant,
        slow: bool = False,
    ) -> None:
        """Take the way to a runner, which its owner closes; ``seats`` bounds the runs over all sessions.

        ``share`` is how many of them this session may have at once: whatever it brings, others get on.
        ``slow``: what the same pull request brought before took long.
        """
        self._channel = channel
        self._seats = seats
        self._claimant = claimant
        self._slow = slow
        self._share = asyncio.Semaphore(share)
        # Whether any run of this session took long.
        self.took_long = False
        self._output_bytes = limits.output_bytes
        self._large_bytes = 0
        self._looks = asyncio.Semaphore(_LOOKS)
        self._patience = limits.seconds * _RUNS_OF_A_JOB + _GRACE
        self._waiting: dict[int, asyncio.Future[_Heard]] = {}
        self._numbers = 0
        self._reading = asyncio.create_task(self._listen(), name="listener to the runner")
        self._failure: RunnerError | None = None

    async def open(self, opening: protocol.Opening, trees: Mapping[str, Tree]) -> None:
        """Send the credentials and the trees; a content that several files share is sent once."""
        await self._send(opening)
        sent: set[str] = set()
        for name, tree in trees.items():
            listing = {}
            for path, content in tree.files.items():
                listing[path] = protocol.digest(content)
                if listing[path] not in sent:
                    sent.add(listing[path])
                    await self._send(protocol.FileContent(listing[path], content))
            await self._send(protocol.TreeListing(name, listing, tuple(tree.oversized), tuple(tree.links)))

    async def build(self, kustomization: Kustomization, tree: str) -> FluxOutcome:
        """Render (``flux build kustomization``): ``text`` is YAML documents, redacted with keyed placeholders."""
        return await self._do("build", kustomization, tree)

    async def diff(
        self, kustomization: Kustomization, tree: str, *, left_out: Collection[tuple[str, str]] = ()
    ) -> FluxOutcome:
        """Compare with the live cluster (``flux diff kustomization``): ``text`` is dyff's, redacted.

        ``left_out``: (group, kind) of objects that flux is told to skip.
        """
        return await self._do("diff", kustomization, tree, left_out)

    async def close(self) -> None:
        """Listen no more. Whoever still waits is told."""
        self._fail(RunnerError("The session was closed."))
        self._reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reading

    async def live_objects(
        self, kustomization: Kustomization, wanted: Mapping[ObjectReference, str]
    ) -> tuple[Mapping[ObjectReference, Mapping[str, Any]], frozenset[ObjectReference]]:
        """Read objects (reference to apiVersion) as the *diff* identity, with managedFields, redacted.

        Returns those that are there, and those that are not; what could not be read is in neither.
        A Secret comes with its metadata only.
        """
        references = list(wanted)
        objects = tuple((wanted[reference], reference) for reference in references)
        async with self._looks:
            seen = await self._ask(lambda number: protocol.Look(number, kustomization, objects))
        if not isinstance(seen, protocol.Sight):
            raise RunnerError("The runner answered with something else than was asked for.")
        found = {references[place]: value for place, value in seen.found.items()}
        return found, frozenset(references[place] for place in seen.absent)

    async def _do(
        self, operation: str, kustomization: Kustomization, tree: str, left_out: Collection[tuple[str, str]] = ()
    ) -> FluxOutcome:
        kinds = tuple(sorted(left_out))
        answer = await self._run(operation, kustomization, tree, kinds, last=self._slow)
        while isinstance(answer, protocol.Stopped):
            # It took long, and others waited: now it waits for a place among those that do.
            answer = await self._run(operation, kustomization, tree, kinds, last=True)
        if not isinstance(answer, protocol.Answer):
            raise RunnerError("The runner answered with something else than was asked for.")
        telemetry.flux_seconds.labels(operation).observe(answer.outcome.seconds)
        return self._within_measure(answer.outcome)

    async def _run(
        self, operation: str, kustomization: Kustomization, tree: str, kinds: tuple[tuple[str, str], ...], *, last: bool
    ) -> _Heard:
        """Run once; `Stopped` when the seat was wanted back."""
        async with self._share, self._seats.seat(self._claimant, slow=last) as seat:
            began = asyncio.get_running_loop().time()
            try:
                return await self._ask(
                    lambda number: protocol.Job(number, operation, tree, kustomization, kinds, last=last), seat.wanted
                )
            finally:
                # However it ends: whoever asks for the same again is like this.
                lasted = asyncio.get_running_loop().time() - began
                self.took_long = self.took_long or lasted >= self._seats.long_after

    def _within_measure(self, outcome: FluxOutcome) -> FluxOutcome:
        """Give an outcome; one that is large only while all the large ones of this session can be borne."""
        if len(outcome.text) <= _LARGE:
            return outcome
        self._large_bytes += len(outcome.text)
        if self._large_bytes <= _MOST_LARGE * self._output_bytes:
            return outcome
        return FluxOutcome(
            OutcomeStatus.REFUSED,
            message="Not looked at: all that this pull request is about renders to more than can be held at once "
            "(flux.output_bytes).",
            seconds=outcome.seconds,
        )

    async def _ask(
        self, message: Callable[[int], protocol.Job | protocol.Look], wanted: asyncio.Event | None = None
    ) -> _Heard:
        """Send a job under a new number and wait for what comes back; once its seat is ``wanted`` it is stopped."""
        self._numbers += 1
        number = self._numbers
        answer: asyncio.Future[_Heard] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            if self._failure is not None:
                raise self._failure
            await self._send(message(number))
            async with asyncio.timeout(self._patience):
                if wanted is not None and not await _comes_before(answer, wanted):
                    await self._send(protocol.Stop(number))
                return await answer
        except TimeoutError as error:
            raise RunnerError(f"The runner does not answer within {self._patience:g} seconds.") from error
        finally:
            self._waiting.pop(number, None)

    async def _send(self, message: protocol.Message) -> None:
        try:
            await self._channel.send(protocol.encode(message))
        except ConnectionError as error:
            # Why it went is in what it said last, if it said anything.
            await asyncio.wait({self._reading}, timeout=_LAST_WORDS_SECONDS)
            raise self._failure or RunnerError("The runner ended before it was told what to do.") from error

    async def _listen(self) -> None:
        """Hand answers to those who wait; when the runner goes, tell all of them."""
        why = ""
        try:
            while line := await self._channel.receive():
                message = protocol.decode(line)
                if isinstance(message, protocol.Failure):
                    why = message.message
                elif isinstance(message, _Heard) and not self._gone(message.number):
                    self._waiting[message.number].set_result(message)
        except (ValueError, KeyError, TypeError) as error:
            why = f"it said something that is no message ({type(error).__name__})"
        self._fail(await self._channel.failure(why))

    def _fail(self, failure: RunnerError) -> None:
        self._failure = failure
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(failure)

    def _gone(self, number: int) -> bool:
        """Whether nobody waits for this answer any more."""
        answer = self._waiting.get(number)
        return answer is None or answer.done()


async def _comes_before(answer: asyncio.Future[_Heard], wanted: asyncio.Event) -> bool:
    """Wait for either; True when the answer is there."""
    wish = asyncio.create_task(wanted.wait(), name="wish for a seat")
    either: set[asyncio.Future[Any]] = {answer, wish}
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    finally:
        wish.cancel()
    return answer.done()
