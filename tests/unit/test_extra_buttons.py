"""Buttons of the administrator's own: what they say, where they lead, when they are shown."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import sample_reports as samples

from gitops_bot.config import load_settings
from gitops_bot.errors import SettingsError
from gitops_bot.models.reports import Report
from gitops_bot.policies import button_templates
from gitops_bot.rules.decisions import Action
from gitops_bot.rules.extra_buttons import (
    ButtonTemplate,
    ExtraButton,
    command_text,
    extra_buttons,
    values_of,
    wrong_template,
)
from gitops_bot.views.slack_message import review_message

LINK = "https://grafana.example/d?pr={number}&t={title}&k={kustomizations}"
OFFERED = (Action.APPROVE, Action.COMMENT, Action.VIEW)


def report(**changes: object) -> Report:
    return replace(samples.changes_report(), pull_request=samples.pull_request(**changes))  # type: ignore[arg-type]


def shown(template: ButtonTemplate, **changes: object) -> tuple[ExtraButton, ...]:
    given = report(**changes)
    return extra_buttons([template], given, given.pull_request, OFFERED)


@pytest.mark.parametrize(
    ("template", "words"),
    [
        (ButtonTemplate("Grafana", link=LINK), ""),
        (ButtonTemplate("Approve", Action.APPROVE), ""),
        (ButtonTemplate("Say", command="deploy {number}"), ""),
        (ButtonTemplate("Nothing"), "exactly one"),
        (ButtonTemplate("Both", Action.APPROVE, LINK), "exactly one"),
        (ButtonTemplate("{secret}", link=LINK), "there is no secret"),
        (ButtonTemplate("x", link=LINK, when={"phase": ("*",)}), "there is no phase"),
        (ButtonTemplate("x", link="http://grafana.example/"), "https://"),
        (ButtonTemplate("x", link="javascript:alert(1)"), "https://"),
        (ButtonTemplate("x", link="https://{author}.example/"), "https://"),
        (ButtonTemplate("x", link="https://grafana.example{title}"), "https://"),
        (ButtonTemplate("x", link="https://someone@grafana.example/"), "https://"),
        (ButtonTemplate("x", link="https:///path"), "https://"),
    ],
)
def test_wrong_templates_are_named(template: ButtonTemplate, words: str) -> None:
    said = wrong_template(template)
    assert words in said
    assert bool(said) is bool(words)


def test_values_are_quoted_in_a_link() -> None:
    [button] = shown(ButtonTemplate("See {number}", link=LINK), title="a&b=c/../ d#x|<>\u202e")
    assert button.label == "See 7"
    assert button.address.startswith("https://grafana.example/d?pr=7&t=a%26b%3Dc%2F..%2F%20d%23x%7C%3C%3E%E2%80%AE&k=")


def test_values_are_escaped_in_what_is_said() -> None:
    template = ButtonTemplate("Say", command="<@U0123456789> look at {repository}#{number}: {title}")
    given = report(title="<!channel> *now* `x` <https://evil.example|here> @here")
    assert command_text(template, given, given.pull_request) == (
        "<@U0123456789> look at acme/fleet#7: &lt;!channel&gt; now x &lt;https://evil.example|here&gt; here"
    )


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ({}, True),
        ({"verdict": ("changes",)}, True),
        ({"verdict": ("blocked", "incomplete")}, False),
        ({"author": ("octo*",)}, True),
        ({"labels": ("Urgent",)}, True),
        ({"labels": ("urgent",), "author": ("somebody",)}, False),
        ({"labels": ("nothing",)}, False),
        ({"repository": ("acme/*",), "base": ("main",)}, True),
        ({"clusters": ("production",)}, True),
    ],
)
def test_conditions(when: Mapping[str, tuple[str, ...]], *, expected: bool) -> None:
    template = ButtonTemplate("x", link=LINK, when=when)
    assert bool(shown(template, labels=("urgent",))) is expected


def test_nothing_below_what_is_closed_and_no_action_that_makes_no_sense() -> None:
    assert shown(ButtonTemplate("x", link=LINK), state="closed") == ()
    assert shown(ButtonTemplate("x", Action.MERGE)) == ()
    assert [one.action for one in shown(ButtonTemplate("x", Action.APPROVE))] == [Action.APPROVE]


def test_every_field_has_a_value() -> None:
    given = report(labels=())
    values = values_of(given, given.pull_request)
    template = ButtonTemplate("x", command=" ".join(f"{{{name}}}" for name in values))
    assert wrong_template(template) == ""
    assert "{" not in command_text(template, given, given.pull_request)


def test_they_have_a_row_of_their_own() -> None:
    extra = (
        ExtraButton("Grafana", address="https://grafana.example/"),
        ExtraButton("Go", Action.APPROVE),
        ExtraButton("Say", template="abc"),
    )
    message, _ = review_message(report(), key="k", report_id="r1", actions=OFFERED, extra=extra)
    rows = [block["elements"] for block in message.blocks if block["type"] == "actions"]
    assert [(one["action_id"], one.get("value"), one.get("url")) for one in rows[1]] == [
        ("view-0", None, "https://grafana.example/"),
        ("approve", "r1", None),
        ("say-2", "r1 abc", None),
    ]


def test_a_wrong_button_is_refused_at_the_start(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("clusters: [{name: a}]\nbuttons: [{label: Bad, link: 'http://x.example/'}]\n")
    with pytest.raises(SettingsError, match=r"buttons\.0 \(Bad\): a link begins with https://"):
        button_templates(load_settings(file))
