"""Whether the policy that refused the canary still says all that the shipped one says.

The canary is one write of one kind: a policy that was narrowed to that kind would refuse it too. So the
one that refused is read, and must be at least as wide as config/guard/policy.yaml.
https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
"""

import re
from collections.abc import Mapping
from typing import Any

# The one condition that keeps a write from being refused.
_DRY_RUN_ONLY = (
    "has(request.dryRun) && request.dryRun && request.operation in ['CREATE', 'UPDATE'] "
    "&& (!has(request.subResource) || request.subResource == '')"
)
_EVERYTHING = {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*/*"]}
_REFUSAL = re.compile(r"ValidatingAdmissionPolicy '([^']+)' with binding '([^']+)' denied request")


def refused_by(message: str) -> tuple[str, str]:
    """Give the names of policy and binding out of the API server's words; ("", "") when it was none."""
    found = _REFUSAL.search(message)
    return (found[1], found[2]) if found else ("", "")


def lacking_terms(policy: Mapping[str, Any], binding: Mapping[str, Any], account: str) -> str:
    """Tell what a policy for the ServiceAccount ``account`` (namespace/name) does not cover; "" when it covers all."""
    spec, bound = policy.get("spec") or {}, binding.get("spec") or {}
    constraints = spec.get("matchConstraints") or {}
    lacking = {
        "failurePolicy is not Fail": spec.get("failurePolicy", "Fail") != "Fail",
        "it does not cover every kind and operation": not any(map(_is_wide, constraints.get("resourceRules") or ())),
        "it leaves out some kinds": bool(constraints.get("excludeResourceRules")),
        "it is limited to some objects or namespaces": bool(
            constraints.get("namespaceSelector") or constraints.get("objectSelector") or bound.get("matchResources")
        ),
        "it is meant for somebody else, or not always": not all(
            _plain(condition.get("expression")) in _for_us(account) for condition in spec.get("matchConditions") or ()
        ),
        "it refuses something else than what is not a dry run": not any(
            _plain(validation.get("expression")) == _plain(_DRY_RUN_ONLY)
            for validation in spec.get("validations") or ()
        ),
        # Where a parameter is not found a policy may be skipped.
        "it depends on parameters": bool(spec.get("paramKind") or bound.get("paramRef")),
        "its binding does not deny": "Deny" not in (bound.get("validationActions") or ()),
    }
    return "; ".join(reason for reason, is_so in lacking.items() if is_so)


def _is_wide(rule: Mapping[str, Any]) -> bool:
    whole = all(rule.get(field) == value for field, value in _EVERYTHING.items())
    return whole and not rule.get("resourceNames") and rule.get("scope", "*") == "*"


def _for_us(account: str) -> set[str]:
    """Give the conditions that hold for every request of ours: the shipped one, and the plain comparison."""
    namespace, _, name = account.partition("/")
    return {
        _plain(f"request.userInfo.username.matches('^system:serviceaccount:[^:]+:{name}$')"),
        _plain(f"request.userInfo.username == 'system:serviceaccount:{namespace}:{name}'"),
    }


def _plain(expression: Any) -> str:
    return "".join(str(expression or "").split())
