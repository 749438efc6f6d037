"""What the channel shows of a pull request: one message, and a file in its thread for what has no room.

Every function takes the ``key`` that the message is found by and gives a ChatMessage within
Slack's limits, whatever the report says.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence

from gitops_bot.models.chat import ChatFile, ChatMessage
from gitops_bot.models.gates import GateVerdict
from gitops_bot.models.opinions import Opinion, Votes
from gitops_bot.models.outcomes import Outcome
from gitops_bot.models.pull_requests import PullRequest, Repository
from gitops_bot.models.records import Decision
from gitops_bot.models.reports import Report, Severity
from gitops_bot.rules.cleaning import clean_line
from gitops_bot.rules.decisions import Action
from gitops_bot.rules.extra_buttons import ExtraButton
from gitops_bot.views import slack_actions
from gitops_bot.views import slack_blocks as block
from gitops_bot.views.gates import gate_blocks
from gitops_bot.views.html_report import html_report
from gitops_bot.views.json_report import content_to_digest
from gitops_bot.views.opinion_json import opinion_json
from gitops_bot.views.opinions import is_cut, opinion_blocks
from gitops_bot.views.outcomes import outcome_blocks
from gitops_bot.views.risks import RiskGroup, one_line, risk_groups, risk_lines, risk_title
from gitops_bot.views.slack_blocks import Block
from gitops_bot.views.slack_details import Details, Room, details
from gitops_bot.views.summary import Tally, headline, remarks, sign, tally
from gitops_bot.views.text import code_span, escape_slack, short_commit, shorten, slack_link, slack_mention
from gitops_bot.views.words import as_of, plural, progress, verdict_words

_TEXT_CHARACTERS = 600
_PROBLEM_CHARACTERS = 1_500
_LISTED = 20
# Few enough for one section, and for a person's first glance.
_RISKS = 5
_RISK_CHARACTERS = 240
# For the line that counts what is missing.
_RESERVE = 300


def review_message(
    report: Report,
    *,
    key: str,
    report_id: str,
    actions: Sequence[Action] = (Action.COMMENT, Action.VIEW),
    decisions: Sequence[Decision] = (),
    called: Sequence[str] = (),
    outlook: str = "",
    extra: Sequence[ExtraButton] = (),
    outcomes: Sequence[Outcome] = (),
    opinion: Opinion | None = None,
    votes: Votes | None = None,
    gate: Sequence[GateVerdict] = (),
) -> tuple[ChatMessage, tuple[ChatFile, ...]]:
    """Show a report, what people did with it, and what they may do now.

    ``called``: Slack ids to be mentioned; ``outlook``: what an approval will be worth, in our own words;
    ``outcomes``: what has become of the merge; ``opinion``: what a model says of the report; ``votes``: of that;
    ``gate``: what the rules of the gate came to.

    The state of ``report.pull_request`` (open, closed, merged, draft) is what the message shows.
    The file is there when something is not in the message, and its name is made of what was found.
    """
    pull, counts = report.pull_request, tally(report.clusters)
    risks = risk_groups(report)
    head = [*_heading(pull, report), *outcome_blocks(outcomes), _summary(report, counts), *_risks(risks)]
    head += gate_blocks(gate)
    tail = [
        # After the report: it is in nobody's way.
        *opinion_blocks(opinion, votes, report_id=report_id),
        *([block.context(outlook)] if outlook else []),
        *slack_actions.buttons(report, report_id, actions),
        *slack_actions.extra_row(extra, report_id),
        *slack_actions.deeds(decisions, pull),
        *_called(called),
    ]
    room = Room(
        block.MESSAGE_BLOCKS - len(head) - len(tail) - 1,
        block.MESSAGE_CHARACTERS - block.measure(head) - block.measure(tail) - _RESERVE,
    )
    middle = details(report, room)
    files = _files(report, middle, opinion, needed=bool(counts.origins) or len(risks) > _RISKS)
    if files:
        missing = f"Not shown here: {middle.missing}. " if middle.missing else ""
        tail.insert(0, block.context(f"📎 {missing}The file in the thread has everything, drift included."))
    said = f"{headline(report.verdict, counts)}. {verdict_words(report.verdict, len(report.clusters))}"
    where = ", ".join(cluster.cluster for cluster in report.clusters)
    text = f"{_name(pull)} {clean_line(pull.title)}: {said} ({where}) {one_line(risks)}".rstrip()
    message = ChatMessage(_fallback(text), (*head, *middle.blocks, *tail), key)
    return message, files


def _called(ids: Sequence[str]) -> list[Block]:
    """Mention people and groups: https://docs.slack.dev/messaging/formatting-message-text#mentioning-groups."""
    names = [f"<!subteam^{one}>" if one.startswith("S") else slack_mention(one) for one in ids]
    return [block.context(f"Please look: {' '.join(names)}")] if names else []


