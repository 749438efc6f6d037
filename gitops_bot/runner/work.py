"""One session of the cage: trees, and runs of flux on them."""

import asyncio
import json
import re
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gitops_bot.flux import command
from gitops_bot.flux.api_reader import ApiReader, ApiUnreachableError, NotReadableError
from gitops_bot.flux.landlock import Enclosure, enclosed
from gitops_bot.flux.process import Ended, run, seconds_of_ended, threads_of_this_user
from gitops_bot.flux.protocol import Job, Look, Opening, Sight
from gitops_bot.flux.run_folder import RunFolder, run_folder
from gitops_bot.flux.trees import OddNameError, TreeOnDisk, odd_name
from gitops_bot.flux.variables import VariableReader, Variables
from gitops_bot.models.changes import FluxOutcome, OutcomeStatus
from gitops_bot.models.kustomizations import Kustomization, KustomizationId
from gitops_bot.models.tree import Tree
from gitops_bot.rules.closure import Closure, TreeIndex, closure_of
from gitops_bot.rules.encrypted_objects import Encrypted, encrypted_in
from gitops_bot.rules.kustomize_fields import KUSTOMIZATION_FILES
from gitops_bot.rules.redaction import Redactor
from gitops_bot.rules.secret_objects import secret_values
from gitops_bot.rules.secret_references import is_number_like, transformed_references
from gitops_bot.rules.yaml_nodes import UnreadableTextError
from gitops_bot.runner.live import look

# https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


# Kustomizations whose runs may be killed at their limits before the rest of a session is not tried any more:
# a pull request that touches a hundred of them must not take a hundred deadlines.
_MOST_KILLED = 2
# Values of the Secrets in a render up to which they are looked for in messages, each in dozens of forms: a second.
_MOST_RENDERED = 1_500
_MOST_RENDERED_BYTES = 256 << 10
# Characters of a message. The errors of a thousand objects fit.
_LONGEST_MESSAGE = 400_000


class _RefusedError(Exception):
    """flux must not see this; the text says why."""


class _UnusableError(Exception):
    """flux failed before it was given any secret; holds what it said."""

    def __init__(self, outcome: FluxOutcome) -> None:
        super().__init__()
        self.outcome = outcome


@dataclass
class _Tree:
    """A tree on disk, and what was found out about it."""

    index: TreeIndex
    disk: TreeOnDisk
    closures: dict[str, Closure] = field(default_factory=dict)


@dataclass(frozen=True)
class _Prepared:
    """A job that may run."""

    job: Job
    tree: _Tree
    variables: Variables
    redactor: Redactor


