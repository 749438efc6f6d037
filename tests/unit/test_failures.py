"""Every row of the table of refusals, with messages as flux 2.9.5 and Kubernetes 1.36 write them."""

# ruff: noqa: E501 # messages as the servers write them

import time

import pytest

from gitops_bot.models.changes import FluxOutcome, OutcomeStatus
from gitops_bot.models.kustomizations import ObjectReference
from gitops_bot.models.reports import Finding, Severity
from gitops_bot.models.rights import Right
from gitops_bot.rules.failures import Arriving, Situation, run_findings
from gitops_bot.rules.refusals import OF_OBJECTS, OF_RUNS

WEB = "Deployment/apps/web"
DIFF_USER = 'User "system:serviceaccount:gitops-bot:diff"'

# (message, code, what it does to the verdict, a word of the text)
OF_ONE_OBJECT = [
    ('not found: namespaces "new" not found', "missing-namespace", "blocks", "new"),
    ("namespace not specified: the server could not find the requested resource", "no-namespace", "blocks", "web"),
    ('dry-run failed: no matches for kind "Gadget" in version "a.example/v1"', "missing-crd", "blocks", "Gadget"),
    (
        (
            'dry-run failed (InternalError): Internal error occurred: failed calling webhook "v.example": failed to call webhook: '
            'Post "https://v.x.svc:443/?timeout=10s": dial tcp 10.0.0.1:443: connect: connection refused'
        ),
        "webhook-unavailable",
        "incomplete",
        "v.example",
    ),
    (
        'dry-run failed (Forbidden): admission webhook "deny.example" denied the request: no latest images',
        "admission-denied",
        "blocks",
        "deny.example",
    ),
    (
        (
            "dry-run failed (Invalid): deployments.apps \"web\" is forbidden: ValidatingAdmissionPolicy 'replicas' with binding "
            "'replicas' denied request: at most 3 replicas"
        ),
        "admission-denied",
        "blocks",
        "replicas",
    ),
    (
        (
            'dry-run failed (Forbidden): persistentvolumeclaims "data" is forbidden: exceeded quota: small, requested: '
            "requests.storage=9Gi, used: requests.storage=0, limited: requests.storage=1Gi"
        ),
        "quota",
        "blocks",
        "small",
    ),
    # The name of the ServiceAccount is the pull request's: nobody has validated it at this point.
    (
        (
            'dry-run failed (Forbidden): pods "web" is forbidden: error looking up service account apps/x cannot '
            'impersonate resource "serviceaccounts" in API group "": serviceaccount "x" not found'
        ),
        "refused",
        "blocks",
        "refuses",
    ),
    (
        (
            'dry-run failed (Forbidden): pods "web" is forbidden: error looking up service account apps/y is forbidden: '
            'User "u" cannot patch resource "secrets" in API group "" in the namespace "kube-system": not found'
        ),
        "refused",
        "blocks",
        "refuses",
    ),
    (
        'dry-run failed (Forbidden): pods "web" is forbidden: violates PodSecurity "restricted:latest": privileged',
        "pod-security",
        "blocks",
        "Pod Security",
    ),
    (
        (
            f'dry-run failed (Forbidden): deployments.apps "web" is forbidden: {DIFF_USER} cannot patch resource "deployments" '
            'in API group "apps" in the namespace "apps"'
        ),
        "missing-right",
        "incomplete",
        "patch",
    ),
    (
        (
            f'dry-run failed (Forbidden): roles.rbac.authorization.k8s.io "web" is forbidden: {DIFF_USER.lower()} '
            '(groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""]}'
        ),
        "missing-right",
        "incomplete",
        "escalate",
    ),
    (
        (
            "dry-run failed: failed to create typed patch object (apps/web; apps/v1, Kind=Deployment): "
            ".spec.replcas: field not declared in schema"
        ),
        "unknown-field",
        "blocks",
        "replcas",
    ),
    (
        (
            "dry-run failed: failed to create typed patch object (apps/web; apps/v1, Kind=Deployment): "
            '.spec.replicas: expected numeric (int or float), got string "three"'
        ),
        "schema",
        "blocks",
        "schema",
    ),
    (
        (
            "dry-run failed: failed to create typed patch object (apps/web; /v1, Kind=Secret): errors:\n"
            "  .stringData.a: expected string, got &value.valueUnstructured{Value:1}"
        ),
        "number-in-secret",
        "incomplete",
        "stringData",
    ),
    (
        'dry-run failed (Invalid): Deployment.apps "web" is invalid: spec.selector: Invalid value: {"a":"b"}: field is immutable',
        "immutable-field",
        "blocks",
        "web",
    ),
    (
        'dry-run failed (Invalid): Service "web" is invalid: spec.clusterIPs[0]: Invalid value: ["1"]: may not change once set',
        "immutable-field",
        "blocks",
        "web",
    ),
    (
        (
            'dry-run failed (Invalid): StatefulSet.apps "web" is invalid: spec: Forbidden: updates to statefulset spec for fields '
            "other than 'replicas', 'ordinals' are forbidden"
        ),
        "immutable-field",
        "blocks",
        "web",
    ),
    (
        (
            'dry-run failed (Invalid): RoleBinding.rbac.authorization.k8s.io "web" is invalid: roleRef: Invalid value: {}: '
            "cannot change roleRef"
        ),
        "immutable-field",
        "blocks",
        "web",
    ),
    (
        'dry-run failed (Invalid): Service "web" is invalid: spec.ports: Required value',
        "invalid",
        "blocks",
        "not valid",
    ),
    (
        "dry-run failed (Timeout): Timeout: request did not complete within requested timeout - context deadline exceeded",
        "cluster-unavailable",
        "incomplete",
        "could not be asked",
    ),
    ("dry-run failed (Teapot): something new", "refused", "blocks", "refuses"),
]

