"""Every refusal of flux and of the API server that we know: provoked for real, and recognised in their own words.

The words are the programs', not ours: where a new version says it in another way, this is what turns red.
"""

import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from admission_webhook import webhook
from scene_stage import Actor, Artifacts, Stage, forbid, limit, wait_for
from scenes import config, definition, deployment, namespace, secret, widget

from gitops_bot.models.changes import FluxOutcome
from gitops_bot.models.kustomizations import ObjectReference
from gitops_bot.models.reports import Finding
from gitops_bot.rules.compare import arriving_from
from gitops_bot.rules.failures import Arriving, Situation, run_findings
from gitops_bot.sandbox.cluster import Cluster
from gitops_bot.sandbox.kubernetes_api import ApiRefused
from gitops_bot.sandbox.tools.bring import Toolbox

BLOCKS, PENDING, OURS = "blocks", "pending", "ours"


@pytest.fixture
def stage(cluster: Cluster, tools: Toolbox, namespace: str, tmp_path: Path) -> Iterator[Stage]:
    """A Kustomization that Flux leaves alone."""
    served = Artifacts()
    opened = Stage(cluster.api, cluster.kubeconfig, tools.path("flux"), tmp_path, served, namespace)
    yield opened
    served.close()


def look(stage: Stage, files: Mapping[str, str]) -> FluxOutcome:
    """Give what flux says of a tree: of its render when that fails, else of its comparison."""
    side = stage.look({path: text.replace("NAMESPACE", stage.namespace) for path, text in files.items()}, "tree")
    return side.diff if side.diff is not None else side.build


def answer(stage: Stage, files: str | Mapping[str, str], **spec: Any) -> FluxOutcome:
    """As ``look``, with the Kustomization in the cluster; Flux leaves it alone."""
    stage = replace(stage, spec={"suspend": True, **spec})
    stage.api.apply([stage.kustomization_document()])
    return look(stage, {"app.yaml": files} if isinstance(files, str) else files)


def only(outcome: FluxOutcome, situation: Situation | None = None) -> Finding:
    (finding,) = run_findings(outcome, situation or Situation())
    return finding


def weight(finding: Finding) -> str:
    return BLOCKS if finding.blocks else OURS if finding.incomplete else PENDING


@dataclass(frozen=True)
class Provocation:
    code: str
    # A part of what flux or the API server says, as it says it.
    words: str
    files: str | Mapping[str, str]
    spec: Mapping[str, Any] = field(default_factory=dict)
    weight: str = BLOCKS
    # Words of our message: which object, which field.
    says: str = ""


WITH_KUSTOMIZATION = {"kustomization.yaml": "resources: [app.yaml]\n"}

