"""May this pull request be cleared without a person? Values in, reasons against it out.

Two walls stand before the model, and none of them asks it anything. What a person wrote in a rule must hold in
every part; and there is what no rule can allow. Only where neither has an objection is the model asked, and it
can only refuse: a score is needed on top, it never outweighs anything.

Everything fails closed: what is not known is an objection.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from gitops_bot.models.gates import GateEffect, GateRule, GateVerdict
from gitops_bot.models.opinions import Opinion, Prompt, Said, Score, Usage
from gitops_bot.models.pull_requests import CommitPeople, Permission, PullRequest, Repository
from gitops_bot.models.records import Decision
from gitops_bot.models.reports import Report, Severity
from gitops_bot.rules.chat_marks import has_chat_marks
from gitops_bot.rules.cleaning import has_hidden_characters
from gitops_bot.rules.decisions import changes_wanted_by, hold_on
from gitops_bot.rules.gate_changes import about_changes, own_changes
from gitops_bot.rules.gate_patterns import glob_matches, is_open, name_matches, path_matches
from gitops_bot.rules.opinions import MOST_TRIES, objections_of
from gitops_bot.rules.trust import TrustPolicy, reason_to_hold

# How the reason ends that somebody wants changes, which only GitHub remembers.
CHANGES_WANTED_ON_GITHUB = "asked for changes on GitHub."
# Outcome of an effect that was brought about.
DONE = {GateEffect.STATUS: "a green status", GateEffect.APPROVAL: "approved"}
# Names of reasons that a person still reads; the rest is counted.
_NAMED = 10


@dataclass(frozen=True)
class GatePolicy:
    """What people have decided. ``show_dry_run``: whether messages say what a dry run would have done."""

    enabled: bool = False
    rules: tuple[GateRule, ...] = ()
    show_dry_run: bool = False

    def of(self, repository: Repository) -> tuple[GateRule, ...]:
        """Give the rules for a repository, in the order in which they were written."""
        if not self.enabled:
            return ()
        return tuple(rule for rule in self.rules if name_matches(str(repository), rule.repositories))


def is_meant_for(rule: GateRule, pull: PullRequest) -> bool:
    """Whether a rule is about pull requests of this author at all: of all others people hear nothing."""
    return name_matches(str(pull.repository), rule.repositories) and name_matches(pull.author, rule.authors)


def what_people_say(pull: PullRequest) -> tuple[object, ...]:
    """Give what of a pull request a verdict rests on beside its commits: when it changes, the gate looks again."""
    return pull.head_sha, pull.base_ref, pull.draft, frozenset(pull.labels), pull.title, pull.body, pull.head_ref


@dataclass(frozen=True)
class GateFacts:
    """What a verdict rests on beside report and rule, as it is at ``at``. The defaults are the unfavourable ones."""

    # As GitHub tells it now.
    now: PullRequest
    at: datetime
    # The author's, and who made the commits; None: not known.
    permission: Permission = Permission.NONE
    commit_people: CommitPeople | None = None
    # Whether this is the newest report there is, and the tip of the base branch now.
    is_newest_report: bool = False
    base_tip: str = ""
    # Login that our own reviews are written as.
    own_login: str = ""
    # Who has asked for changes on GitHub and not taken that back; None: not known.
    changes_requested: tuple[str, ...] | None = None
    # Numbers of other open pull requests with the same head commit; None: not known.
    same_head: tuple[int, ...] | None = None
    # All decisions of people so far, oldest first.
    made: tuple[Decision, ...] = ()
    # What a model said of this report, when it was asked for a review.
    opinion: Opinion | None = None
    trust: TrustPolicy = field(default_factory=TrustPolicy)
    # Whether reports of this repository may be sent to a model at all.
    may_be_sent: bool = False
    # Changed files whose text has hidden characters, or cannot be read; None: nobody looked.
    strange_files: tuple[str, ...] | None = None


def objections(report: Report, rule: GateRule, facts: GateFacts, *, cleared_before: bool = False) -> tuple[str, ...]:
    """Give every deterministic reason against clearing, one sentence each; empty: the model may be asked."""
    return objections_of_report(report, rule) + objections_of_facts(report, rule, facts, cleared_before=cleared_before)


def objections_of_report(report: Report, rule: GateRule) -> tuple[str, ...]:
    """Give those that lie in the report alone: nobody has to be asked for them."""
    found = [
        *_about_completeness(report),
        *_about_files(report, rule),
        *_about_findings(report, rule),
        *about_changes(report, rule),
    ]
    return tuple(dict.fromkeys(found))


def objections_of_facts(
    report: Report, rule: GateRule, facts: GateFacts, *, cleared_before: bool = False
) -> tuple[str, ...]:
    """Give those that lie in what is so at this moment.

    ``cleared_before``: this very report and commit were cleared. Then the rule's times, which say when it may act,
    are over and done with; and a base branch that moves on takes nothing back before the next report says what
    that means.
    """
    found = [
        *_about_moment(report, facts, cleared_before=cleared_before),
        *_about_people(rule, facts),
        *_about_texts(report, facts),
        *_about_rule(rule, facts, cleared_before=cleared_before),
        *(objections_of(facts.opinion) if facts.opinion is not None else ()),
    ]
    return tuple(dict.fromkeys(found))


def about_prompt(prompt: Prompt) -> tuple[str, ...]:
    """Give what the model would not see: on a partial view nobody is cleared, so it is not asked."""
    return tuple(f"The model cannot be shown {what}." for what in prompt.missing)


def refused(report: Report, rule: GateRule, at: datetime, reasons: Iterable[str]) -> GateVerdict:
    """Give the verdict where the model was not asked, or where its answer does not matter any more."""
    told = tuple(reasons) or ("Nobody knows why: that is a fault of gitops-bot.",)
    rest = len(told) - _NAMED
    if rest > 0:
        told = (*told[:_NAMED], f"And {rest} more reasons.")
    return _verdict(report, rule, at, cleared=False, reasons=told)


def no_score(report: Report, rule: GateRule, at: datetime, problem: str, usage: Usage, tries: int) -> GateVerdict:
    """Give the verdict where the model was asked and there is no score."""
    verdict = refused(report, rule, at, (f"The model gave no score: {problem}",))
    return replace(verdict, problem=problem, usage=usage, tries=tries)


def scored(report: Report, rule: GateRule, at: datetime, said: Said, prompt: Prompt, tries: int) -> GateVerdict:
    """Give the verdict that a model's answer leads to, where nothing else stood against it."""
    score = usable_score(said.answer)
    if score is None:
        verdict = no_score(report, rule, at, "its answer is no number from 0 to 100.", said.usage, tries)
        return replace(verdict, model=said.model, seconds=said.seconds)
    if unseen := about_prompt(prompt):
        # What is kept of it is no score: nobody may clear by it later.
        verdict = refused(report, rule, at, unseen)
        return replace(verdict, model=said.model, usage=said.usage, seconds=said.seconds, tries=tries)
    reasons = [f"The model's score is {score:g}; {rule.threshold:g} is needed."] if score < rule.threshold else []
    verdict = _verdict(report, rule, at, cleared=not reasons, reasons=tuple(reasons))
    told = said.answer.reasons if isinstance(said.answer, Score) else ()
    return replace(
        verdict, score=score, said=told, model=said.model, usage=said.usage, seconds=said.seconds, tries=tries
    )


