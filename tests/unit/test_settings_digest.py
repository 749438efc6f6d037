"""A report is made anew when the settings that decide what it says have changed, and only then."""

from typing import Any

import pytest

from gitops_bot.config import ClusterSettings, Settings
from gitops_bot.policies import risk_policy, settings_digest
from gitops_bot.rules.risk import RiskPolicy


def digest(**more: Any) -> str:
    return settings_digest(Settings(clusters=(ClusterSettings(name="production"),), **more))


@pytest.mark.parametrize(
    "more",
    [
        {"risk": {"severities": {"privileged": "off"}}},
        {"risk": {"severities": {"privileged": "warning"}}},
        {"risk": {"prune_limit": 11}},
        {"noise": {"kinds": ["Lease"]}},
        {"people": {"U0123456789": "octocat"}},
    ],
)
def test_what_a_report_says(more: dict[str, Any]) -> None:
    assert digest(**more) != digest()


@pytest.mark.parametrize("more", [{"log": {"level": "DEBUG"}}, {"flux": {"concurrency": 2}}, {"risk": {}}])
def test_how_it_is_made(more: dict[str, Any]) -> None:
    assert digest(**more) == digest()


def test_the_settings_become_the_policy() -> None:
    settings = Settings(
        clusters=(ClusterSettings(name="production"),),
        risk={"severities": {"force": "off", "image-latest": "critical"}, "prune_limit": 3},  # type: ignore[arg-type]  # as a file gives it
    )
    policy = risk_policy(settings.risk)
    assert policy == RiskPolicy({"force": None, "image-latest": policy.severity("image-latest")}, 3)
    assert (policy.severity("force"), str(policy.severity("image-latest"))) == (None, "critical")
    assert str(policy.severity("privileged")) == "critical"