def command_message(text: str) -> ChatMessage:
    """Say what a button of the administrator's says; whatever in it is not theirs is escaped already."""
    return ChatMessage(text, (block.section(text),))


def progress_message(pull_request: PullRequest, done: int = 0, total: int = 0, *, key: str) -> ChatMessage:
    """Show that a pull request is being looked at; ``total`` 0: what it touches is not known yet."""
    said = progress(done, total)
    blocks = [*_heading(pull_request), block.section(f"👀 *{said[0].upper()}{said[1:]} …*")]
    return ChatMessage(_fallback(f"{_name(pull_request)} {clean_line(pull_request.title)}: {said}"), (*blocks,), key)


def failure_message(pull_request: PullRequest, problem: str, *, key: str, gives_up: bool = False) -> ChatMessage:
    """Show that a pull request could not be looked at, in the words of the error, which say what to do."""
    then = "It is left alone until it moves or somebody asks." if gives_up else "It is tried again."
    blocks = [
        *_heading(pull_request),
        block.section(f"⚠️ *This could not be looked at. Nothing is known of what it does.* {then}"),
        block.foreign_section(shorten(problem, _PROBLEM_CHARACTERS)),
    ]
    buttons: list[Block] = [block.button("Look again", Action.LOOK, pull_request.key)] if gives_up else []
    buttons += slack_actions.view_button(pull_request)
    blocks += [block.actions(buttons)] if buttons else []
    text = f"{_name(pull_request)} {clean_line(pull_request.title)}: could not be looked at"
    return ChatMessage(_fallback(text), (*blocks,), key)


def problem_message(subject: str, problem: str, *, key: str, may_ask: bool = False) -> ChatMessage:
    """Show that something outside keeps us from looking; with no ``problem``, that it is over.

    ``may_ask``: whether a model may be asked what is wrong.
    """
    if not problem:
        blocks = [block.section("✅ *It works again.*"), block.foreign_section(_first_large(subject))]
        return ChatMessage(_fallback(f"It works again: {clean_line(subject)}"), (*blocks,), key)
    blocks = [
        block.section("⚠️ *Something keeps me from looking at pull requests.* Other ones go on."),
        block.foreign_section(f"{_first_large(subject)}:\n{shorten(problem, _PROBLEM_CHARACTERS)}"),
        *([block.actions([block.button("🤖 Diagnose", Action.EXPLAIN, key)])] if may_ask else []),
    ]
    return ChatMessage(_fallback(f"Problem: {clean_line(subject)}: {clean_line(problem)}"), (*blocks,), key)


