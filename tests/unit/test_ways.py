"""Overrides: which settings hold for one way of asking about one repository, and which overrides are refused."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gitops_bot.config import LanguageModelEndpointSettings, LanguageModelSettings
from gitops_bot.errors import SettingsError
from gitops_bot.llm.ways import settings_for
from gitops_bot.models.opinions import Asking

SMALL = {"base_url": "https://a.example/v1", "model": "small", "temperature": 0.5}
LARGE = {"base_url": "https://b.example/v1", "model": "large", "effort": "high"}


def settings(*overrides: dict[str, Any], **more: Any) -> LanguageModelSettings:
    return LanguageModelSettings.model_validate({"endpoints": [SMALL], "overrides": overrides, **more})


def test_without_overrides_every_way_is_the_same() -> None:
    plain = settings()
    for asking in Asking:
        assert settings_for(plain, asking, "acme/fleet") == plain


@pytest.mark.parametrize(
    ("asking", "repository", "language", "timeout"),
    [
        (Asking.REVIEW, "acme/fleet", "English", 60),
        (Asking.GATE, "other/fleet", "French", 60),
        (Asking.REVIEW, "ACME/Shop", "German", 60),
        # Both match: the one that is written last has the last word, and only about what it names.
        (Asking.GATE, "acme/shop", "German", 9),
        (Asking.GATE, "", "French", 60),
    ],
)
def test_what_matches_is_laid_over_in_order(asking: Asking, repository: str, language: str, timeout: float) -> None:
    told = settings(
        {"asks": ["gate"], "language": "French"},
        {"repositories": ["acme/shop"], "language": "German"},
        {"asks": ["gate", "audit"], "repositories": ["acme/shop"], "timeout": 9},
    )
    found = settings_for(told, asking, repository)
    assert (found.language, found.timeout) == (language, timeout)
    assert found.overrides == ()


def test_endpoints_are_replaced_whole_and_temperature_is_laid_over_those_that_are_asked() -> None:
    told = settings(
        {"asks": ["gate"], "temperature": 0, "effort": "low"},
        {"repositories": ["acme/shop"], "endpoints": [LARGE]},
        {"asks": ["audit"], "effort": "minimal"},
    )

    def asked(asking: Asking, repository: str) -> list[tuple[str, float | None, str]]:
        return [(one.model, one.temperature, one.effort) for one in settings_for(told, asking, repository).endpoints]

    assert asked(Asking.REVIEW, "acme/fleet") == [("small", 0.5, "")]
    assert asked(Asking.GATE, "acme/fleet") == [("small", 0.0, "low")]
    # The endpoints came after the temperature, and bring their own.
    assert asked(Asking.GATE, "acme/shop") == [("large", None, "high")]
    assert asked(Asking.AUDIT, "acme/shop") == [("large", None, "minimal")]


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ({"language": "German"}, "name asks or repositories"),
        ({"asks": ["gate"]}, "nothing is different"),
        ({"asks": ["vibes"], "language": "German"}, "'review', 'audit', 'diagnose' or 'gate'"),
        ({"asks": ["gate"], "endpoints": []}, "at least 1"),
        ({"asks": ["gate"], "limits": {"day": {"calls": 1}}}, "not permitted"),
    ],
)
def test_an_override_that_cannot_be_meant_is_refused(override: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(override)
    assert words in str(caught.value)


def test_headers_that_are_secret_are_read_anew_and_never_quoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "gateway"
    told = {**SMALL, "header_files": {"X-Gateway": file}, "header_variables": {"X-Team": "OUR_TEAM_KEY"}}
    endpoint = LanguageModelEndpointSettings.model_validate(told)
    monkeypatch.setenv("OUR_TEAM_KEY", "team-key-0001")
    with pytest.raises(SettingsError, match="cannot read"):
        endpoint.read_secret_headers()
    file.write_text("gateway-key-0001\n", encoding="utf-8")
    assert endpoint.read_secret_headers() == {"X-Gateway": "gateway-key-0001", "X-Team": "team-key-0001"}
    file.write_text("gateway-key-0001\nX-Evil: hunter2", encoding="utf-8")
    with pytest.raises(SettingsError, match="one line of printable ASCII") as caught:
        endpoint.read_secret_headers()
    assert "hunter2" not in str(caught.value)
    file.write_text("gateway-key-0002", encoding="utf-8")
    monkeypatch.delenv("OUR_TEAM_KEY")
    with pytest.raises(SettingsError, match=r"X-Team is to be in \$OUR_TEAM_KEY"):
        endpoint.read_secret_headers()


def test_a_key_of_two_lines_is_refused_before_it_stands_in_an_error(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("first\nsecond", encoding="utf-8")
    endpoint = LanguageModelEndpointSettings.model_validate({**SMALL, "api_key_file": file})
    with pytest.raises(SettingsError, match="one line") as caught:
        endpoint.read_api_key(needed=True)
    assert "second" not in str(caught.value)