def usable_score(answer: object) -> float | None:
    """Give a score from 0 to 100; None for anything else, whatever it looks like."""
    score = answer.score if isinstance(answer, Score) else None
    if isinstance(score, bool) or not isinstance(score, int | float):
        return None
    # Neither NaN nor what is endless is within anything.
    return float(score) if 0 <= score <= 100 else None  # noqa: PLR2004 - what a score is


def is_answered(kept: GateVerdict) -> bool:
    """Whether the model need not be asked again: it gave a score, or was silent often enough."""
    return kept.score is not None or kept.tries >= MOST_TRIES


def not_judged_yet(given: GateVerdict) -> GateVerdict:
    """Give what is kept of an answer before the facts are asked for once more: nobody is cleared by a score alone."""
    if not given.cleared:
        return given
    return replace(given, cleared=False, reasons=("What is so at this moment has to be asked for once more.",))


def is_done(kept: GateVerdict | None, rule: GateRule) -> bool:
    """Whether a rule, as it is now, has cleared this report already, and what follows from that was done."""
    if kept is None or not kept.cleared or kept.cleared_at is None:
        return False
    if (kept.dry_run, kept.effect) != (rule.dry_run, rule.effect):
        return False
    return rule.dry_run or rule.effect is GateEffect.BADGE or kept.outcome in DONE.values()


