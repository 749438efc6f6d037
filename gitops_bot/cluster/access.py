"""Who may do what: access reviews, each asked once and believed for a minute; and which kinds there are.

The *diff* identity asks about itself (SelfSubjectAccessReview), which everybody may; about ServiceAccounts of
tenants the *core* identity asks (SubjectAccessReview), which is the one right that it needs for it. No review
writes anything, and admission policies do not see them, so the guard does not stand in the way.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gitops_bot import telemetry
from gitops_bot.cluster.connection import Connection
from gitops_bot.models.rights import Granted, GrantedRule, Right, ServedKind, ServedKinds

# A right that is given or taken away is seen after this time. The proof of the guard holds as long.
ANSWER_HOLDS = timedelta(minutes=1)
# Questions side by side.
_AT_ONCE = 16
# Answers that are kept; the oldest are forgotten first.
_MOST_ANSWERS = 20_000
_REVIEWS = "/apis/authorization.k8s.io/v1"
# All groups in one answer: v2 since Kubernetes 1.30, v2beta1 since 1.27. Older ones list the groups only.
# https://kubernetes.io/docs/concepts/overview/kubernetes-api/#aggregated-discovery
_DISCOVERY = (
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"
)

Ask = Callable[[Right], Awaitable[bool]]


@dataclass(frozen=True)
class _Answer:
    allowed: "asyncio.Task[bool]"
    asked_at: datetime


class AccessReviews:
    """Answers by (user, right). Those who ask the same at the same time wait for one request."""

    def __init__(self, cluster: str, clock: Callable[[], datetime]) -> None:
        """Know nothing yet."""
        self._cluster = cluster
        self._clock = clock
        self._answers: dict[tuple[str, Right], _Answer] = {}
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def lacks(self, user: str, rights: Iterable[Right], ask: Ask) -> frozenset[Right]:
        """Return those of ``rights`` that ``user`` does not have; ``ask`` makes the request.

        A right is first looked for in all namespaces, then in its own, then on the object itself: where
        rights are given for the whole cluster, a hundred namespaces cost no more than one.
        """
        wanted = sorted(set(rights))
        found = await asyncio.gather(*(self._has(user, right, ask) for right in wanted), return_exceptions=True)
        for answer in found:
            if isinstance(answer, BaseException):
                raise answer
        return frozenset(right for right, has in zip(wanted, found, strict=True) if not has)

    async def _has(self, user: str, right: Right, ask: Ask) -> bool:
        for wider in dict.fromkeys((right.everywhere, right.nameless, right)):
            if await self._answer(user, wider, ask):
                return True
        return False

    async def _answer(self, user: str, right: Right, ask: Ask) -> bool:
        key = (user, right)
        known = self._answers.get(key)
        if known is None or self._clock() - known.asked_at > ANSWER_HOLDS or _failed(known.allowed):
            self._forget_oldest()
            task = asyncio.create_task(self._review(right, ask), name=f"review of {right}")
            self._answers.pop(key, None)
            self._answers[key] = known = _Answer(task, self._clock())
        # Who asked first may be cancelled; the others still want to know.
        return await asyncio.shield(known.allowed)

    async def _review(self, right: Right, ask: Ask) -> bool:
        async with self._room:
            telemetry.access_reviews.labels(self._cluster).inc()
            return await ask(right)

    def _forget_oldest(self) -> None:
        while len(self._answers) >= _MOST_ANSWERS:
            del self._answers[next(iter(self._answers))]


def _failed(task: "asyncio.Task[bool]") -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)


async def review(connection: Connection, right: Right, *, user: str = "") -> bool:
    """Ask once: about ``user``, or about the connection's own identity."""
    kind = "SubjectAccessReview" if user else "SelfSubjectAccessReview"
    plural, _, subresource = right.resource.partition("/")
    wanted = {"verb": right.verb, "group": right.group, "resource": plural, "subresource": subresource}
    wanted |= {"namespace": right.namespace, "name": right.name}
    spec: dict[str, Any] = {"resourceAttributes": {key: value for key, value in wanted.items() if value}}
    if user:
        spec |= {"user": user, "groups": _groups(user)}
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}
    answer = await connection.post(f"{_REVIEWS}/{kind.lower()}s", body)
    return bool((answer.get("status") or {}).get("allowed"))


def _groups(user: str) -> list[str]:
    """Give the groups that a ServiceAccount is in; those of people are known to their provider only."""
    parts = user.split(":")
    if parts[:2] != ["system", "serviceaccount"]:
        return ["system:authenticated"]
    return ["system:serviceaccounts", f"system:serviceaccounts:{parts[2]}", "system:authenticated"]


async def granted(connection: Connection, namespace: str) -> Granted:
    """List the rules that the connection's own identity has in a namespace (SelfSubjectRulesReview)."""
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    status = (await connection.post(f"{_REVIEWS}/selfsubjectrulesreviews", body)).get("status") or {}
    rules = tuple(
        sorted(
            GrantedRule(*(_texts(rule.get(name)) for name in ("apiGroups", "resources", "verbs", "resourceNames")))
            for rule in status.get("resourceRules") or ()
        )
    )
    return Granted(rules, whole=not status.get("incomplete"))


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(sorted(str(item) for item in value or ()))


async def served_kinds(connection: Connection) -> ServedKinds:
    """Ask which kinds there are: two requests, or one per group version of an API server before 1.27."""
    found: ServedKinds = {}
    for root in ("/api", "/apis"):
        answer = await connection.get(root, accept=_DISCOVERY)
        if answer.get("kind") == "APIGroupDiscoveryList":
            kinds = [kind for item in answer.get("items") or () for kind in _of_group(item)]
        else:
            kinds = await _one_by_one(connection, root, answer)
        for kind in kinds:
            found.setdefault((kind.group, kind.kind), kind)
    return found


def _of_group(item: Mapping[str, Any]) -> list[ServedKind]:
    group = str((item.get("metadata") or {}).get("name") or "")
    return [
        ServedKind(
            str((resource.get("responseKind") or {}).get("group") or group),
            str((resource.get("responseKind") or {}).get("kind") or ""),
            str(resource.get("resource") or ""),
            resource.get("scope") == "Namespaced",
        )
        for version in item.get("versions") or ()
        for resource in version.get("resources") or ()
    ]


async def _one_by_one(connection: Connection, root: str, answer: Mapping[str, Any]) -> list[ServedKind]:
    versions = [str(version) for version in answer.get("versions") or ()] if root == "/api" else _group_versions(answer)
    found = []
    for version in versions:
        group = version.rpartition("/")[0]
        for resource in (await connection.get(f"{root}/{version}")).get("resources") or ():
            if "/" not in str(resource.get("name")):
                kind = ServedKind(group, str(resource["kind"]), str(resource["name"]), bool(resource.get("namespaced")))
                found.append(kind)
    return found


def _group_versions(answer: Mapping[str, Any]) -> Sequence[str]:
    return [
        str(version["groupVersion"]) for group in answer.get("groups") or () for version in group.get("versions") or ()
    ]