OF_A_RUN = [
    (
        (
            "kustomize build failed: accumulating resources: fs-security-constraint read /etc/passwd: path '/etc/passwd' "
            "is not in or below '/work'"
        ),
        "outside-tree",
        "blocks",
        "outside",
    ),
    (
        "failed to generate kustomization.yaml: lstat /srv/github.com/a/b: no such file or directory",
        "remote-base",
        "blocks",
        "github.com/a/b",
    ),
    (
        "var substitution failed for 'web': variable not set (strict mode): \"NOBODY\"",
        "undefined-variable",
        "blocks",
        "NOBODY",
    ),
    (
        "substitute from 'ConfigMap/vars' error: configmaps \"vars\" not found",
        "missing-variables",
        "blocks",
        "ConfigMap/vars",
    ),
    (
        (
            '✗ substitute from \'Secret/vars\' error: secrets "vars" is forbidden: User "system:serviceaccount:a:b" cannot '
            'get resource "secrets" in API group "" in the namespace "apps"'
        ),
        "missing-right",
        "incomplete",
        "Secret/vars",
    ),
    ("var substitution failed for 'web': missing closing brace", "substitution", "blocks", "variables"),
    ("failed to mask secret x sops data: illegal base64 data at input byte 4", "bad-secret-data", "blocks", "base64"),
    (
        'failed to get kustomization object: kustomizations.kustomize.toolkit.fluxcd.io "x" not found',
        "kustomization-not-found",
        "incomplete",
        "no such Kustomization",
    ),
    ('invalid resource path "./gone"', "path-missing", "blocks", "folder"),
    (
        "Secret/apps/x is SOPS encrypted, configuring decryption is required for this secret to be reconciled",
        "decryption",
        "blocks",
        "encrypted",
    ),
    ("fatal error: runtime: out of memory", "limit", "blocks", "memory"),
    (
        'failed to get server groups: Get "https://127.0.0.1:1/api": dial tcp 127.0.0.1:1: connect: connection refused',
        "cluster-unavailable",
        "incomplete",
        "could not be asked",
    ),
    ("Unauthorized", "cluster-unavailable", "incomplete", "could not be asked"),
    (
        "kustomize build failed: accumulating resources: accumulation err='...'",
        "build-failed",
        "blocks",
        "do not build",
    ),
    ("something that nobody has seen before", "unknown-error", "incomplete", "does not know"),
]


def found(message: str, situation: Situation | None = None) -> list[Finding]:
    return list(run_findings(FluxOutcome(OutcomeStatus.FAILED, message=message), situation or Situation()))


