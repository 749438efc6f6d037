"""One cluster: what Flux is told to do there, and a short-lived way in for flux."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

from gitops_bot import telemetry
from gitops_bot.cluster.access import ANSWER_HOLDS, AccessReviews, granted, review, served_kinds
from gitops_bot.cluster.connection import Connection, NotFoundError, open_configured, open_with_token
from gitops_bot.cluster.flux_objects import KUSTOMIZATIONS, SOURCES, FluxKind, read_kustomization, read_source
from gitops_bot.cluster.guard import guard_failure
from gitops_bot.cluster.line import Line
from gitops_bot.config import ClusterSettings, NetworkSettings
from gitops_bot.errors import ClusterError, ClusterRefused, ClusterUnavailable, SettingsError
from gitops_bot.models.checks import GuardState
from gitops_bot.models.kustomizations import ClusterCredentials, ClusterSnapshot, ObjectReference
from gitops_bot.models.rights import Granted, Right, ServedKinds
from gitops_bot.rules.guards import WAYS_AROUND, in_words, ways_around_in

log = telemetry.logger(__name__)

# The shortest that the API server gives. https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/
_TOKEN_SECONDS = 600
# A token is given out while it lives at least this long: longer than a run of flux may take.
_TOKEN_RESERVE = timedelta(minutes=2)
# A proof costs one request; it is believed for a short time, so that a guard that is taken away is soon missed.
_PROOF_HOLDS = timedelta(minutes=1)
# Rights are given more rarely than they are used: that none leads past the guard costs some dozen requests.
_RIGHTS_HOLD = timedelta(minutes=10)
# Namespaces in which rights are looked for one by one, besides those that hold everywhere: one request each.
_MOST_NAMESPACES = 32
_EVERYTHING = "application/json"
_METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"


_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_API_VERSION = re.compile(r"([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?v[0-9][a-z0-9]*")
# https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#path-segment-names, ASCII only
_NAME = re.compile(r"[A-Za-z0-9._:-]{1,253}")


def _is_name(text: str) -> bool:
    return bool(_NAME.fullmatch(text)) and text not in {".", ".."}


@dataclass(frozen=True)
class _Proof:
    # Why it does not hold; "" when it does.
    failure: str
    at: datetime
    ways_around: tuple[str, ...] = ()


def _now() -> datetime:
    return datetime.now(UTC)


class ClusterDoor:
    """Reads one cluster with the *core* identity, and lends out the *diff* identity for ten minutes at a time.

    The company proxy (``network``) is not used: an API server is reached directly, or by the
    ``proxy-url`` of its kubeconfig.
    """

    def __init__(
        self,
        settings: ClusterSettings,
        network: NetworkSettings,
        *,
        as_myself: bool = False,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        """Connect to nothing yet. ``as_myself``: flux runs with the caller's own rights, because they said so."""
        del network
        self._settings = settings
        self._as_myself = as_myself
        self._clock = clock
        self._core = Line(self._connect_core)
        self._diff_line = Line(self._connect_diff)
        self._requesting = asyncio.Lock()
        self._credentials: ClusterCredentials | None = None
        self._proving = asyncio.Lock()
        self._proof: _Proof | None = None
        # When no right was found that leads past the guard, and in which namespaces.
        self._nothing_around: tuple[datetime, tuple[str, ...]] | None = None
        self._namespaces: tuple[str, ...] = ()
        # Namespaces beyond those: nobody knows of rights there.
        self._unasked = 0
        self._versions: dict[FluxKind, str] = {}
        self._missing: frozenset[str] = frozenset()
        # What the API server serves, by path of group and version; asked for anew with each snapshot.
        self._resources: dict[str, list[dict[str, Any]]] = {}
        self._reviews = AccessReviews(settings.name, clock)
        self._discovering = asyncio.Lock()
        self._served: tuple[ServedKinds, datetime] | None = None

    async def __aenter__(self) -> Self:
        """Check the settings without asking the cluster."""
        kubeconfig = self._settings.kubeconfig
        if kubeconfig is not None and not kubeconfig.is_file():
            raise SettingsError(f"Cluster {self.name}: clusters.kubeconfig: there is no file {kubeconfig}.")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self._diff_line.renew()
        await self._core.renew()

    @property
    def name(self) -> str:
        """The name in the settings: part of every key."""
        return self._settings.name

    @property
    def missing_kinds(self) -> frozenset[str]:
        """Kinds of Flux that this cluster did not know at the last snapshot."""
        return self._missing

    async def snapshot(self) -> ClusterSnapshot:
        """Read all Kustomizations and sources. A kind that is not installed counts as empty, and is named."""
        self._resources.clear()
        async with self._core.use() as core:
            at = self._clock()
            kinds = (KUSTOMIZATIONS, *SOURCES)
            lists = await self._lists(core, kinds)
        self._missing = frozenset(str(kind) for kind, items in zip(kinds, lists, strict=True) if items is None)
        kustomizations, *sources = (items or [] for items in lists)
        used = {str((item.get("metadata") or {}).get("namespace") or "") for item in kustomizations} - {""}
        self._namespaces = tuple(sorted(used))[:_MOST_NAMESPACES]
        self._unasked = len(used) - len(self._namespaces)
        return ClusterSnapshot(
            cluster=self.name,
            kustomizations=tuple(read_kustomization(self.name, item) for item in kustomizations),
            sources=tuple(
                read_source(kind.kind, item) for kind, items in zip(SOURCES, sources, strict=True) for item in items
            ),
            taken_at=at,
        )

    async def diff_credentials(self) -> ClusterCredentials:
        """Give a token of the *diff* ServiceAccount; the same one while it lives two minutes more."""
        async with self._requesting:
            known = self._credentials
            if known is None or known.expires_at - self._clock() < _TOKEN_RESERVE:
                async with self._core.use() as core:
                    self._credentials = known = await self._new_credentials(core)
                await self._diff_line.renew()
            return known

    async def guard_is_proved(self) -> bool:
        """Tell whether flux may run: `guard` holds, or the operator accepts that it does not."""
        return (await self.guard()).may_run

    async def guard(self) -> GuardState:
        """Tell whether a real write of the *diff* identity is refused by the guard, as of a minute ago at most."""
        if self._as_myself:
            return GuardState(proved=False, reason="flux runs with your own rights", accepted=True)
        async with self._proving:
            proof = self._proof
            if (
                proof is None
                or proof.failure
                or self._clock() - proof.at > _PROOF_HOLDS
                or not self._asked_everywhere()
            ):
                self._proof = proof = await self._prove()
        return self._state(proof)

    @property
    def failed_guard(self) -> GuardState | None:
        """Why flux did not run at the last proof; None when it may, and before the first proof."""
        state = self._state(self._proof) if self._proof is not None else None
        return None if state is None or state.may_run else state

    def _state(self, proof: _Proof) -> GuardState:
        accepted = self._settings.accept_unguarded_writes
        return GuardState(not proof.failure, proof.failure, accepted, proof.ways_around, self._unasked)

    async def live_object(self, api_version: str, reference: ObjectReference) -> Mapping[str, Any] | None:
        """Read one object with its managedFields as the *diff* identity; None when there is none.

        A Secret comes without its values, and no object with the annotation of ``kubectl apply``, which
        repeats them. What else it holds is not redacted: use the session of flux/ for what is to be shown.
        """
        async with self._diff() as diff:
            try:
                path = await self._path_of(diff, api_version, reference)
                found = await diff.get(path, accept=_METADATA_ONLY if reference.kind == "Secret" else _EVERYTHING)
            except NotFoundError:
                return None
        annotations = found.get("metadata", {}).get("annotations")
        if annotations:
            annotations.pop(_LAST_APPLIED, None)
        return found

    async def served_kinds(self) -> ServedKinds:
        """Give every kind of the cluster with its plural name, as of a minute ago at most."""
        async with self._discovering:
            known = self._served
            if known is None or self._clock() - known[1] > ANSWER_HOLDS:
                async with self._core.use() as core:
                    self._served = known = (await served_kinds(core), self._clock())
        return known[0]

    async def diff_lacks(self, rights: Iterable[Right]) -> frozenset[Right]:
        """Return those of these rights that the *diff* identity does not have, as of a minute ago at most."""
        return await self._reviews.lacks("", rights, self._ask_diff)

    async def user_lacks(self, user: str, rights: Iterable[Right]) -> frozenset[Right]:
        """The same for a user or ServiceAccount (``system:serviceaccount:NAMESPACE:NAME``)."""

        async def ask(right: Right) -> bool:
            async with self._core.use() as core:
                return await review(core, right, user=user)

        return await self._reviews.lacks(user, rights, ask)

    async def diff_granted(self, namespace: str) -> Granted:
        """List the rules of the *diff* identity in a namespace, those for the whole cluster included."""
        async with self._diff() as diff:
            return await granted(diff, namespace)

    @property
    def diff_service_account(self) -> str:
        """``namespace/name`` of the *diff* identity."""
        return self._settings.diff_service_account

    @property
    def diff_name(self) -> str:
        """Who flux runs as, in words: the *diff* identity, or the person who asked."""
        return "you" if self._as_myself else self.diff_service_account

    @property
    def default_service_account(self) -> str:
        """The account that Flux uses where a Kustomization names none; "" when that is its own."""
        return self._settings.default_service_account or ""

    async def _ask_diff(self, right: Right) -> bool:
        async with self._diff() as diff:
            return await review(diff, right)

    async def _lists(self, core: Connection, kinds: Sequence[FluxKind]) -> list[list[dict[str, Any]] | None]:
        """Read several kinds side by side; when one fails the others are not waited for."""
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._list(core, kind), name=f"list of {kind}") for kind in kinds]
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return [task.result() for task in tasks]

    async def _list(self, core: Connection, kind: FluxKind) -> list[dict[str, Any]] | None:
        """Read all objects of a kind; None when the cluster does not know it in any version that we do."""
        known = self._versions.get(kind)
        for version in (known, *kind.versions) if known else kind.versions:
            try:
                items = [item async for item in core.items(kind.path(version))]
            except NotFoundError:
                self._versions.pop(kind, None)
                continue
            self._versions[kind] = version
            return items
        return None

    async def _new_credentials(self, core: Connection) -> ClusterCredentials:
        if self._as_myself:
            token, expires_at = core.bearer_token(), self._clock() + timedelta(seconds=_TOKEN_SECONDS)
            if not token:
                raise SettingsError(
                    f"Cluster {self.name}: the kubeconfig has no token, so flux cannot run with your own rights. "
                    "Run it as the diff ServiceAccount (config/rbac), which is the default."
                )
        else:
            token, expires_at = await self._request_token(core)
        if core.access.proxy or core.access.tls_server_name:
            raise SettingsError(
                f"Cluster {self.name}: flux runs in a cage that knows the API server only: "
                "a kubeconfig with proxy-url or tls-server-name cannot be used."
            )
        return ClusterCredentials(core.access.server, core.access.ca_pem, token, expires_at)

    async def _request_token(self, core: Connection) -> tuple[str, datetime]:
        namespace, _, name = self._settings.diff_service_account.partition("/")
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": _TOKEN_SECONDS},
        }
        try:
            answer = await core.post(path, body)
            status = answer["status"]
            token, expires_at = str(status["token"]), datetime.fromisoformat(str(status["expirationTimestamp"]))
        except NotFoundError as error:
            raise ClusterRefused(
                f"Cluster {self.name}: there is no ServiceAccount {self._settings.diff_service_account}. "
                "Apply config/, or name another one in clusters.diff_service_account."
            ) from error
        except (KeyError, TypeError, ValueError):
            # No cause: it could quote the answer, and so the token.
            raise ClusterUnavailable(f"Cluster {self.name}: the answer to a TokenRequest has no token") from None
        return token, expires_at

    async def _prove(self) -> _Proof:
        namespace = self._settings.diff_service_account.partition("/")[0]
        try:
            async with self._diff() as diff, self._core.use() as core:
                failure = await guard_failure(diff, core, self._settings.diff_service_account)
        except NotFoundError:
            failure = f"there is no namespace {namespace}"
        around = () if failure else await self._ways_around()
        if failure:
            # Whatever was changed, other things may have been with it.
            self._nothing_around = None
        if around:
            failure = f"rights of the diff identity lead past it: {'; '.join(around)}"
        telemetry.guard_proved.labels(self.name).set(0 if failure else 1)
        if failure:
            runs = self._settings.accept_unguarded_writes
            log.error("the guard is not proved", cluster=self.name, reason=failure, flux_runs_all_the_same=runs)
        return _Proof(failure, self._clock(), around)

    async def _ways_around(self) -> tuple[str, ...]:
        """Name the rights of the *diff* identity that lead past the guard, as of some minutes ago at most."""
        now, namespaces = self._clock(), self._namespaces
        known = self._nothing_around
        if known is not None and now - known[0] <= _RIGHTS_HOLD and self._asked_everywhere():
            return ()
        if self._unasked:
            log.warning(
                "not every namespace is asked for rights that lead past the guard",
                cluster=self.name,
                asked=len(namespaces),
                not_asked=self._unasked,
            )
        found = frozenset(WAYS_AROUND) - await self.diff_lacks(WAYS_AROUND)
        # Rights on named objects, and those of a single namespace, answer to no question about all of them.
        own = self._settings.diff_service_account.partition("/")[0]
        for namespace in dict.fromkeys((own, "kube-system", *namespaces)):
            found |= ways_around_in(await self.diff_granted(namespace))
        self._nothing_around = None if found else (now, namespaces)
        return in_words(found)

    def _asked_everywhere(self) -> bool:
        """Whether the last look for such rights was in all namespaces of the last snapshot that are looked at."""
        return self._nothing_around is not None and set(self._namespaces) <= set(self._nothing_around[1])

    async def _path_of(self, connection: Connection, api_version: str, reference: ObjectReference) -> str:
        """Give the address of an object; NotFoundError when the cluster does not know its kind.

        All of it may come from a pull request: a name that is no name must not lead to another object.
        """
        if not (_API_VERSION.fullmatch(api_version) and _is_name(reference.name)):
            raise ClusterError(f"Cluster {self.name}: there can be no {reference.kind} of this name")
        base = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        if base not in self._resources:
            self._resources[base] = (await connection.get(base)).get("resources") or []
        for resource in self._resources[base]:
            if resource.get("kind") == reference.kind and "/" not in str(resource.get("name")):
                if resource.get("namespaced") and not _is_name(reference.namespace):
                    raise ClusterError(f"Cluster {self.name}: {reference.kind} needs a namespace")
                where = f"/namespaces/{reference.namespace}" if resource.get("namespaced") else ""
                return f"{base}{where}/{resource['name']}/{reference.name}"
        # Not remembered: a definition may arrive.
        self._resources.pop(base, None)
        raise NotFoundError(f"{reference.kind} in {api_version}")

    async def _connect_core(self) -> Connection:
        settings = self._settings
        return await open_configured(settings.name, settings.kubeconfig, settings.context)

    async def _connect_diff(self) -> Connection:
        async with self._core.use() as core:
            access = core.access
        token = (await self.diff_credentials()).token
        return open_with_token(self.name, access, token, f"the ServiceAccount {self._settings.diff_service_account}")

    @asynccontextmanager
    async def _diff(self) -> AsyncIterator[Connection]:
        """Connect as the *diff* identity."""
        await self.diff_credentials()  # A new token retires the old connection.
        try:
            async with self._diff_line.use() as diff:
                yield diff
        except ClusterUnavailable:
            # Perhaps the ServiceAccount was made anew, and the token means nothing any more.
            self._credentials = None
            raise
