"""What people may do with a pull request in the channel, and what they did."""

from collections.abc import Sequence

from gitops_bot.models.pull_requests import PullRequest
from gitops_bot.models.records import Decision
from gitops_bot.models.reports import Report
from gitops_bot.rules.cleaning import clean_line
from gitops_bot.rules.decisions import Action, hold_on
from gitops_bot.rules.extra_buttons import ExtraButton
from gitops_bot.views import slack_blocks as block
from gitops_bot.views.slack_blocks import Block
from gitops_bot.views.text import code_span, escape_slack, is_link, short_commit, shorten, slack_link, slack_mention

# ``action_id`` of the menu behind three dots: what is chosen in it says what to do.
MENU = "more"
# Shown below the buttons; older ones stay in the store.
_DECISIONS = 5
# https://docs.slack.dev/reference/block-kit/block-elements/button-element
_ADDRESS_CHARACTERS = 3_000
# In a menu, so that the row of buttons fits on a phone.
_IN_THE_MENU = {
    Action.REQUEST_CHANGES: "Request changes …",
    Action.LOOK: "Run again",
    Action.HOLD: "Hold",
    Action.RELEASE: "Release",
    Action.MERGE: "Merge …",
}


def buttons(report: Report, report_id: str, actions: Sequence[Action]) -> list[Block]:
    """Give the row of buttons for these actions, with a menu for those that are needed less."""
    pull = report.pull_request
    made = {
        Action.TRUST: block.button("Run for this commit", Action.TRUST, report_id, style="primary"),
        Action.APPROVE: block.button(
            f"Approve {short_commit(pull.head_sha)}", Action.APPROVE, report_id, style="primary"
        ),
        Action.COMMENT: block.button("Post diff as comment", Action.COMMENT, report_id),
    }
    elements: list[Block] = [made[action] for action in actions if action in made]
    if Action.VIEW in actions:
        elements += view_button(pull)
    if Action.DIAGNOSE in actions:
        # Behind those that are wide: beside the menu there is room on a phone.
        elements.append(block.button("🤖 Diagnose", Action.DIAGNOSE, report_id))
    choices = [
        (_IN_THE_MENU[action], f"{action} {pull.key if action is Action.LOOK else report_id}")
        for action in actions
        if action in _IN_THE_MENU
    ]
    if choices:
        elements.append(block.overflow(MENU, choices))
    return [block.actions(elements)] if elements else []


def extra_row(extra: Sequence[ExtraButton], report_id: str) -> list[Block]:
    """Give the row of the administrator's own buttons. Slack wants each ``action_id`` once in a row."""
    elements: dict[str, Block] = {}
    for number, one in enumerate(extra):
        label = shorten(one.label, block.BUTTON_CHARACTERS)
        if one.action is not None:
            elements.setdefault(one.action, block.button(label, one.action, report_id))
        elif one.template:
            said = f"{Action.SAY}-{number}"
            elements[said] = block.button(label, said, f"{report_id} {one.template}")
        elif is_link(one.address) and len(one.address) < _ADDRESS_CHARACTERS:
            view = f"{Action.VIEW}-{number}"
            elements[view] = block.button(label, view, address=one.address)
    return [block.actions(list(elements.values()))] if elements else []


def view_button(pull: PullRequest) -> list[Block]:
    """Give the button that leads to GitHub; none when its address is not fit for a link."""
    address = pull.html_url
    if not is_link(address) or len(address) >= _ADDRESS_CHARACTERS:
        return []
    return [block.button("View", Action.VIEW, address=address)]


def deeds(decisions: Sequence[Decision], pull: PullRequest) -> list[Block]:
    """Say who did what: the newest of each action, person and commit. Whether it is on hold comes first."""
    shown = [done for done in decisions if done.outcome == "done" or done.action == Action.WITHDRAW]
    newest = {(done.action, done.commit, done.slack_user): done for done in shown}
    blocks = [block.context(_deed(done, pull)) for done in list(newest.values())[-_DECISIONS:]]
    hold = hold_on(decisions) if pull.state == "open" else None
    if hold is None:
        return blocks
    return [block.section(f"✋ *On hold* by {_who(hold)}: nobody approves or merges it from here."), *blocks]


def _who(done: Decision) -> str:
    if not done.slack_user and not done.github_login:
        return "the gate"
    who = slack_mention(done.slack_user)
    if done.github_login and code_span(done.github_login, ""):
        return f"@{done.github_login} ({who})" if done.slack_user else f"@{done.github_login}"
    return who


def _deed(done: Decision, pull: PullRequest) -> str:
    who, commit = _who(done), code_span(short_commit(done.commit))
    commit += "" if done.commit == pull.head_sha else ", an earlier commit"
    words = escape_slack(clean_line(shorten(done.message, 200)))
    because = f": {words}" if words else ""
    if done.action == Action.WITHDRAW:
        of = f"the approval of {commit} by {who}"
        return f"↩️ Withdrawn: {of}{because}" if done.outcome == "done" else f"⚠️ Could not withdraw {of}{because}"

    def linked(words: str) -> str:
        return slack_link(done.message, words) if is_link(done.message) else words

    said = {
        Action.COMMENT: f"💬 Posted {commit} as a {linked('comment')} by {who}",
        Action.APPROVE: f"✅ Approved {commit} by {who}{because}",
        Action.REQUEST_CHANGES: f"✏️ {linked('Changes requested')} of {commit} by {who}",
        Action.TRUST: f"▶️ Let through {commit} by {who}: this commit may be looked at",
        Action.HOLD: f"✋ Put on hold at {commit} by {who}",
        Action.RELEASE: f"👐 Released at {commit} by {who}",
        Action.MERGE: f"🟣 Merged {commit} by {who}",
        Action.CLEAR: f"🟢 Approved {commit} by the gate, no person{because}",
        Action.SAY: f"📣 Said in the thread for {who}{because}",
    }
    return said[Action(done.action)] if done.action in said else f"{code_span(done.action)} {commit} by {who}"