@pytest.mark.parametrize(
    ("text", "code", "effect", "word"), OF_ONE_OBJECT, ids=[f"{row[1]}-{at}" for at, row in enumerate(OF_ONE_OBJECT)]
)
def test_the_error_of_an_object(text: str, code: str, effect: str, word: str) -> None:
    (finding,) = found(f"✗ {WEB} {text}")
    assert (finding.code, finding.blocks, finding.incomplete) == (code, effect == "blocks", effect == "incomplete")
    assert finding.object == ObjectReference("Deployment", "apps", "web")
    assert finding.detail == text
    assert word in finding.message + finding.advice


@pytest.mark.parametrize(("text", "code", "effect", "word"), OF_A_RUN, ids=[row[1] for row in OF_A_RUN])
def test_the_error_of_a_run(text: str, code: str, effect: str, word: str) -> None:
    (finding,) = found(text)
    assert (finding.code, finding.blocks, finding.incomplete) == (code, effect == "blocks", effect == "incomplete")
    assert (finding.object, finding.detail) == (None, text.removeprefix("✗ "))
    assert word in finding.message + finding.advice


def test_every_row_of_the_tables_has_a_message_here() -> None:
    assert {row[1] for row in OF_ONE_OBJECT} == {refusal.code for refusal in OF_OBJECTS}
    assert {row[1] for row in OF_A_RUN} == {refusal.code for refusal in OF_RUNS}


@pytest.mark.parametrize(
    ("message", "lacks"),
    [
        (
            (
                f'✗ {WEB} dry-run failed (Forbidden): deployments.apps "web" is forbidden: {DIFF_USER} cannot patch resource '
                '"deployments" in API group "apps" in the namespace "apps"'
            ),
            {Right("apps", "deployments", verb, "apps") for verb in ("get", "patch", "create")},
        ),
        (
            (
                f'✗ Namespace/new dry-run failed (Forbidden): namespaces "new" is forbidden: {DIFF_USER} cannot create resource '
                '"namespaces" in API group "" in the namespace "new"'
            ),
            {Right("", "namespaces", verb) for verb in ("get", "patch", "create")},
        ),
        (
            (
                f'✗ ClusterRole/a dry-run failed (Forbidden): clusterroles "a" is forbidden: {DIFF_USER} is attempting to grant '
                "RBAC permissions not currently held:"
            ),
            {Right("rbac.authorization.k8s.io", "clusterroles", "escalate")},
        ),
        (
            (
                f'✗ RoleBinding/x/a dry-run failed (Forbidden): rolebindings "a" is forbidden: {DIFF_USER} is attempting to '
                "grant RBAC permissions not currently held:"
            ),
            {Right("rbac.authorization.k8s.io", resource, "bind", "x") for resource in ("roles", "clusterroles")},
        ),
        (
            (
                f"✗ substitute from 'Secret/vars' error: secrets \"vars\" is forbidden: {DIFF_USER} cannot get resource "
                '"secrets" in API group "" in the namespace "apps"'
            ),
            {Right("", "secrets", "get", "apps")},
        ),
        (f"✗ {WEB} dry-run failed (Teapot): something new", set()),
    ],
)
def test_a_lacking_right_is_named_as_a_rule(message: str, lacks: set[Right]) -> None:
    (finding,) = found(message)
    assert set(finding.lacks) == lacks


def test_errors_of_several_objects_are_told_apart() -> None:
    message = (
        "[Secret/apps/a dry-run failed (Invalid): x, y: may not change once set, "
        'ConfigMap/new/b not found: namespaces "new" not found, ClusterRole/c dry-run failed (Forbidden): no]'
    )
    assert [(finding.code, str(finding.object)) for finding in found(message)] == [
        ("immutable-field", "Secret/apps/a"),
        ("missing-namespace", "ConfigMap/new/b"),
        ("refused", "ClusterRole/c"),
    ]


NEW = Situation(
    Arriving(
        frozenset({"new"}),
        frozenset({("a.example", "Gadget"), ("apps", "Deployment")}),
        frozenset({ObjectReference("ConfigMap", "flux-system", "vars")}),
    )
)


