"""The cluster door against an API server that answers in every unfriendly way there is."""

import asyncio
import base64
import json
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gitops_bot.cluster import ClusterDoor, connection
from gitops_bot.cluster.connection import _rule
from gitops_bot.cluster.flux_objects import read_kustomization
from gitops_bot.config import ClusterSettings, NetworkSettings
from gitops_bot.errors import ClusterError, ClusterRefused, ClusterUnavailable, GitopsBotError, SettingsError
from gitops_bot.models.kustomizations import ObjectReference

CORE_TOKEN = "core-token-canary"
DIFF_TOKEN = "diff-token-canary"
KUSTOMIZATIONS = "/apis/kustomize.toolkit.fluxcd.io/v1/kustomizations"
SOURCES = "/apis/source.toolkit.fluxcd.io"
TOKEN = "/api/v1/namespaces/gitops-bot/serviceaccounts/gitops-bot-diff/token"

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class ApiServer:
    """Answers by path; lists are empty and tokens are given unless the test says otherwise."""

    url: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    requests: list[tuple[str, str, dict[str, str], str]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        authorization = request.headers.get("Authorization", "")
        self.requests.append((request.method, request.path, dict(request.query), authorization))
        if request.path in self.answers:
            return await self.answers[request.path](request)
        if request.path == TOKEN:
            expires = datetime.now(UTC) + timedelta(seconds=600)
            return web.json_response({"status": {"token": DIFF_TOKEN, "expirationTimestamp": expires.isoformat()}})
        return web.json_response({"items": []})

    def paths(self) -> list[str]:
        return [path for _, path, _, _ in self.requests]


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    made = ApiServer()
    application = web.Application()
    application.router.add_route("*", "/{rest:.*}", made.handle)
    runner = web.AppRunner(application, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


def write_kubeconfig(folder: Path, server: str, token: str = CORE_TOKEN, **cluster: Any) -> Path:
    content = {
        "current-context": "one",
        "contexts": [{"name": "one", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": server, **cluster}}],
        "users": [{"name": "u", "user": {"token": token}}],
    }
    file = folder / "kubeconfig"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return file


class Clock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def door(server: ApiServer, tmp_path: Path, clock: Clock) -> AsyncIterator[ClusterDoor]:
    settings = ClusterSettings(name="production", kubeconfig=write_kubeconfig(tmp_path, server.url))
    async with ClusterDoor(settings, NetworkSettings(), clock=clock) as opened:
        yield opened


def status(code: int, message: str = "", reason: str = "") -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response({"kind": "Status", "message": message, "reason": reason}, status=code)

    return answer


def text(body: str, code: int = 200, media: str = "text/html") -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(text=body, status=code, content_type=media)

    return answer


def item(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "flux-system"}, "spec": {"path": f"./{name}"}}


def pages(*names: list[str], expired_once: bool = False) -> Answer:
    """Answer page by page; the token of the second page may expire once."""
    state = {"expired": expired_once}

    async def answer(request: web.Request) -> web.StreamResponse:
        at = int(request.query.get("continue", "0"))
        assert request.query["limit"] == "500"
        if at and state["expired"]:
            state["expired"] = False
            return web.json_response({"message": "too old resource version", "reason": "Expired"}, status=410)
        more = str(at + 1) if at + 1 < len(names) else ""
        return web.json_response({"metadata": {"continue": more}, "items": [item(name) for name in names[at]]})

    return answer


# Lists


async def test_lists_are_read_to_the_last_page(server: ApiServer, door: ClusterDoor) -> None:
    server.answers[KUSTOMIZATIONS] = pages(["a", "b"], ["c"], ["d"])
    snapshot = await door.snapshot()
    assert [found.id.name for found in snapshot.kustomizations] == ["a", "b", "c", "d"]
    assert snapshot.cluster == "production"


async def test_a_list_that_expires_is_read_anew_and_holds_nothing_twice(server: ApiServer, door: ClusterDoor) -> None:
    server.answers[KUSTOMIZATIONS] = pages(["a", "b"], ["c"], expired_once=True)
    assert [found.id.name for found in (await door.snapshot()).kustomizations] == ["a", "b", "c"]


async def test_a_list_that_always_expires_is_given_up(server: ApiServer, door: ClusterDoor) -> None:
    server.answers[KUSTOMIZATIONS] = status(410, "Expired")
    with pytest.raises(ClusterUnavailable, match="expired before it was read"):
        await door.snapshot()
    assert server.paths().count(KUSTOMIZATIONS) == 3


async def test_a_failed_page_fails_the_whole_snapshot(server: ApiServer, door: ClusterDoor) -> None:
    whole = pages(["a"], ["b"])

    async def answer(request: web.Request) -> web.StreamResponse:
        return await (status(500, "oops")(request) if "continue" in request.query else whole(request))

    server.answers[KUSTOMIZATIONS] = answer
    with pytest.raises(ClusterUnavailable, match="500: oops"):
        await door.snapshot()


async def test_kinds_that_are_not_installed_are_named(server: ApiServer, door: ClusterDoor) -> None:
    for version in ("v1", "v1beta2"):
        server.answers[f"{SOURCES}/{version}/buckets"] = status(404, "not found")
    server.answers[f"{SOURCES}/v1/ocirepositories"] = status(404, "not found")
    server.answers[f"{SOURCES}/v1beta2/ocirepositories"] = pages(["images"])
    snapshot = await door.snapshot()
    assert door.missing_kinds == {"Bucket (buckets.source.toolkit.fluxcd.io)"}
    assert [(source.kind, source.name) for source in snapshot.sources] == [("OCIRepository", "images")]
    server.requests.clear()
    await door.snapshot()
    assert f"{SOURCES}/v1/ocirepositories" not in server.paths(), "the version that is served is remembered"


# Refusals


@pytest.mark.parametrize(
    ("answer", "error", "told"),
    [
        (status(401, "Unauthorized"), ClusterUnavailable, "does not accept the credentials"),
        (
            status(403, 'kustomizations is forbidden: User "x" cannot list'),
            ClusterRefused,
            '{apiGroups: ["kustomize.toolkit.fluxcd.io"], resources: ["kustomizations"], verbs: [list]}',
        ),
        (status(429, "slow down"), ClusterUnavailable, "slow down"),
        (status(500, "etcd"), ClusterUnavailable, "etcd"),
        (status(503, "starting"), ClusterUnavailable, "starting"),
        (status(400, "bad limit"), ClusterError, "bad limit"),
        (text("<html>a proxy's page</html>", 502), ClusterUnavailable, "a proxy's page"),
        (text("<html>logged out</html>"), ClusterUnavailable, "not answered in JSON"),
        (text("[]", media="application/json"), ClusterUnavailable, "not answered with an object"),
        (text('{"items": [', media="application/json"), ClusterUnavailable, "not answered in JSON"),
    ],
)
async def test_every_refusal_is_translated(
    server: ApiServer, door: ClusterDoor, answer: Answer, error: type[Exception], told: str
) -> None:
    server.answers[KUSTOMIZATIONS] = answer
    with pytest.raises(error) as caught:
        await door.snapshot()
    assert type(caught.value) is error
    assert told in str(caught.value)
    assert "production" in str(caught.value)


async def test_a_cut_answer_is_no_empty_list(server: ApiServer, door: ClusterDoor) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000", "Content-Type": "application/json"})
        await response.prepare(request)
        await response.write(b'{"items": []')
        assert request.transport is not None
        request.transport.abort()
        return response

    server.answers[KUSTOMIZATIONS] = answer
    with pytest.raises(ClusterUnavailable):
        await door.snapshot()


async def test_an_api_server_that_is_gone(tmp_path: Path) -> None:
    settings = ClusterSettings(name="far", kubeconfig=write_kubeconfig(tmp_path, "https://127.0.0.1:1"))
    async with ClusterDoor(settings, NetworkSettings()) as door:
        with pytest.raises(ClusterUnavailable, match=r"Cluster far \(https://127.0.0.1:1\) does not answer"):
            await door.snapshot()


async def test_after_a_failure_it_connects_anew_with_the_present_credentials(
    server: ApiServer, door: ClusterDoor, tmp_path: Path
) -> None:
    server.answers[KUSTOMIZATIONS] = status(401)
    with pytest.raises(ClusterUnavailable):
        await door.snapshot()
    del server.answers[KUSTOMIZATIONS]
    write_kubeconfig(tmp_path, server.url, token="a-new-token")
    server.requests.clear()
    await door.snapshot()
    assert {authorization for *_, authorization in server.requests} == {"Bearer a-new-token"}


async def test_snapshots_side_by_side_survive_a_failure_of_one(server: ApiServer, door: ClusterDoor) -> None:
    calls = iter(range(100))

    async def answer(request: web.Request) -> web.StreamResponse:
        return await (status(500, "once")(request) if next(calls) == 1 else pages(["a"])(request))

    server.answers[KUSTOMIZATIONS] = answer
    found = await asyncio.gather(*(door.snapshot() for _ in range(5)), return_exceptions=True)
    failed = [one for one in found if isinstance(one, BaseException)]
    assert [type(one) for one in failed] == [ClusterUnavailable]


# Tokens


async def test_the_diff_token_is_asked_for_once_and_again_before_it_expires(
    server: ApiServer, door: ClusterDoor, clock: Clock
) -> None:
    first = await asyncio.gather(*(door.diff_credentials() for _ in range(5)))
    assert {one.token for one in first} == {DIFF_TOKEN}
    assert first[0].server == server.url
    clock.now += timedelta(minutes=7, seconds=50)
    await door.diff_credentials()
    assert server.paths().count(TOKEN) == 1
    clock.now += timedelta(seconds=20)
    await door.diff_credentials()
    assert server.paths().count(TOKEN) == 2
    assert {authorization for *_, authorization in server.requests} == {f"Bearer {CORE_TOKEN}"}


async def test_a_missing_service_account_is_named(server: ApiServer, door: ClusterDoor) -> None:
    server.answers[TOKEN] = status(404, 'serviceaccounts "gitops-bot-diff" not found')
    with pytest.raises(ClusterRefused, match=r"no ServiceAccount gitops-bot/gitops-bot-diff\. Apply config/"):
        await door.diff_credentials()


async def test_a_lacking_right_to_ask_for_tokens_is_ready_to_paste(server: ApiServer, door: ClusterDoor) -> None:
    server.answers[TOKEN] = status(403, "cannot create resource")
    rule = r'apiGroups: \[""\], resources: \["serviceaccounts/token"\], resourceNames: \["gitops-bot-diff"\]'
    with pytest.raises(ClusterRefused, match=rule):
        await door.diff_credentials()


@pytest.mark.parametrize("body", ['{"status": {}}', '{"status": {"token": "x"}}', "{}", '{"status": null}'])
async def test_an_answer_without_a_token_is_an_error(server: ApiServer, door: ClusterDoor, body: str) -> None:
    server.answers[TOKEN] = text(body, media="application/json")
    with pytest.raises(ClusterUnavailable, match="has no token"):
        await door.diff_credentials()


async def test_no_token_is_in_any_error_or_repr(
    server: ApiServer, door: ClusterDoor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    errors: list[GitopsBotError] = []
    for answer in (status(401, f"Bearer {CORE_TOKEN}"), status(500, "x"), text("{"), status(422, "y")):
        server.answers[KUSTOMIZATIONS] = answer
        with pytest.raises(GitopsBotError) as caught:
            await door.snapshot()
        errors.append(caught.value)
    server.answers[TOKEN] = text(json.dumps({"status": {"token": DIFF_TOKEN}}), media="application/json")
    with pytest.raises(GitopsBotError) as caught:
        await door.diff_credentials()
    errors.append(caught.value)
    del server.answers[TOKEN]
    shown = repr(await door.diff_credentials()) + repr(vars(door)) + capsys.readouterr().out
    for error in errors:
        cause: BaseException | None = error
        while cause is not None:
            shown += f"{cause!r} {cause}"
            cause = cause.__cause__
    for token in (CORE_TOKEN, DIFF_TOKEN):
        assert token not in shown
    del tmp_path


async def test_the_diff_identity_uses_its_own_token_and_no_client_certificate(
    server: ApiServer, door: ClusterDoor
) -> None:
    server.answers["/api/v1"] = text(
        json.dumps({"resources": [{"kind": "ConfigMap", "name": "configmaps", "namespaced": True}]}),
        media="application/json",
    )
    await door.live_object("v1", ObjectReference("ConfigMap", "apps", "web"))
    (last,) = [request for request in server.requests if request[1].endswith("/configmaps/web")]
    assert last[1] == "/api/v1/namespaces/apps/configmaps/web"
    assert last[3] == f"Bearer {DIFF_TOKEN}"


async def test_ones_own_rights_only_with_a_token(server: ApiServer, tmp_path: Path) -> None:
    settings = ClusterSettings(name="mine", kubeconfig=write_kubeconfig(tmp_path, server.url))
    async with ClusterDoor(settings, NetworkSettings(), as_myself=True) as door:
        assert (await door.diff_credentials()).token == CORE_TOKEN
        assert await door.guard_is_proved()
    assert server.requests == []
    settings = ClusterSettings(name="mine", kubeconfig=write_kubeconfig(tmp_path, server.url, token=""))
    async with ClusterDoor(settings, NetworkSettings(), as_myself=True) as door:
        with pytest.raises(SettingsError, match="has no token"):
            await door.diff_credentials()


@pytest.mark.parametrize(
    ("api_version", "namespace", "name"),
    [
        ("v1", "apps", "../secrets/token"),
        ("v1", "apps", ".."),
        ("v1", "apps", "a/../../secrets/token"),
        ("v1", "apps", "%2e%2e%2fsecrets%2ftoken"),
        ("v1", "apps", "a?b"),
        ("v1", "apps", ""),
        ("v1", "../../../apis/x", "a"),
        ("v1", "", "a"),
        ("v1/../../apis/x/v1", "apps", "a"),
        ("../v1", "apps", "a"),
    ],
)
async def test_a_name_of_a_pull_request_leads_to_no_other_object(
    server: ApiServer, door: ClusterDoor, api_version: str, namespace: str, name: str
) -> None:
    server.answers["/api/v1"] = text(
        json.dumps({"resources": [{"kind": "ConfigMap", "name": "configmaps", "namespaced": True}]}),
        media="application/json",
    )
    with pytest.raises(ClusterError, match=r"there can be no ConfigMap of this name|needs a namespace"):
        await door.live_object(api_version, ObjectReference("ConfigMap", namespace, name))
    assert set(server.paths()) <= {TOKEN, "/api/v1"}


async def test_the_annotation_of_kubectl_apply_is_left_out(server: ApiServer, door: ClusterDoor) -> None:
    resources = {"resources": [{"kind": "ConfigMap", "name": "configmaps", "namespaced": True}]}
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": "{}", "team": "a"}
    server.answers["/api/v1"] = text(json.dumps(resources), media="application/json")
    server.answers["/api/v1/namespaces/apps/configmaps/web"] = text(
        json.dumps({"metadata": {"annotations": annotations}}), media="application/json"
    )
    live = await door.live_object("v1", ObjectReference("ConfigMap", "apps", "web"))
    assert live is not None
    assert live["metadata"]["annotations"] == {"team": "a"}
    await door.live_object("v1", ObjectReference("ConfigMap", "apps", "other"))
    assert server.paths().count("/api/v1") == 1


# Settings


async def test_a_kubeconfig_that_is_not_there(tmp_path: Path) -> None:
    settings = ClusterSettings(name="a", kubeconfig=tmp_path / "nope")
    with pytest.raises(SettingsError, match=r"clusters.kubeconfig: there is no file .*nope"):
        async with ClusterDoor(settings, NetworkSettings()):
            pass


@pytest.mark.parametrize(
    ("content", "told"),
    [("", "cannot be used"), ("{a: [", "cannot be used"), ("current-context: nope", "cannot be used")],
)
async def test_a_kubeconfig_that_cannot_be_used(tmp_path: Path, content: str, told: str) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(content)
    async with ClusterDoor(ClusterSettings(name="a", kubeconfig=file), NetworkSettings()) as door:
        with pytest.raises(SettingsError, match=told):
            await door.snapshot()


async def test_an_unknown_context_is_named(server: ApiServer, tmp_path: Path) -> None:
    settings = ClusterSettings(name="a", kubeconfig=write_kubeconfig(tmp_path, server.url), context="other")
    async with ClusterDoor(settings, NetworkSettings()) as door:
        with pytest.raises(SettingsError, match="context other of"):
            await door.snapshot()


async def test_unverified_connections_are_refused(server: ApiServer, tmp_path: Path) -> None:
    kubeconfig = write_kubeconfig(tmp_path, server.url.replace("http:", "https:"), **{"insecure-skip-tls-verify": True})
    async with ClusterDoor(ClusterSettings(name="a", kubeconfig=kubeconfig), NetworkSettings()) as door:
        with pytest.raises(SettingsError, match="insecure-skip-tls-verify is not accepted"):
            await door.snapshot()


async def test_outside_of_a_cluster_a_kubeconfig_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    async with ClusterDoor(ClusterSettings(name="a"), NetworkSettings()) as door:
        with pytest.raises(SettingsError, match="does not run in a cluster"):
            await door.snapshot()


# Reading


def test_a_strange_object_is_read_as_far_as_it_goes() -> None:
    found = read_kustomization("c", {"metadata": None, "spec": [], "status": {"conditions": "x", "inventory": 1}})
    assert (found.path, found.ready, found.inventory) == ("", None, ())


def test_inventories_are_read_with_groups_and_colons() -> None:
    ids = [
        "apps_web_apps_Deployment",
        "_system__controller_rbac.authorization.k8s.io_ClusterRole",
        "apps_settings__ConfigMap",
        "_apps__Namespace",
        "nonsense",
        "",
    ]
    status = {"inventory": {"entries": [{"id": one, "v": "v1"} for one in ids] + [None, {"v": "v1"}]}}
    assert read_kustomization("c", {"status": status}).inventory == (
        ObjectReference("Deployment", "apps", "web", "apps"),
        ObjectReference("ClusterRole", "", "system:controller", "rbac.authorization.k8s.io"),
        ObjectReference("ConfigMap", "apps", "settings"),
        ObjectReference("Namespace", "", "apps"),
    )


@pytest.mark.parametrize(
    ("method", "path", "rule"),
    [
        ("GET", "/api/v1/namespaces/a/pods/b", '{apiGroups: [""], resources: ["pods"], verbs: [get]}'),
        ("GET", "/apis/apps/v1/deployments", '{apiGroups: ["apps"], resources: ["deployments"], verbs: [list]}'),
        ("GET", "/api/v1/namespaces/a/configmaps", '{apiGroups: [""], resources: ["configmaps"], verbs: [list]}'),
    ],
)
def test_the_lacking_rule(method: str, path: str, rule: str) -> None:
    assert _rule(method, path) == rule


def files_in(folder: Path) -> set[Path]:
    return {file for file in folder.rglob("*") if file.is_file()}


async def test_keys_of_a_kubeconfig_lie_in_no_file_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bot that is killed could not remove them any more."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "somebody")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(datetime(2020, 1, 1)).not_valid_after(datetime(2120, 1, 1))  # noqa: DTZ001 # as X.509 has it
    certificate = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    kubeconfig = write_kubeconfig(tmp_path, "https://127.0.0.1:1")
    content = yaml.safe_load(kubeconfig.read_text())
    user = {"client-certificate-data": certificate, "client-key-data": secret}
    content["users"][0]["user"] = {field: base64.b64encode(value).decode() for field, value in user.items()}
    content["clusters"][0]["cluster"]["certificate-authority-data"] = base64.b64encode(certificate).decode()
    kubeconfig.write_text(yaml.safe_dump(content))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for memory in (tmp_path / "memory", tmp_path / "nowhere"):
        (tmp_path / "memory").mkdir(exist_ok=True)
        monkeypatch.setattr(connection, "_SHARED_MEMORY", memory)
        # Again: the library must not believe that its file is still there.
        for _ in range(2):
            opened = await connection.open_configured("one", kubeconfig, None)
            assert opened.access.ca_pem == certificate.decode()
            assert opened.client.rest_client.ssl_context is not None
            left = files_in(tmp_path) - {kubeconfig}
            await opened.close()
            assert left == set()


# The guard where there can be none


async def test_a_cluster_without_admission_policies_is_refused_unless_it_is_accepted_by_name(
    server: ApiServer, door: ClusterDoor, tmp_path: Path
) -> None:
    """As Kubernetes 1.29 answers; nothing is written there just to see that it can be."""
    resources = [{"name": "validatingwebhookconfigurations", "kind": "ValidatingWebhookConfiguration"}]
    server.answers["/apis/admissionregistration.k8s.io/v1"] = text(
        json.dumps({"resources": resources}), media="application/json"
    )
    guard = await door.guard()
    assert (guard.proved, guard.may_run) == (False, False)
    assert "Kubernetes 1.30" in guard.reason
    assert door.failed_guard == guard
    assert not await door.guard_is_proved()
    settings = ClusterSettings(
        name="old", kubeconfig=write_kubeconfig(tmp_path, server.url), accept_unguarded_writes=True
    )
    async with ClusterDoor(settings, NetworkSettings()) as accepted:
        guard = await accepted.guard()
        assert (guard.proved, guard.may_run) == (False, True)
        assert await accepted.guard_is_proved()
        assert accepted.failed_guard is None
    assert [method for method, path, _, _ in server.requests if path.endswith("/configmaps")] == []


# Rights that lead past the guard, namespace by namespace


GUARD = next(yaml.safe_load_all((Path(__file__).parents[2] / "config/guard/policy.yaml").read_text(encoding="utf-8")))
GUARD_NAME = GUARD["metadata"]["name"]
ADMISSION = "/apis/admissionregistration.k8s.io/v1"
REVIEWS = "/apis/authorization.k8s.io/v1"


@dataclass
class Rights:
    """What the *diff* identity holds, by namespace; and where it was asked."""

    too_much: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    async def review(self, request: web.Request) -> web.StreamResponse:
        namespace = (await request.json())["spec"]["namespace"]
        self.asked.append(namespace)
        rule = {"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["impersonate"]}
        rules = [rule] if namespace in self.too_much else []
        return web.json_response({"status": {"resourceRules": rules, "incomplete": False}})


def answered(body: Any) -> Answer:
    return text(json.dumps(body), media="application/json")


@pytest.fixture
def rights(server: ApiServer) -> Rights:
    """An API server whose guard holds."""
    made = Rights()
    refusal = f"ValidatingAdmissionPolicy '{GUARD_NAME}' with binding '{GUARD_NAME}' denied request: "
    spec = {"policyName": GUARD_NAME, "validationActions": ["Deny"]}
    server.answers |= {
        ADMISSION: answered({"resources": [{"name": "validatingadmissionpolicies"}]}),
        "/api/v1/namespaces/gitops-bot/configmaps": status(422, refusal + GUARD["spec"]["validations"][0]["message"]),
        f"{ADMISSION}/validatingadmissionpolicies/{GUARD_NAME}": answered(GUARD),
        f"{ADMISSION}/validatingadmissionpolicybindings/{GUARD_NAME}": answered({"spec": spec}),
        f"{REVIEWS}/selfsubjectaccessreviews": answered({"status": {"allowed": False}}),
        f"{REVIEWS}/selfsubjectrulesreviews": made.review,
    }
    return made


def in_namespaces(*names: str) -> Answer:
    return answered({"items": [{"metadata": {"name": "apps", "namespace": name}, "spec": {}} for name in names]})


async def test_a_namespace_that_is_seen_for_the_first_time_is_asked_about_at_once(
    server: ApiServer, door: ClusterDoor, rights: Rights, clock: Clock
) -> None:
    server.answers[KUSTOMIZATIONS] = in_namespaces("one")
    await door.snapshot()
    assert (await door.guard()).proved
    assert rights.asked == ["gitops-bot", "kube-system", "one"]
    clock.now += timedelta(minutes=2)
    assert (await door.guard()).proved
    assert len(rights.asked) == 3, "ten minutes apart, when nothing is new"
    rights.too_much.add("two")
    server.answers[KUSTOMIZATIONS] = in_namespaces("one", "two")
    await door.snapshot()
    # Not even the proof of a moment ago counts.
    assert (await door.guard()).ways_around == ("impersonate serviceaccounts",)
    assert not await door.guard_is_proved()
    rights.too_much.clear()
    assert (await door.guard()).proved


async def test_how_many_namespaces_are_not_asked_about_is_told(
    server: ApiServer, door: ClusterDoor, rights: Rights
) -> None:
    names = [f"team-{number:02}" for number in range(40)]
    server.answers[KUSTOMIZATIONS] = in_namespaces(*names)
    await door.snapshot()
    guard = await door.guard()
    assert (guard.proved, guard.unasked_namespaces) == (True, 8)
    assert rights.asked[2:] == names[:32]
    server.answers[KUSTOMIZATIONS] = in_namespaces(*names[:32])
    await door.snapshot()
    assert (await door.guard()).unasked_namespaces == 0
