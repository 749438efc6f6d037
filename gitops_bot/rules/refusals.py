"""The table of what flux and the API server say when they refuse, and what it means.

The first row whose pattern is found decides. Patterns begin with the server's own words at the
place where it puts them, because what follows may echo the pull request, a megabyte of it: no pattern
that may begin anywhere looks further than some hundred characters. ``{name}`` in a text stands for a
group of the pattern, ``{object}`` for the object's name.

Each row was seen with flux 2.9.5 and Kubernetes 1.36, or read in their source.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto


class Unless(Enum):
    """What may turn a refusal into something that is only not there yet, or that Flux gets past."""

    KIND_ARRIVES = auto()
    NAMESPACE_ARRIVES = auto()
    DEFINITION_CHANGES = auto()
    VARIABLES_ARRIVE = auto()
    FORCED = auto()


@dataclass(frozen=True)
class Refusal:
    """One kind of refusal. ``blocks``: the merge would not get past it; else it is not the pull request's fault."""

    code: str
    pattern: str
    message: str
    advice: str
    blocks: bool = True
    unless: Unless | None = None

    def find(self, text: str) -> re.Match[str] | None:
        """Look for it in the text of an error."""
        return re.search(self.pattern, text, re.DOTALL)


IMMUTABLE = (
    r"may not change once set|is immutable|immutable field|cannot change roleRef"
    r"|updates to \w+ spec for fields other than"
)
# Flux takes each of these for "cannot be changed", and deletes the object when it is allowed to.
# https://github.com/fluxcd/pkg/blob/main/ssa/errors/immutable.go
DELETED_BY_FORCE = rf"^dry-run failed \((?:Invalid|Conflict)\)|{IMMUTABLE}"

_UNREACHABLE = (
    r"failed to get server groups|connection refused|Unauthorized|i/o timeout|no route to host|TLS handshake timeout"
    r"|context deadline exceeded|the server is currently unable|EOF$|connection reset|Too many requests|etcdserver:"
    r"|failed to get API group resources|client connection lost|net/http: request canceled"
)
CLUSTER_UNAVAILABLE = "cluster-unavailable"
# Up to the user only the object's own name may stand: other refusals echo fields of it, such as the name of a Pod's
# ServiceAccount, and whoever writes this server's words into one would have us propose any right.
_FORBIDDEN_BY_RBAC = r"[^\s\"]+(?: \"[^\"\n]{0,300}\")? is forbidden: [Uu]ser \"[^\"\n]{0,300}\""
_ASK_AGAIN = "Nothing is wrong with the pull request; it is looked at again soon."

