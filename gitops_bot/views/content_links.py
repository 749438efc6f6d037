"""Pages about charts that are not rendered: one old, one new, under words of our own.

An address stands in a link only when it is https; where it came from decided that it may
(rules/helm_contents.py), and it is checked once more here, because a report may be years old.
"""

from dataclasses import dataclass

from gitops_bot.models.changes import ContentChange
from gitops_bot.models.reports import KustomizationReport
from gitops_bot.views.text import code_span, is_link, slack_link


@dataclass(frozen=True)
class Links:
    """The pages of one chart: (words, address)."""

    name: str
    pages: tuple[tuple[str, str], ...]

    def in_slack(self) -> str:
        """Give mrkdwn."""
        return f"🔗 {self.name}: {' · '.join(slack_link(address, words) for words, address in self.pages)}"

    def in_markdown(self) -> str:
        """Give markdown."""
        return f"🔗 {self.name}: {' · '.join(f'[{words}]({address})' for words, address in self.pages)}"


def links_of(row: KustomizationReport, most: int) -> list[Links]:
    """Give the pages of the first ``most`` charts of a row that have any."""
    found = [Links(code_span(str(change.object), "a chart"), pages_of(change)) for change in row.contents]
    return [links for links in found if links.pages][:most]


def pages_of(change: ContentChange) -> tuple[tuple[str, str], ...]:
    """Give the pages of one chart; the same one only once."""
    before, after = (version.link if version else "" for version in (change.before, change.after))
    pages = [("where it comes from", after)] if before == after else [("before", before), ("after", after)]
    return tuple((words, address) for words, address in pages if address.startswith("https://") and is_link(address))
