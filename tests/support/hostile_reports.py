"""Random reports full of text that tries to be more than text; the same seed gives the same report."""

import random

from sample_reports import pull_request, report

from gitops_bot.models.changes import (
    ContentChange,
    ContentVersion,
    FieldChange,
    Operation,
    Origin,
    ResourceChange,
    SealedChange,
)
from gitops_bot.models.kustomizations import KustomizationId, ObjectReference
from gitops_bot.models.reports import (
    ClusterReport,
    Finding,
    KustomizationReport,
    LeftOut,
    Report,
    RowState,
    Severity,
    Verdict,
)

# In every foreign text, so that a test can tell where foreign text stands.
SENTINEL = "☠"
EVIL = (
    "```",
    "`" * 30,
    "~~~~",
    "\n```\n",
    "</details>",
    "<details open><summary>fake</summary>",
    "<!-- -->",
    "@org/team",
    "#1",
    "closes #2",
    "<!channel>",
    "<@U0123456789>",
    "<https://evil.example|ok>",
    "https://evil.example/?x=1",
    "www.evil.example",
    "![](https://evil.example/?x)",
    "[a]: https://evil.example",
    "\x1b[2J\x1b[1;31m",
    "\r",
    "\x00",
    "\x85",
    "\u2028",
    "\u202e",
    "\u200b\u200d\ufeff",
    "\U000e0041\U000e0042",
    "\ud83d",
    "e" + "\u0301" * 40,
    "👩\u200d👩\u200d👧",
    "🇩🇪🇫🇷",
    "&amp;<>&",
    "*bold* _it_ ~s~",
    "[bold red]markup[/] [link=https://evil.example]x[/link]",
    "{{ 7 * 7 }}{% raw %}",
    "\n+ fake\n- fake\n@@ fake @@\n",
    "long " * 200,
    "x" * 3_000,
    "line\n" * 100,
    "\n\n\n",
    "|a|b|\n|-|-|",
    "    indented",
    "",
)


class Maker:
    """Makes up one report."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - test data

    def text(self) -> str:
        return SENTINEL + "".join(self._random.choices(EVIL, k=self._random.randint(1, 3))) + SENTINEL

    def name(self) -> str:
        plain = f"name-{self._random.randint(0, 9)}"
        return self._random.choice([plain, plain, "a" * 253, "www.evil.example", self.text()])

    def texts(self, most: int = 2) -> tuple[str, ...]:
        return tuple(self.text() for _ in range(self._random.randint(0, most)))

    def finding(self) -> Finding:
        flip = self._random.random
        severity = self._random.choice(list(Severity))
        detail = self.text() if flip() < 0.5 else ""
        return Finding("code", severity, self.text(), self.text(), None, detail, flip() < 0.3, flip() < 0.3)

    def findings(self) -> tuple[Finding, ...]:
        return tuple(self.finding() for _ in range(self._random.choice([0, 0, 0, 1, 2, 8])))

    def field(self) -> FieldChange:
        return FieldChange(
            self.text(), self.text(), self.text(), self.text(), self._random.choice([*Origin, Origin.PULL_REQUEST])
        )

    def change(self) -> ResourceChange:
        subject = ObjectReference(self.text(), self.text(), self.text())
        operation = self._random.choice(list(Operation))
        origin = self._random.choice([*Origin, Origin.PULL_REQUEST, Origin.PULL_REQUEST])
        fields = tuple(self.field() for _ in range(self._random.randint(0, 3)))
        body = self.text() if operation is Operation.CREATE else ""
        unified = self.text() if operation is Operation.CHANGE else ""
        return ResourceChange(subject, operation, origin, fields, body, self.texts(), self.texts(), unified)

    def row(self, cluster: str, objects: int) -> KustomizationReport:
        return KustomizationReport(
            KustomizationId(cluster, self.name(), self.name()),
            self.text(),
            self._random.choice(list(RowState)),
            self.text(),
            tuple(self.change() for _ in range(self._random.randint(0, objects))),
            self.findings(),
            self.texts(),
            contents=tuple(self.content() for _ in range(self._random.choice([0, 0, 1, 5]))),
            sealed=tuple(self.sealed() for _ in range(self._random.choice([0, 0, 1, 5]))),
        )

    def content(self) -> ContentChange:
        subject = ObjectReference(self.text(), self.text(), self.text())
        return ContentChange(subject, self.texts(), self.version(), self.version(), self.text(), self.texts())

    def version(self) -> ContentVersion | None:
        link = self._random.choice(["https://charts.example/a", "javascript:alert(1)", self.text()])
        version = ContentVersion(self.text(), self.text(), ObjectReference("a", "b", self.text()), self.text(), link)
        return self._random.choice([version, version, None])

    def sealed(self) -> SealedChange:
        return SealedChange(self.text(), None, self.texts(), self.texts(), self.texts(), self.texts())

    def left_out(self, cluster: str) -> tuple[LeftOut, ...]:
        return tuple(
            LeftOut(KustomizationId(cluster, self.name(), self.name()), self.text())
            for _ in range(self._random.choice([0, 0, 1, 9]))
        )

    def report(self, clusters: int, kustomizations: int, objects: int) -> Report:
        pull = pull_request(
            self._random.randint(1, 10**6),
            self.text() * self._random.randint(1, 5),
            author=self.name(),
            base_ref=self.name(),
            head_ref=self.text(),
            html_url=self._random.choice([f"https://github.com/a/b/pull/1?{self.text()}", "https://g.example/1"]),
            state=self._random.choice(["open", "closed"]),
            draft=self._random.random() < 0.5,
        )
        made = []
        for number in range(clusters):
            name = f"cluster-{number}"
            rows = tuple(self.row(name, objects) for _ in range(self._random.randint(0, kustomizations)))
            made.append(
                ClusterReport(name, self._random.choice(list(Verdict)), rows, self.findings(), self.left_out(name))
            )
        return report(*made, pull=pull)


def hostile_report(seed: int, *, clusters: int = 1, kustomizations: int = 5, objects: int = 5) -> Report:
    """Make up a report; the numbers are the most there may be of each."""
    return Maker(seed).report(clusters, kustomizations, objects)