def verdict(
    report: Report, rule: GateRule, at: datetime, found: tuple[str, ...], kept: GateVerdict | None
) -> GateVerdict:
    """Give the verdict of this moment: no objection, and a score that was given for this very report and commit.

    ``found``: every objection there is now. ``kept``: what came of asking the model, None when it was not asked.
    What it said stays with the verdict, so that it is not asked again when an objection goes away.
    """
    asked = kept is not None and (kept.digest, kept.commit) == (report.digest, report.pull_request.head_sha)
    reasons = list(found)
    if kept is None or not asked:
        return refused(report, rule, at, reasons or ["The model has not been asked yet."])
    score = usable_score(Score(kept.score)) if kept.score is not None else None
    if score is None:
        reasons = reasons or ([f"The model gave no score: {kept.problem}"] if kept.problem else list(kept.reasons))
    elif score < rule.threshold:
        reasons.append(f"The model's score is {score:g}; {rule.threshold:g} is needed.")
    cleared = score is not None and not reasons
    made = _verdict(report, rule, at, cleared=True, reasons=()) if cleared else refused(report, rule, at, reasons)
    return replace(
        made,
        score=score,
        said=kept.said,
        problem=kept.problem,
        model=kept.model,
        usage=kept.usage,
        seconds=kept.seconds,
        tries=kept.tries,
        cleared_at=kept.cleared_at or (at if cleared else None),
    )


def _verdict(report: Report, rule: GateRule, at: datetime, *, cleared: bool, reasons: tuple[str, ...]) -> GateVerdict:
    pull = report.pull_request
    return GateVerdict(
        pull_request=pull.key,
        digest=report.digest,
        commit=pull.head_sha,
        rule=rule.name,
        at=at,
        cleared=cleared,
        reasons=reasons,
        threshold=rule.threshold,
        dry_run=rule.dry_run,
        effect=rule.effect,
    )


def _said(*table: tuple[bool, str]) -> Iterable[str]:
    """Give the words of every line that holds."""
    return (words for holds, words in table if holds)


def _about_moment(report: Report, facts: GateFacts, *, cleared_before: bool) -> Iterable[str]:
    now, shown = facts.now, report.pull_request
    hold, wanted = hold_on(facts.made), changes_wanted_by(facts.made, "")
    asked, same = facts.changes_requested, facts.same_head
    return _said(
        (now.state != "open", "It is not open any more."),
        (now.draft, "It is a draft."),
        (now.key != shown.key, "The report is of another pull request."),
        (now.head_sha != shown.head_sha, f"Its head is {now.head_sha[:7]} now, the report is of {shown.head_sha[:7]}."),
        (now.base_ref != shown.base_ref, f"It goes to {now.base_ref} now, the report was for {shown.base_ref}."),
        (
            not cleared_before and facts.base_tip != report.base_tip,
            f"{now.base_ref} has moved since the report was made.",
        ),
        (not facts.is_newest_report, "There is a newer report."),
        (hold is not None, f"It is on hold by {hold.github_login or hold.slack_user if hold else ''}."),
        (wanted is not None, f"{wanted.github_login if wanted else ''} has asked for changes."),
        (bool(asked), f"{', '.join(asked or ())} {CHANGES_WANTED_ON_GITHUB}"),
        (asked is None, "Whether somebody has asked for changes on GitHub is not known."),
        (same is None, "Whether other pull requests have the same head commit is not known."),
        (bool(same), f"#{same[0] if same else 0} has the same head commit."),
        (not facts.may_be_sent, "Reports of this repository may not be sent to a model (llm.repositories)."),
    )