class Workshop:
    """Does jobs, so many side by side. Every text that it gives is redacted."""

    def __init__(self, opening: Opening, folder: Path) -> None:
        """Take what the session opens with; ``folder`` is this process's own."""
        self._opening = opening
        self._folder = folder
        self._key = bytes.fromhex(opening.redaction_key)
        self._slots = asyncio.Semaphore(opening.concurrency)
        self._reader = ApiReader(opening)
        self._variables = VariableReader(self._reader)
        self._threads = threads_of_this_user()
        self._trees: dict[str, _Tree] = {}
        # Objects that SOPS encrypted in any tree: one that the pull request writes in clear was one before.
        self._encrypted: Encrypted = frozenset()
        # What a render's Secrets hold: messages about the same Kustomization must not echo it.
        self._rendered_secrets: dict[str, tuple[tuple[str, bytes], ...]] = {}
        self._checked: dict[str, str] = {}
        # Kustomizations of which a run was killed at one of its limits.
        self._killed: set[KustomizationId] = set()

    def add_tree(self, name: str, tree: Tree) -> None:
        """Take a tree; its files are written when a run needs them."""
        folder = self._folder / f"tree-{len(self._trees)}"
        self._trees[name] = _Tree(TreeIndex(tree), TreeOnDisk(tree, folder))
        self._encrypted |= encrypted_in(tree)

    async def do(self, job: Job) -> FluxOutcome:
        """Do one job. Never raises but when it is cancelled: a fault of ours is an outcome too."""
        async with self._slots:
            outcome = await self._outcome(job)
        # Once it is redacted: a part of a secret would not be found.
        return replace(outcome, message=_bounded(outcome.message))

    async def _outcome(self, job: Job) -> FluxOutcome:
        try:
            return await self._do(job)
        except (_RefusedError, OddNameError) as error:
            return FluxOutcome(OutcomeStatus.REFUSED, message=self._plain(str(error)))
        except NotReadableError as error:
            return FluxOutcome(OutcomeStatus.FAILED, message=self._plain(str(error)))
        except (ApiUnreachableError, OSError) as error:
            return FluxOutcome(OutcomeStatus.UNAVAILABLE, message=self._plain(str(error)))
        except Exception as error:  # noqa: BLE001 # its text could hold anything: only its type may leave
            return FluxOutcome(OutcomeStatus.FAILED, message=f"A fault of gitops-bot ({_place(error)}).")

    async def look(self, wish: Look) -> Sight:
        """Look at objects in the cluster; nothing is seen when the secrets to hide cannot be read."""
        try:
            variables = await self._variables.read(wish.kustomization, self._encrypted)
            return await look(self._reader, Redactor(self._key, variables.secret_values, self._encrypted), wish)
        except Exception:  # noqa: BLE001 # who asked waits for an answer; the error's text could hold anything
            return Sight(wish.number)

    def _plain(self, text: str) -> str:
        return Redactor(self._key).plain(text.replace(str(self._folder), "…"))

    async def _do(self, job: Job) -> FluxOutcome:
        prepared = await self._prepare(job)
        variables = prepared.variables
        if variables.secret:
            try:
                await self._refuse_transformed(prepared)
            except _UnusableError as error:
                return self._redacted(prepared, replace(error.outcome, text="", notes=variables.notes))
        file = command.kustomization_file(
            job.kustomization, variables.values, lacking=bool(variables.notes), left_out=job.left_out
        )
        with run_folder(self._folder, self._opening, file) as folder:
            ended = await self._run(job.operation, prepared, folder)
        outcome = command.read_outcome(job.operation, ended, self._opening.limits)
        if outcome.status is OutcomeStatus.REFUSED:
            self._killed.add(job.kustomization.id)
        most = self._opening.limits.objects
        if job.operation == "build" and outcome.text.count("\n---\n") > most:
            raise _RefusedError(f"It renders more than {most} objects: too many to be looked at.")
        return self._redacted(prepared, replace(outcome, notes=variables.notes))

    async def _prepare(self, job: Job) -> _Prepared:
        """Look at everything that flux would see; _RefusedError when it must not."""
        kustomization = job.kustomization
        if not all(_NAME.fullmatch(part) for part in (kustomization.id.name, kustomization.id.namespace)):
            raise _RefusedError("The Kustomization has a name that Kubernetes does not allow.")
        if kustomization.spec.get("kubeConfig"):
            raise _RefusedError("The Kustomization is applied to another cluster (spec.kubeConfig).")
        if len(self._killed - {kustomization.id}) >= _MOST_KILLED:
            raise _RefusedError(
                f"Not looked at: {_MOST_KILLED} others of this pull request were killed at their limits already."
            )
        if ".." in kustomization.path.split("/"):
            raise _RefusedError("spec.path leads outside of the repository.")
        tree = self._trees[job.tree]
        self._inspect(tree, kustomization)
        variables = await self._variables.read(kustomization, self._encrypted)
        redactor = Redactor(self._key, variables.secret_values, self._encrypted)
        return _Prepared(job, tree, variables, redactor)

    def _inspect(self, tree: _Tree, kustomization: Kustomization) -> None:
        """Refuse references out of the tree, files that explode, and names that cannot be written; write the rest."""
        key = _spec_key(kustomization)
        if key not in tree.closures:
            tree.closures[key] = closure_of(tree.index, kustomization)
        closure = tree.closures[key]
        if closure.refusal:
            raise _RefusedError(closure.refusal)
        # flux then builds nothing, and would call that a deletion of everything.
        files = [f"{kustomization.path}/{name}".lstrip("/") for name in KUSTOMIZATION_FILES]
        folders = [f"{file} is a folder" for file in files if tree.index.is_folder(file)]
        folders += [error for error in closure.errors if error.endswith("is a folder")]
        if folders:
            raise _RefusedError(folders[0] + ".")
        tree.disk.write(closure.files)
        if not closure.complete:
            # Where the walk is not sure, flux gets everything.
            tree.disk.write(path for path in tree.index.tree.files if not odd_name(path))

    async def _refuse_transformed(self, prepared: _Prepared) -> None:
        """Render without variables, and refuse references that would print parts of a secret."""
        key = f"{prepared.job.tree}\0{_spec_key(prepared.job.kustomization)}"
        if key not in self._checked:
            variables = prepared.variables
            numbers = frozenset(name for name in variables.secret if is_number_like(variables.values[name]))
            found = transformed_references(await self._unsubstituted(prepared), variables.secret, numbers)
            self._checked[key] = ", ".join(found)
        if self._checked[key]:
            raise _RefusedError(
                f"{self._checked[key]} would print a part of a secret variable. Use the whole variable, or a ConfigMap."
            )

    async def _unsubstituted(self, prepared: _Prepared) -> str:
        """Render without variables; _UnusableError, with what flux says, when nobody knows what is in there."""
        for open_secrets in (True, False):
            file = command.file_without_variables(prepared.job.kustomization, open_secrets=open_secrets)
            with run_folder(self._folder, self._opening, file) as folder:
                ended = await self._run("build", prepared, folder)
            outcome = command.read_outcome("build", ended, self._opening.limits)
            if outcome.usable and (open_secrets or not command.hides_values(outcome.text)):
                return outcome.text
        if outcome.usable:
            raise _RefusedError("References to secret variables in encrypted Secrets cannot be checked here.")
        # Not run with the secrets either: that it would fail in the same way is not sure.
        raise _UnusableError(outcome)

    async def _run(self, operation: str, prepared: _Prepared, folder: RunFolder) -> Ended:
        arguments = command.arguments(operation, prepared.job.kustomization, folder, self._opening.limits)
        walls = Enclosure(
            program=Path(self._opening.flux),
            readable=(prepared.tree.disk.folder,),
            writable=(folder.root,),
            ports=(urlsplit(self._opening.server).port or 443,),
        )
        with enclosed(walls) as enclose:
            running = asyncio.create_task(
                run(
                    [self._opening.flux, *arguments],
                    folder=prepared.tree.disk.folder,
                    environment=folder.environment(self._opening),
                    limits=self._opening.limits,
                    threads=self._threads,
                    enclose=enclose,
                    # Else a pull request with many runs would be at the front again with each of them.
                    before=seconds_of_ended(),
                    last=prepared.job.last,
                )
            )
            # While flux works: what redaction imports at its first use.
            try:
                await asyncio.sleep(0)
                prepared.redactor.plain("")
                return await running
            finally:
                # Whoever stops us may do so before anybody waits for it.
                running.cancel()
                await asyncio.wait({running})

    def _redacted(self, prepared: _Prepared, outcome: FluxOutcome) -> FluxOutcome:
        """Take secrets out of both texts, and the paths of this machine out of the message."""
        job = prepared.job
        if job.operation == "build":
            key = _spec_key(job.kustomization)
            self._rendered_secrets[key] = self._rendered_secrets.get(key, ()) + secret_values(outcome.text)
        redact = prepared.redactor.render if job.operation == "build" else prepared.redactor.diff
        try:
            return replace(outcome, text=redact(outcome.text), message=self._message(prepared, outcome.message))
        except UnreadableTextError as error:
            return FluxOutcome(OutcomeStatus.FAILED, message=str(error), seconds=outcome.seconds, notes=outcome.notes)

    def _message(self, prepared: _Prepared, message: str) -> str:
        """Take secrets out of what flux says, those that the Kustomization itself renders too."""
        if not message:
            return ""
        rendered = dict.fromkeys(self._rendered_secrets.get(_spec_key(prepared.job.kustomization), ()))
        if len(rendered) > _MOST_RENDERED or sum(len(value) for _, value in rendered) > _MOST_RENDERED_BYTES:
            return (
                "flux failed, and its words are not shown: the Kustomization holds too many values of Secrets "
                "to look for all of them. Split it, or see what `flux diff kustomization` says."
            )
        message = message.replace(f"{prepared.tree.disk.folder}/", "").replace(str(self._folder), "…")
        return Redactor(self._key, [*prepared.variables.secret_values, *rendered]).message(message)


def _bounded(message: str) -> str:
    """Keep the beginning and the end of what kustomize repeats by the megabyte; the cause stands in either."""
    cut = len(message) - _LONGEST_MESSAGE
    if cut <= 0:
        return message
    half = _LONGEST_MESSAGE // 2
    return f"{message[:half]}… ({cut:,} characters are left out) …{message[-half:]}"


def _place(error: Exception) -> str:
    """Tell what was raised where, without its text."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} in {Path(frames[-1].filename).name}, line {frames[-1].lineno}"


def _spec_key(kustomization: Kustomization) -> str:
    def plain(value: Any) -> Any:
        return dict(value) if isinstance(value, Mapping) else str(value)

    return json.dumps(
        [str(kustomization.id), kustomization.live, dict(kustomization.spec), dict(kustomization.given_values)],
        sort_keys=True,
        default=plain,
    )