# What the error of one object may say, after the object's name.
OF_OBJECTS = (
    Refusal(
        "missing-namespace",
        r"^(?:not found|dry-run failed[^:]*): namespaces \"(?P<namespace>[^\"]*)\" not found",
        "{object} belongs to the namespace {namespace}, which does not exist.",
        "Add the Namespace to this pull request, or create it first.",
        unless=Unless.NAMESPACE_ARRIVES,
    ),
    Refusal("no-namespace", r"^namespace not specified: ", "{object} names no namespace.", "Give it one."),
    Refusal(
        "missing-crd",
        r"^dry-run failed[^:]*: no matches for kind \"(?P<kind>[^\"]*)\" in version \"(?P<version>[^\"]*)\"",
        "The cluster does not know {kind} in {version}, so {object} is refused.",
        "Install its CustomResourceDefinition first, or add it to this pull request.",
        unless=Unless.KIND_ARRIVES,
    ),
    Refusal(
        "webhook-unavailable",
        r"^dry-run failed[^:]*: (?:Internal error occurred: )?failed calling webhook \"(?P<webhook>[^\"]*)\"",
        "{object} could not be checked: the webhook {webhook} does not answer.",
        "Mend the webhook; nothing is known against the pull request.",
        blocks=False,
    ),
    Refusal(
        "admission-denied",
        r"^dry-run failed[^:]*: admission webhook \"(?P<policy>[^\"]*)\" denied the request",
        "The webhook {policy} refuses {object}.",
        "Read its reason in the detail.",
    ),
    Refusal(
        "admission-denied",
        r"^dry-run failed[^:]*: [^\n]{0,400}?ValidatingAdmissionPolicy '(?P<policy>[^']*)' with binding '[^']*' denied",
        "The policy {policy} refuses {object}.",
        "Read its reason in the detail.",
    ),
    Refusal(
        "quota",
        r"^dry-run failed \(Forbidden\): [^\n]{0,400}?exceeded quota: (?P<quota>[^,\s]*)",
        "{object} does not fit into the quota {quota}.",
        "Ask for less, or have the quota raised.",
    ),
    Refusal(
        "pod-security",
        r"^dry-run failed \(Forbidden\): [^\n]{0,400}?violates PodSecurity",
        "{object} breaks the Pod Security level of its namespace.",
        "The detail names what it has to give up.",
    ),
    Refusal(
        "missing-right",
        rf"^dry-run failed \(Forbidden\): {_FORBIDDEN_BY_RBAC} cannot (?P<verb>\w+) resource \"(?P<resource>[^\"]*)\" "
        r"in API group \"(?P<group>[^\"]*)\"(?: in the namespace \"(?P<namespace>[^\"]*)\")?",
        "{object} could not be compared: this program may not {verb} {resource}.",
        'Allow the diff role to {verb} the resource {resource} of the API group "{group}".',
        blocks=False,
    ),
    Refusal(
        "missing-right",
        rf"^dry-run failed \(Forbidden\): {_FORBIDDEN_BY_RBAC}(?: \(groups=[^\n]{{0,400}}?\))? is "
        r"attempting to grant RBAC permissions not currently held",
        "{object} could not be compared: it grants rights that this program does not hold itself.",
        'Allow the diff role to escalate roles and bind bindings of the API group "rbac.authorization.k8s.io".',
        blocks=False,
    ),
    Refusal(
        "unknown-field",
        r"^dry-run failed[^:]*: [^\n]{0,400}?\.(?P<field>[\w.\[\]\"/-]+): field not declared in schema",
        "{object} has a field that its kind does not know: {field}.",
        "Correct its name or its place.",
        unless=Unless.DEFINITION_CHANGES,
    ),
    # flux's own comparison writes a text such as "1" in stringData without its quotes; its controller does not.
    Refusal(
        "number-in-secret",
        r"^dry-run failed[^:]*: failed to create typed patch object \([^)]*Kind=Secret\): (?:errors:)?\s*"
        r"\.stringData\.[^\n]*: expected string",
        "{object} could not be compared: flux cannot read numbers in stringData, even with quotes.",
        "Use data instead of stringData; if the value has quotes in git, the cluster accepts it.",
        blocks=False,
    ),
    Refusal(
        "schema",
        r"^dry-run failed[^:]*: failed to create typed patch object",
        "{object} does not follow the schema of its kind.",
        "Correct the type of the field that the detail names.",
    ),
    Refusal(
        "immutable-field",
        rf"^dry-run failed[^:]*: .*(?:{IMMUTABLE})",
        "{object} cannot be changed in this field while it exists.",
        "Rename the object, or annotate it kustomize.toolkit.fluxcd.io/force: enabled if its content may be lost.",
        unless=Unless.FORCED,
    ),
    Refusal(
        "invalid",
        r"^dry-run failed \((?:Invalid|Conflict)\): ",
        "The API server refuses {object} as not valid.",
        "Correct the field that the detail names.",
        unless=Unless.FORCED,
    ),
    Refusal(
        CLUSTER_UNAVAILABLE,
        rf"^dry-run failed(?: \((?:Timeout|ServiceUnavailable|TooManyRequests|InternalError|Unauthorized)\))?: "
        rf".*(?:{_UNREACHABLE})",
        "The cluster could not be asked about {object}.",
        _ASK_AGAIN,
        blocks=False,
    ),
    # Anything else: the API server's own words.
    Refusal("refused", r"", "The API server refuses {object}.", "Read its own words in the detail."),
)