def _about_people(rule: GateRule, facts: GateFacts) -> Iterable[str]:
    now, people = facts.now, facts.commit_people
    distrust = reason_to_hold(now, facts.permission, facts.trust)
    yield from _said(
        (now.from_fork, f"Its branch lies in {now.head_repository or 'a deleted fork'}."),
        (bool(distrust) and not now.from_fork, distrust),
        (not name_matches(now.author, rule.authors), f"Its author {now.author} is not among those of the rule."),
        (not facts.own_login, "Who we are on GitHub is not known."),
        (now.author.lower() == facts.own_login.lower(), "Its author is the account that gitops-bot itself uses."),
        (people is None, "Who made its commits is not known."),
        # Between two questions somebody may push another commit, and then this one again.
        (people is not None and now.head_sha not in people.commits, "Who made its head commit is not known."),
        (people is not None and not people.complete, "It has more commits than GitHub lists."),
        (people is not None and not people.logins, "GitHub knows nobody who made its commits."),
        (people is not None and people.unknown, "GitHub does not know who made one of its commits."),
        (
            rule.signed_commits and people is not None and not people.verified,
            "One of its commits has no signature that GitHub verified, so whoever may push can have made it.",
        ),
    )
    for login in sorted(people.logins if people else ()):
        # GitHub itself is the committer of what is made on its pages.
        if login != "web-flow" and not name_matches(login, rule.authors):
            yield f"{login}, who made a commit of it, is not among the authors of the rule."


def _about_completeness(report: Report) -> Iterable[str]:
    verdict = report.verdict
    yield from _said(
        (not verdict.complete, f"The report is {verdict}, so not everything was looked at or would be accepted."),
        (not report.clusters, "The report is of no cluster."),
        (not any(own_changes(row) for cluster in report.clusters for row in cluster.rows), "It changes no object."),
    )
    for cluster in report.clusters:
        for one in cluster.left_out:
            if one.at_once:
                yield f"Kustomization {one.id} may be fed by it and was not looked at: {one.reason}"


def _about_files(report: Report, rule: GateRule) -> Iterable[str]:
    changed = report.changed_files
    if not changed:
        yield "Which files it changes is not known."
        return
    built = frozenset(path for cluster in report.clusters for path in cluster.files)
    yield from _each((path for path in changed if path not in built), "{} belongs to no Kustomization.")
    yield from _each((path for path in changed if not path_matches(path, rule.paths)), "{} is not among its paths.")
    if len(changed) > rule.most.files:
        yield f"It changes {len(changed)} files; the rule allows {rule.most.files}."


def _about_texts(report: Report, facts: GateFacts) -> Iterable[str]:
    now, strange = facts.now, facts.strange_files
    if strange is None:
        yield "Whether its files have hidden characters is not known."
    yield from _each(strange or (), "{} cannot be read, or has characters that nobody sees.")
    written = (now.title, now.body, now.author, now.head_ref, now.base_ref, *now.labels, *report.changed_files)
    if any(has_hidden_characters(text.replace("\r\n", "\n")) for text in written):
        yield "What its author wrote has characters that nobody sees."
    if any(has_chat_marks(text) for text in written):
        yield "What its author wrote has marks that only language models read: it speaks to the model."


def _about_rule(rule: GateRule, facts: GateFacts, *, cleared_before: bool) -> Iterable[str]:
    now = facts.now
    labels = {label.lower() for label in now.labels}
    yield from _said(
        (not name_matches(str(now.repository), rule.repositories), f"{now.repository} is not among its repositories."),
        (
            not cleared_before and bool(rule.windows) and not any(is_open(facts.at, one) for one in rule.windows),
            "The rule does not act at this time.",
        ),
    )
    yield from (f"It lacks the label {label}." for label in rule.labels if label.lower() not in labels)
    for label in sorted(labels):
        # Read widely, unlike everything else: who forbids a label with a star means all such labels.
        if any(label == one.lower() or glob_matches(label, one.lower(), "") for one in rule.forbidden_labels):
            yield f"It has the label {label}."


def _about_findings(report: Report, rule: GateRule) -> Iterable[str]:
    for cluster in report.clusters:
        for finding in cluster.all_findings:
            if not finding.risk:
                yield finding.message
            elif not _allowed(finding.severity, rule.risk):
                yield f"A risk is above the limit ({finding.severity}): {finding.message}"


def _allowed(severity: Severity, limit: Severity | None) -> bool:
    """Whether a risk is within the limit; a critical one is within none."""
    return severity is not Severity.CRITICAL and limit is not None and limit.at_least(severity)


def _each(names: Iterable[str], words: str) -> Iterable[str]:
    found = list(names)
    yield from (words.format(name) for name in found[:_NAMED])
    if len(found) > _NAMED:
        yield f"And {len(found) - _NAMED} more files like these."