def open_pull_requests_message(
    repository: Repository, pull_requests: Iterable[PullRequest], *, key: str
) -> ChatMessage:
    """List what was open before we came: each gets its own message when it moves or is asked for here."""
    pulls = sorted(pull_requests, key=lambda pull: -pull.number)
    were = "was" if len(pulls) == 1 else "were"
    said = f"{plural(len(pulls), 'pull request')} {were} open already"
    lines = [f"#{pull.number}  {shorten(clean_line(pull.title), 80)}  ({clean_line(pull.author)})" for pull in pulls]
    rest = len(lines) - _LISTED
    lines = lines[:_LISTED] + ([f"… and {rest:,} more"] if rest > 0 else [])
    choices = [(f"#{pull.number} {pull.title}", pull.key) for pull in pulls]
    ask = block.menu("Look at one now …", Action.LOOK, choices)
    blocks = [
        block.section(f"👋 *{said} in {code_span(str(repository))}.* Each gets a message of its own when it moves."),
        block.foreign_section("\n".join(lines)),
        *([block.actions([ask])] if ask["options"] else []),
    ]
    return ChatMessage(_fallback(f"{said} in {repository}"), (*blocks,), key)


def _first_large(words: str) -> str:
    return clean_line(words[:1].upper() + words[1:])


def _fallback(text: str) -> str:
    return escape_slack(shorten(text, _TEXT_CHARACTERS))


def _name(pull: PullRequest) -> str:
    return f"{pull.repository}#{pull.number}"


def _heading(pull: PullRequest, report: Report | None = None) -> list[Block]:
    """Give title, link, author, commits and state."""
    commits = code_span(short_commit(pull.head_sha))
    onto = f" onto {code_span(pull.base_ref, 'another branch')}"
    tip = f" {code_span(short_commit(report.base_tip))}" if report else ""
    said = [slack_link(pull.html_url, _name(pull)), f"by {code_span(pull.author, 'somebody')}", commits + onto + tip]
    if report:
        said.append(as_of(report.looked_at))
    states = [words for words, holds in (("📝 draft", pull.draft), ("🍴 from a fork", pull.from_fork)) if holds]
    if pull.state != "open":
        states.insert(0, "🟣 *merged*" if pull.merged else "⚫ *closed*")
    return [block.header(f"{pull.title}"), block.context(" · ".join([*states, *said]))]


def _summary(report: Report, counts: Tally) -> Block:
    """Give what a person grasps at a glance: which objects, destroyed or not, whose fault, accepted or not."""
    only = report.clusters[0].cluster if len(report.clusters) == 1 else ""
    where = f" in {code_span(only)}" if only else f" in {plural(len(report.clusters), 'cluster')}"
    lines = [f"{sign(report.verdict, counts)} *{headline(report.verdict, counts)}*{where}."]
    lines += [verdict_words(report.verdict, len(report.clusters)), *remarks(counts)]
    if critical := counts.severities[Severity.CRITICAL] - counts.risks[Severity.CRITICAL]:
        lines.append(f"⛔ {plural(critical, 'critical finding')}.")
    return block.section("\n".join(lines))


def _risks(groups: Sequence[RiskGroup]) -> list[Block]:
    """Give what a person must not miss."""
    if not groups:
        return []
    lines = risk_lines(groups, most=_RISKS, width=_RISK_CHARACTERS)
    return [block.section(f"*{risk_title(groups)}*"), block.foreign_section("\n".join(lines))]


def _files(report: Report, middle: Details, opinion: Opinion | None, *, needed: bool) -> tuple[ChatFile, ...]:
    cut = is_cut(opinion)
    if not (middle.missing or needed or cut):
        return ()
    pull = report.pull_request
    # Of what was found alone: neither a later look nor a base branch that moved on asks for another file.
    commit, digest = short_commit(pull.head_sha), _short_digest(content_to_digest(report))
    name = known = f"{pull.repository.name}-{pull.number}-{commit}-{digest}"
    if cut:
        # The page was there before the model had answered. One that lacks nothing of it in the message stays.
        name = f"{known}-{_short_digest(json.dumps(opinion_json(opinion), sort_keys=True))}"
    page = html_report(report, opinion).encode()
    return (
        ChatFile(f"{name}.html", f"Everything about {commit}", page, "html", replaces=f"{known}.html" if cut else ""),
    )


def _short_digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