@pytest.mark.parametrize(
    ("code", "pending", "incomplete"),
    [
        ("missing-namespace", "pending-namespace", False),
        ("missing-crd", "pending-crd", False),
        ("unknown-field", "pending-crd", True),
    ],
)
def test_what_comes_with_the_change_is_no_fault(code: str, pending: str, incomplete: bool) -> None:  # noqa: FBT001 # a table
    text = next(row[0] for row in OF_ONE_OBJECT if row[1] == code)
    (finding,) = found(f"{WEB} {text}", NEW)
    assert (finding.code, finding.blocks, finding.incomplete) == (pending, False, incomplete)


def test_variables_that_come_with_the_change() -> None:
    (finding,) = found(next(row[0] for row in OF_A_RUN if row[1] == "missing-variables"), NEW)
    assert (finding.code, finding.blocks, finding.incomplete) == ("pending-variables", False, True)


def test_a_kind_of_another_group_does_not_come_along() -> None:
    (finding,) = found(f'{WEB} dry-run failed: no matches for kind "Gadget" in version "b.example/v1"', NEW)
    assert finding.code == "missing-crd"


def test_a_text_inside_a_value_makes_nothing_look_better() -> None:
    """The API server echoes values; what they say counts for nothing."""
    forged = (
        'dry-run failed (Invalid): Invalid value: "no matches for kind \\"Gadget\\" in version \\"a.example/v1\\"": bad'
    )
    (finding,) = found(f"{WEB} {forged}", NEW)
    assert finding.blocks
    forged = f'dry-run failed (Invalid): Invalid value: "x, {WEB} not found: namespaces "new" not found": bad'
    assert any(finding.blocks for finding in found(f"{WEB} {forged}", NEW))


def test_force_recreates_what_cannot_be_changed_and_deletes_what_is_wrong() -> None:
    forced = Situation(force=True)
    (recreate,) = found(f"{WEB} dry-run failed (Invalid): spec.selector: field is immutable", forced)
    assert (recreate.code, recreate.severity, recreate.blocks) == ("recreate", Severity.CRITICAL, False)
    (lost,) = found(f"{WEB} dry-run failed (Invalid): spec.ports: Required value", forced)
    assert (lost.code, lost.blocks) == ("force-deletes", True)


def test_input_that_was_refused_before_flux() -> None:
    (outside,) = run_findings(
        FluxOutcome(OutcomeStatus.REFUSED, message="../x lies outside the repository"), Situation()
    )
    (large,) = run_findings(FluxOutcome(OutcomeStatus.REFUSED, message="killed: more than 1 GB of memory"), Situation())
    assert (outside.code, large.code) == ("outside-tree", "refused-input")
    assert outside.blocks
    assert large.blocks


def test_braces_in_a_message_are_only_text() -> None:
    (finding,) = found(f'{WEB} dry-run failed: no matches for kind "{{detail}}" in version "{{0}}"')
    assert "{detail}" in finding.message


@pytest.mark.parametrize(
    "flood",
    [
        "lstat https:" + "https:" * 20_000,
        "lstat " + "github.com/a " * 20_000,
        "substitute from 'ConfigMap/x' error: " * 20_000,
        "substitute from 'Secret/x' error: cannot get resource \"" * 20_000,
        "failed to get kustomization object: " * 20_000,
        'Secret/a/b dry-run failed (Invalid): updates to a is forbidden: User "a" ' * 20_000,
        ", A/b dry-run failed" * 20_000,
    ],
    ids=lambda flood: flood[:24],
)
def test_a_flood_of_words_of_ours_is_read_in_a_moment(flood: str) -> None:
    """kustomize repeats what it cannot read, such as a patch of a megabyte; nothing else runs in the meantime."""
    before = time.process_time()
    assert found(f"✗ kustomize build failed: {flood}")
    assert found(f"✗ {WEB} dry-run failed: {flood}")
    assert time.process_time() - before < 4


def test_an_address_behind_a_long_folder_is_still_named() -> None:
    (finding,) = found(f"✗ kustomize build failed: lstat /{'f' * 200}/https:/evil.example/{'b' * 60}: no such file")
    assert (finding.code, "https:/evil.example" in finding.message) == ("remote-base", True)