PROVOCATIONS = (
    Provocation(
        "schema", "failed to create typed patch object", deployment(replicas="three"), says="Deployment/NAMESPACE/web"
    ),
    Provocation("invalid", "dry-run failed (Invalid)", deployment(image="", ports=[{"containerPort": 99999}])),
    Provocation("missing-crd", 'no matches for kind "Gadget"', widget("a").replace("Widget", "Gadget"), says="Gadget"),
    Provocation(
        "missing-namespace",
        'namespaces "nowhere" not found',
        config("a").replace("name: a", "name: a\n  namespace: nowhere"),
        {"targetNamespace": None},
        says="nowhere",
    ),
    Provocation("no-namespace", "namespace not specified", config("a"), {"targetNamespace": None}),
    Provocation(
        "build-failed", "kustomize build failed", {"app.yaml": config("a") + config("a"), **WITH_KUSTOMIZATION}
    ),
    Provocation("build-failed", "", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: [\n"),
    Provocation(
        "outside-tree",
        "is not in or below",
        {"kustomization.yaml": "resources: [../kustomization.flux.yaml]\n"},
    ),
    Provocation(
        "remote-base",
        "no such file",
        {"kustomization.yaml": "resources: [github.com/acme/base]\n"},
        says="github.com/acme/base",
    ),
    Provocation(
        "bad-secret-data",
        "illegal base64 data",
        secret("a", x="x").replace("stringData", "data").replace("x: x", "x: '%'"),
    ),
    Provocation(
        "undefined-variable",
        "variable not set (strict mode)",
        config("a", x="${NOBODY}"),
        {"postBuild": {"substitute": {"A": "b"}}},
        says="NOBODY",
    ),
    Provocation(
        "missing-variables",
        "not found",
        config("a", x="${A}"),
        {"postBuild": {"substituteFrom": [{"kind": "ConfigMap", "name": "absent"}]}},
        says="ConfigMap/absent",
    ),
    Provocation(
        "path-missing",
        "invalid resource path",
        config("a"),
        {"path": "./nowhere"},
    ),
)


@pytest.mark.parametrize("case", PROVOCATIONS, ids=[f"{case.code}: {case.words}" for case in PROVOCATIONS])
def test_what_is_refused_is_recognised(case: Provocation, stage: Stage) -> None:
    outcome = answer(stage, case.files, **case.spec)
    assert case.words in outcome.message, outcome.message
    finding = only(outcome)
    assert (finding.code, weight(finding)) == (case.code, case.weight), outcome.message
    assert case.says.replace("NAMESPACE", stage.namespace) in finding.message
    assert finding.advice
    assert finding.detail


def test_a_kustomization_that_is_not_there(stage: Stage) -> None:
    outcome = look(stage, {"app.yaml": config("a")})
    assert "failed to get kustomization object" in outcome.message
    finding = only(outcome)
    assert (finding.code, weight(finding)) == ("kustomization-not-found", OURS)


def test_immutable_blocks_and_spec_force_gets_past_it(stage: Stage) -> None:
    first = deployment(selector="web").replace("name: web\n", "name: web\n  namespace: NAMESPACE\n", 1)
    stage.api.apply([yaml.safe_load(first.replace("NAMESPACE", stage.namespace))], manager="kustomize-controller")
    outcome = answer(stage, deployment(selector="other"))
    assert "field is immutable" in outcome.message
    assert (only(outcome).code, weight(only(outcome))) == ("immutable-field", BLOCKS)
    forced = only(outcome, Situation(force=True))
    assert (forced.code, forced.blocks) == ("recreate", False)


def test_no_matches_for_kind_is_pending_when_the_definition_comes_along(stage: Stage) -> None:
    gadget = widget("a").replace("Widget", "Gadget")
    outcome = answer(stage, definition("gadgets", "Gadget") + gadget)
    assert weight(only(outcome)) == BLOCKS
    finding = only(outcome, Situation(arriving_from(definition("gadgets", "Gadget"))))
    assert (finding.code, weight(finding)) == ("pending-crd", PENDING)


def test_a_namespace_that_comes_along_is_waited_for(stage: Stage) -> None:
    place = f"{stage.namespace}-new"
    text = namespace(place) + config("a").replace("name: a", f"name: a\n  namespace: {place}")
    outcome = answer(stage, text, targetNamespace=None)
    assert (only(outcome).code, weight(only(outcome))) == ("missing-namespace", BLOCKS)
    finding = only(outcome, Situation(arriving_from(namespace(place))))
    assert (finding.code, weight(finding)) == ("pending-namespace", PENDING)


def test_a_field_that_is_not_declared_both_ways(stage: Stage) -> None:
    plural = f"gizmos{stage.namespace.removeprefix('test-')}"
    text = definition(plural, "Gizmo").replace("group: scenes.example", "group: refusals.example")
    text = text.replace(f"{plural}.scenes.example", f"{plural}.refusals.example")
    stage.api.apply([yaml.safe_load(text.removeprefix("---\n"))])

    def served() -> bool:
        try:
            return stage.api.get(f"/apis/refusals.example/v1/{plural}") is not None
        except ApiRefused:
            return False

    try:
        wait_for(served, "Gizmos are served")
        gizmo = widget("a", color="red").replace("Widget", "Gizmo").replace("scenes.example/v1", "refusals.example/v1")
        outcome = answer(stage, gizmo)
        assert "field not declared in schema" in outcome.message
        assert (only(outcome).code, weight(only(outcome))) == ("unknown-field", BLOCKS)
        assert "color" in only(outcome).message
        finding = only(outcome, Situation(arriving_from(text)))
        assert (finding.code, weight(finding)) == ("pending-crd", OURS)
    finally:
        stage.api.call("DELETE", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{plural}.refusals.example")


def test_a_policy_and_a_quota(stage: Stage) -> None:
    actor = Actor(stage.api, stage.namespace)
    forbid("object.data.x != 'green'", "no green")(actor)
    finding = only(answer(stage, config("a", x="green")))
    assert (finding.code, weight(finding)) == ("admission-denied", BLOCKS)
    assert "no green" in finding.detail
    limit("count/secrets", "0")(actor)
    finding = only(answer(stage, secret("more", a="x")))
    assert (finding.code, weight(finding)) == ("quota", BLOCKS)


def test_pod_security(stage: Stage) -> None:
    # Of a Deployment the level of a namespace only warns; of a Pod it refuses.
    label = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    stage.api.patch(f"/api/v1/namespaces/{stage.namespace}", label, manager="admin")
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "a"},
        "spec": {"containers": [{"name": "a", "image": "a"}]},
    }
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "default", "namespace": stage.namespace},
    }
    stage.api.apply([account])
    finding = only(answer(stage, yaml.safe_dump(pod)))
    assert (finding.code, weight(finding)) == ("pod-security", BLOCKS)


