"""The rights of the *diff* identity as manifests for a fleet repository; a second run writes the same."""

from collections.abc import Iterator, Sequence

from rich.text import Text

from gitops_bot.rules.cleaning import clean_line
from gitops_bot.rules.fleet_rights import LeftOut, Reason, RightsPlan
from gitops_bot.rules.rbac_rules import ROLE, PolicyRule, rules_text
from gitops_bot.views.words import plural

FILE = "diff-rights.yaml"
_SHOWN = 5
_WIDTH = 110
_RBAC = "rbac.authorization.k8s.io"

_GIVEN_BY = {Reason.SECRETS: "--with-secrets", Reason.ROLES: "--with-roles"}


def manifests(plan: RightsPlan) -> str:
    """Write roles and bindings as YAML documents, below comments that say what is left out and what that costs."""
    comments = "".join(f"# {line}\n" for line in _header(plan))
    documents = [_role(scope, rules) + "---\n" + _binding(plan, scope) for scope, rules in plan.rules.items()]
    return comments + "---\n".join(documents)


def kustomization() -> str:
    """Write the kustomization.yaml beside it."""
    return (
        "# Apply it as it is: a kustomization with `namespace:` above it would move the Roles.\n"
        "apiVersion: kustomize.config.k8s.io/v1beta1\n"
        "kind: Kustomization\n"
        f"resources:\n  - {FILE}\n"
    )


def _header(plan: RightsPlan) -> Iterator[str]:
    yield from _wrapped(
        f"What flux diff needs in the cluster {plan.cluster}, made by `gitops-bot rbac` from the inventories of "
        f"{plural(plan.kustomizations, 'Kustomization')} and from what reports lacked. It takes the place of "
        "config/components/diff-usual-kinds."
    )
    for left_out in plan.left_out:
        yield from _wrapped(_cost(left_out))
    if plan.unknown_kinds:
        yield from _wrapped(f"Unknown to the cluster, so without a rule: {_some(plan.unknown_kinds)}.")


def _cost(left_out: LeftOut) -> str:
    what = _some(left_out.resources)
    of = f" ({plural(left_out.objects, 'object')})" if left_out.objects else ""
    if left_out.reason is Reason.NEVER:
        return (
            f"Never given: {what}{of}. No policy guards these, so the diff identity could take its own guard away. "
            f"Look at them by hand{_of(left_out)}."
        )
    return (
        f"Left out: {what}{of}. They are not compared, and their reports are incomplete{_of(left_out)}. "
        f"{_GIVEN_BY[left_out.reason]} gives them."
    )


def _of(left_out: LeftOut) -> str:
    return f": {_some(left_out.kustomizations)}" if left_out.kustomizations else ""


def _some(names: Sequence[str]) -> str:
    shown = [clean_line(name) for name in names[:_SHOWN]]
    return ", ".join(shown) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _wrapped(text: str) -> Iterator[str]:
    line = ""
    for word in text.split():
        if line and len(line) + len(word) >= _WIDTH:
            yield line
            line = "  " + word
        else:
            line = f"{line} {word}" if line else word
    yield line


def _role(scope: str, rules: Sequence[PolicyRule]) -> str:
    kind = "Role" if scope else "ClusterRole"
    text = "".join(f"  {line}\n" for line in rules_text(rules).splitlines())
    return f"apiVersion: {_RBAC}/v1\nkind: {kind}\nmetadata:\n{_metadata(scope)}rules:\n{text}"


def _binding(plan: RightsPlan, scope: str) -> str:
    kind = "Role" if scope else "ClusterRole"
    namespace, _, name = plan.account.partition("/")
    return (
        f"apiVersion: {_RBAC}/v1\nkind: {kind}Binding\nmetadata:\n{_metadata(scope)}"
        f"roleRef:\n  apiGroup: {_RBAC}\n  kind: {kind}\n  name: {ROLE}\n"
        f"subjects:\n  - kind: ServiceAccount\n    name: {name}\n    namespace: {namespace}\n"
    )


def _metadata(scope: str) -> str:
    return f"  name: {ROLE}\n" + (f"  namespace: {scope}\n" if scope else "")


def for_terminal(text: str) -> Text:
    """Colour manifests: comments step back, names of fields stand out."""
    shown = Text()
    for line in text.splitlines():
        key, colon, rest = line.partition(":")
        if line.startswith("#") or line == "---":
            shown.append(f"{line}\n", style="dim")
        elif colon:
            shown.append(f"{key}{colon}", style="cyan").append(f"{rest}\n", style="default")
        else:
            shown.append(f"{line}\n", style="default")
    return shown


def differences(cluster: str, missing: Sequence[str], superfluous: Sequence[str], *, whole: bool) -> Text:
    """Say how the rights in a cluster differ from those that it needs."""
    if not missing and not superfluous:
        text = Text("✓ ", style="green").append(f"cluster {cluster}: ", style="bold")
        text.append("the diff identity may do what it needs, and nothing else", style="default")
    else:
        text = Text("✗ ", style="red").append(f"cluster {cluster}: ", style="bold")
        words = [f"{len(missing)} missing"] * bool(missing) + [f"{len(superfluous)} superfluous"] * bool(superfluous)
        text.append(f"the rights of the diff identity differ: {', '.join(words)}", style="default")
    for sign, style, lines in (("+ missing", "red", missing), ("- superfluous", "yellow", superfluous)):
        for line in lines:
            text.append(f"\n    {sign}: {clean_line(line)}", style=style)
    if not whole:
        text.append("\n    the API server cannot list all rights here (another authorizer than RBAC)", style="dim")
    return text