# What flux may say when it does not get as far as single objects.
OF_RUNS = (
    Refusal(
        "outside-tree",
        r"fs-security-constraint|is not in or below|security; file",
        "The build tries to read outside the repository.",
        "Use relative paths inside the repository only.",
    ),
    Refusal(
        "remote-base",
        r"lstat \S{0,300}?(?P<remote>(?:github\.com|gitlab\.com|bitbucket\.org|https?:|git@|ssh:)\S{0,300})"
        r": no such file",
        "The build refers to a remote address, which is not fetched: {remote}.",
        "Copy the base into the repository, or give it a source of its own.",
    ),
    Refusal(
        "undefined-variable",
        r"variable not set \(strict mode\): \"?(?P<variable>[\w-]*)",
        "A variable has no value: {variable}. Flux refuses the Kustomization.",
        "Define it in postBuild, or write a default behind it, with :=.",
    ),
    Refusal(
        "missing-variables",
        r"substitute from '(?P<kind>ConfigMap|Secret)/(?P<name>[^']{0,300})' error: .{0,600}?not found",
        "postBuild.substituteFrom reads {kind}/{name}, which does not exist.",
        "Create it first, or mark the reference as optional.",
        unless=Unless.VARIABLES_ARRIVE,
    ),
    Refusal(
        "missing-right",
        r"substitute from '(?P<kind>ConfigMap|Secret)/(?P<name>[^']{0,300})' error: [^\n]{0,600}? cannot (?P<verb>get) "
        r'resource "(?P<resource>[^"]*)" in API group "(?P<group>[^"]*)"(?: in the namespace "(?P<namespace>[^"]*)")?',
        "postBuild.substituteFrom reads {kind}/{name}, which this program may not: nothing was rendered.",
        'Allow the diff role to {verb} the resource {resource} of the API group "{group}".',
        blocks=False,
    ),
    Refusal(
        "substitution",
        r"var substitution failed|envsubst",
        "The variables of postBuild cannot be put in.",
        "The detail names the file or the variable.",
    ),
    Refusal(
        "bad-secret-data",
        r"illegal base64 data",
        "A Secret's data is not valid base64.",
        "Encode it, or use stringData.",
    ),
    Refusal(
        "kustomization-not-found",
        r"failed to get kustomization object: .{0,600}?not found",
        "The cluster has no such Kustomization.",
        "It may have been removed a moment ago; it is looked at again.",
        blocks=False,
    ),
    Refusal(
        "path-missing",
        r"invalid resource path|path not found|must be a directory",
        "The folder that the Kustomization is built from does not exist.",
        "Correct spec.path, or restore the folder.",
    ),
    Refusal(
        "decryption",
        r"SOPS encrypted, configuring decryption is required",
        "A Secret is encrypted and the Kustomization has no decryption.",
        "Set spec.decryption.",
    ),
    Refusal(
        "limit",
        r"out of memory|signal: killed",
        "The build needs more memory or time than it is given.",
        "Look for YAML aliases or very large files.",
    ),
    Refusal(CLUSTER_UNAVAILABLE, _UNREACHABLE, "The cluster could not be asked.", _ASK_AGAIN, blocks=False),
    Refusal(
        "build-failed",
        r"kustomize build failed|accumulat|failed to generate kustomization|failed to decode|MalformedYAML|yaml:",
        "The files do not build.",
        "Run `kustomize build` on the folder; the detail names the cause.",
    ),
    Refusal(
        "unknown-error",
        r"",
        "flux could not finish, for a reason that this program does not know.",
        "Read its own words in the detail.",
        blocks=False,
    ),
)