@pytest.mark.parametrize(
    ("answers", "code", "heavy"), [(True, "admission-denied", BLOCKS), (False, "webhook-unavailable", OURS)]
)
def test_a_webhook_that_refuses_and_one_that_is_gone(
    stage: Stage,
    tmp_path: Path,
    answers: bool,  # noqa: FBT001 # a table
    code: str,
    heavy: str,
) -> None:
    with webhook(stage.api, stage.namespace, tmp_path / "keys", answers=answers):

        def in_force() -> Finding | None:
            return next(iter(run_findings(answer(stage, config("a", x="1")), Situation())), None)

        finding = wait_for(in_force, "the webhook is asked")
    assert (finding.code, weight(finding)) == (code, heavy)
    assert "friday.example.com" in finding.message


def _kubeconfig(cluster: Cluster, folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    content = yaml.safe_load(cluster.kubeconfig.read_text(encoding="utf-8"))
    change(content)
    file = folder / "kubeconfig"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return file


def test_a_cluster_that_is_away_and_a_token_that_has_expired_say_nothing_of_the_pull_request(
    stage: Stage, cluster: Cluster, tmp_path: Path
) -> None:
    def away(content: dict[str, Any]) -> None:
        content["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"

    def expired(content: dict[str, Any]) -> None:
        content["users"][0]["user"] = {"token": "eyJhbGciOiJub25lIn0.expired.token"}

    for change in (away, expired):
        elsewhere = replace(stage, kubeconfig=_kubeconfig(cluster, tmp_path, change))
        outcome = look(elsewhere, {"app.yaml": config("a")})
        finding = only(outcome)
        assert (finding.code, weight(finding)) == ("cluster-unavailable", OURS), outcome.message


def test_a_right_that_is_missing(stage: Stage, cluster: Cluster) -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "poor", "namespace": stage.namespace}}
    role = {"name": "poor", "namespace": stage.namespace}
    rules = [{"apiGroups": ["kustomize.toolkit.fluxcd.io"], "resources": ["kustomizations"], "verbs": ["get"]}]
    version = "rbac.authorization.k8s.io/v1"
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "poor"}
    subject = {"kind": "ServiceAccount", "name": "poor", "namespace": stage.namespace}
    stage.api.apply(
        [
            account,
            {"apiVersion": version, "kind": "Role", "metadata": role, "rules": rules},
            {
                "apiVersion": version,
                "kind": "RoleBinding",
                "metadata": role,
                "roleRef": reference,
                "subjects": [subject],
            },
        ]
    )
    stage.api.apply(
        [{**stage.kustomization_document(), "spec": {**stage.kustomization_document()["spec"], "suspend": True}}]
    )
    poor = replace(stage, kubeconfig=cluster.service_account_kubeconfig(stage.namespace, "poor"))
    outcome = look(poor, {"app.yaml": config("a")})
    finding = only(outcome)
    assert (finding.code, weight(finding)) == ("missing-right", OURS), outcome.message
    assert "configmaps" in finding.message


def test_what_nobody_knows_is_shown_as_it_was_said(stage: Stage) -> None:
    done = subprocess.run([stage.flux, "build", "kustomization", "a", "--nonsense"], capture_output=True, check=False)
    finding = only(FluxOutcome("failed", "", done.stderr.decode()))  # type: ignore[arg-type] # its value
    assert (finding.code, weight(finding)) == ("unknown-error", OURS)
    assert "--nonsense" in finding.detail


def test_errors_of_several_objects_are_told_one_by_one(stage: Stage) -> None:
    files = deployment("one", replicas="three") + widget("two").replace("Widget", "Gadget") + config("three", x="1")
    found = {finding.object: finding.code for finding in run_findings(answer(stage, files), Situation())}
    assert found == {
        ObjectReference("Deployment", stage.namespace, "one"): "schema",
        ObjectReference("Gadget", stage.namespace, "two"): "missing-crd",
    }


def test_values_that_arrive_with_the_change_are_waited_for(stage: Stage) -> None:
    spec = {"postBuild": {"substituteFrom": [{"kind": "ConfigMap", "name": "absent"}]}}
    outcome = answer(stage, config("a", x="${A}"), **spec)
    coming = Arriving(objects=frozenset({ObjectReference("ConfigMap", stage.namespace, "absent")}))
    finding = only(outcome, Situation(coming))
    assert (finding.code, weight(finding)) == ("pending-variables", OURS)
