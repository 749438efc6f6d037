"""Which rights lead past the guard, and what people are told."""

import pytest

from gitops_bot.models.checks import GuardState
from gitops_bot.models.rights import Granted, GrantedRule, Right
from gitops_bot.rules.guards import WAYS_AROUND, how_to_mend, in_words, ways_around_in, what_is_wrong

POLICIES, BINDINGS = "validatingadmissionpolicies", "mutatingadmissionpolicybindings"
ADMISSION = "admissionregistration.k8s.io"


def found(groups: str, resources: str, verbs: str, *names: str) -> tuple[str, ...]:
    """Say what one rule gives; texts are split at blanks, "-" is the core group."""
    rule = GrantedRule(tuple(groups.replace("-", "").split(" ")), tuple(resources.split()), tuple(verbs.split()), names)
    return in_words(ways_around_in(Granted((rule,))))


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (("-", "users configmaps", "get impersonate"), ("impersonate users",)),
        (("-", "serviceaccounts", "impersonate", "admin"), ("impersonate serviceaccounts",)),
        (("*", "uids", "*"), ("impersonate uids.authentication.k8s.io",)),
        ((ADMISSION, POLICIES, "get patch"), (f"patch {POLICIES}.{ADMISSION}",)),
        ((ADMISSION, BINDINGS, "create"), (f"create {BINDINGS}.{ADMISSION}",)),
        (("-", "nodes/proxy", "get"), ("get nodes/proxy",)),
        (("-", "*/proxy", "create"), ("create nodes/proxy",)),
        (("-", "serviceaccounts/token", "create", "other"), ("create serviceaccounts/token",)),
        (("certificates.k8s.io", "signers", "sign"), ("sign signers.certificates.k8s.io",)),
        (("-", "users", "impersonate:user-info"), ("impersonate users",)),
    ],
)  # fmt: skip
def test_a_rule_that_leads_past_the_guard_is_named(rule: tuple[str, ...], said: tuple[str, ...]) -> None:
    assert found(*rule) == said


def test_whoever_may_do_everything_has_all_of_them() -> None:
    everything = Granted((GrantedRule(("*",), ("*",), ("*",)),))
    assert ways_around_in(everything) == set(WAYS_AROUND)


@pytest.mark.parametrize(
    "rule",
    [
        # What `gitops-bot rbac` gives at most.
        ("- apps", "configmaps secrets serviceaccounts nodes deployments", "get patch create"),
        ("rbac.authorization.k8s.io", "roles clusterroles rolebindings", "get patch create escalate bind"),
        (ADMISSION, POLICIES, "get list watch"),
        (ADMISSION, "validatingwebhookconfigurations", "get patch create"),
        ("certificates.k8s.io", "certificatesigningrequests", "get patch create"),
        ("apps", "users", "impersonate"),
        ("-", "nodes/status", "get create"),
    ],
)
def test_what_a_comparison_needs_leads_nowhere(rule: tuple[str, ...]) -> None:
    assert found(*rule) == ()


def test_people_are_told_which_rights_and_what_to_do() -> None:
    held = in_words([Right("", "users", "impersonate"), Right(ADMISSION, POLICIES, "delete")])
    led_around = GuardState(proved=False, reason="…", ways_around=held)
    assert what_is_wrong(led_around) == (
        f"the diff identity holds rights that lead past the guard: impersonate users; delete {POLICIES}.{ADMISSION}"
    )
    assert "Take these rights away" in how_to_mend(led_around)
    missed = GuardState(proved=False, reason="the write was accepted")
    assert what_is_wrong(missed) == "writes of the diff identity are not refused: the write was accepted"
    assert how_to_mend(missed) == "Apply config/guard."
