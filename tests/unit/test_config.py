import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from gitops_bot.config import ClusterSettings, Settings, load_settings
from gitops_bot.errors import SettingsError

DOCUMENT = Path(__file__).parents[2] / "docs" / "settings.md"
GOOD = """
clusters: [{name: production}]
slack: {channel: C0123456789}
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "settings.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def names(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        inner = next(
            (
                part
                for part in [kind, *getattr(kind, "__args__", ())]
                if isinstance(part, type) and issubclass(part, BaseModel)
            ),
            ClusterSettings if prefix + name == "clusters" else None,
        )
        if inner is None:
            yield prefix + name
        else:
            yield from names(inner, f"{prefix}{name}.")


def test_every_setting_is_documented_and_nothing_else() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    written = set(re.findall(r"`([a-z]+(?:\.[a-z_]+)+)`", text)) | set(
        re.findall(r"^## (people|people_file)$", text, re.MULTILINE)
    )
    assert written == set(names(Settings))


def test_the_least_that_is_needed(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, GOOD))
    assert settings.clusters[0].diff_service_account == "gitops-bot/gitops-bot-diff"
    assert settings.database_url == "sqlite+aiosqlite:////var/lib/gitops-bot/gitops-bot.sqlite"


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITOPS_BOT_WATCH__INTERVAL", "5")
    monkeypatch.setenv("GITOPS_BOT_GITHUB__TOKEN", "ghp_abcdefghijkl")
    settings = load_settings(write(tmp_path, GOOD + "watch: {interval: 60, include: [acme/*]}\n"))
    assert settings.watch.interval == 5
    assert settings.watch.include == ("acme/*",)
    assert settings.github.read_token() == "ghp_abcdefghijkl"
    assert "ghp_abcdefghijkl" not in repr(settings)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("clusters: []\n", ["clusters", "at least 1", "clusters: [{name: production}]"]),
        ("slack: {channel: C0123456789}\n", ["clusters", "required"]),
        (GOOD + "watch: {interval: soon}\n", ["watch.interval", "valid number", "interval: 30"]),
        (GOOD + "watch: {intervall: 3}\n", ["watch.intervall", "not permitted"]),
        (
            GOOD + "risk: {severities: {privilegd: off}}\n",
            ["risk.severities", "no risk privilegd", "known are admission-policy", "{removes-limit: critical}"],
        ),
        (GOOD + "risk: {severities: {privileged: high}}\n", ["risk.severities.privileged", "'critical' or 'off'"]),
        ("clusters: [{name: a}, {name: a}]\n", ["a name of its own"]),
        ("clusters: [{name: Prod!}]\n", ["clusters.0.name", "pattern"]),
        ("clusters: [{name: a}]\nslack: {channel: '#team'}\n", ["slack.channel", "the id"]),
        ("just a text", ["expected settings by name"]),
        ("a: [", ["not valid YAML"]),
    ],
)
def test_a_wrong_setting_is_named_with_an_example(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(write(tmp_path, text))
    for word in words:
        assert word in str(caught.value)


def test_the_value_of_a_wrong_secret_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(write(tmp_path, GOOD + "github: {token: [xoxb-hunter2-hunter2]}\n"))
    assert "hunter2" not in str(caught.value)


def test_a_risk_is_switched_off_by_the_word_with_and_without_quotes(tmp_path: Path) -> None:
    severities = '{privileged: off, force: "off", image-latest: critical}'
    quiet = "slack: {channel: C0123456789, quiet: {unless_risk: off}}"
    text = f"{quiet}\nrisk: {{prune_limit: 3, severities: {severities}}}\nstatus: {{fail_on_risk: off}}\n"
    settings = load_settings(write(tmp_path, f"clusters: [{{name: production}}]\n{text}"))
    assert settings.status.fail_on_risk == "off"
    assert settings.slack is not None
    assert settings.slack.quiet.unless_risk == "off"
    assert settings.risk.severities == {"privileged": "off", "force": "off", "image-latest": "critical"}
    assert settings.risk.prune_limit == 3


def test_a_missing_file_says_where_to_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--settings"):
        load_settings(tmp_path / "none.yaml")


def test_a_secret_file_is_read_anew_each_time(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    settings = load_settings(write(tmp_path, GOOD + f"github: {{token_file: {secret}}}\n"))
    with pytest.raises(SettingsError, match=r"github\.token_file: cannot read"):
        settings.github.read_token()
    secret.write_text("\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="is empty"):
        settings.github.read_token()
    secret.write_text("first\n", encoding="utf-8")
    assert settings.github.read_token() == "first"
    secret.write_text("second\n", encoding="utf-8")
    assert settings.github.read_token() == "second"


def test_settings_that_are_no_yaml_are_told_without_their_text(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("a: 1\ngithub: {token: top-secret: [}\n")
    with pytest.raises(SettingsError, match=r"not valid YAML, line 2: ") as caught:
        load_settings(file)
    assert "top-secret" not in str(caught.value)


def test_a_week_without_a_day_for_messages_is_refused(tmp_path: Path) -> None:
    days = "monday, tuesday, wednesday, thursday, friday, saturday"
    quiet = "clusters: [{name: production}]\nslack: {channel: C0123456789, quiet: {days: [%s]}}\n"
    assert load_settings(write(tmp_path, quiet % days)).slack is not None
    with pytest.raises(SettingsError, match="no new message would ever be posted"):
        load_settings(write(tmp_path, quiet % f"{days}, sunday"))
