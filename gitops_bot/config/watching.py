"""What is looked at, when, and how grave what is found there is."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, field_validator

from gitops_bot.config.section import Patterns, Section, SeverityOrOff
from gitops_bot.models.risks import RISK_CODES


class ArtifactSettings(Section):
    """A source whose contents are made of a folder of a repository, so that pull requests to it can be compared."""

    kind: Literal["OCIRepository", "Bucket", "ExternalArtifact", "GitRepository"]
    namespace: str = Field(min_length=1)
    name: str = Field(min_length=1)
    # owner/name on our GitHub.
    repository: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    branch: str = Field(min_length=1)
    # The folder that is packed, as for `flux push artifact --path`; empty: all of the repository.
    path: str = Field(default="", pattern=r"^((\./)?\.?[\w-][\w.-]*(/\.?[\w-][\w.-]*)*/?)?$")
    # One of ``clusters``; None: in every one that has such a source.
    cluster: str | None = None


class WatchSettings(Section):
    """Which repositories are looked at, and how often."""

    # Seconds between two looks at a repository. A look at an unchanged one costs nothing of the rate limit.
    interval: float = Field(default=30, ge=1, le=3600)
    # owner/name patterns (shell-like); empty: every repository that a GitRepository of the clusters names.
    include: tuple[str, ...] = ()
    # Patterns of repositories to leave out, stronger than ``include``.
    exclude: tuple[str, ...] = ()
    # What fills sources that are no GitRepository, or one that is a mirror of another.
    artifacts: tuple[ArtifactSettings, ...] = ()


class ChoiceSettings(Section):
    """Shell-like patterns; ``*`` goes over slashes, case counts for nothing."""

    # Empty: everything.
    include: Patterns = ()
    # Stronger than ``include``.
    exclude: Patterns = ()


class FilterSettings(Section):
    """Which pull requests people hear of. What has a message keeps it; commit statuses are not filtered."""

    # Changed files. Out when none of them is included, or all of them are excluded.
    paths: ChoiceSettings = ChoiceSettings()
    labels: ChoiceSettings = ChoiceSettings()
    # Logins of GitHub, Apps as renovate[bot].
    authors: ChoiceSettings = ChoiceSettings()
    base_branches: ChoiceSettings = ChoiceSettings()
    drafts: Literal["include", "exclude", "only"] = "include"


class ReviewSettings(Section):
    """When to look, and at what."""

    # Seconds after which a report is looked at again although no commit moved: drift, a new CRD, Flux itself.
    refresh_after: float = Field(default=900, ge=10)
    # Seconds for which base diffs are shared by all pull requests.
    share_base_for: float = Field(default=60, ge=0)
    # Hours that a merge is followed until Flux has applied it; 0: not at all.
    follow_merges_for: float = Field(default=24, ge=0, le=24 * 30)
    # Pull requests that are looked at side by side.
    concurrency: int = Field(default=4, ge=1, le=64)


class IgnoredFieldSettings(Section):
    """Fields that the report leaves out, of the objects that all three patterns (shell-like) fit."""

    # JSON pointers: /metadata/annotations/example.com~1revision, /spec/template/spec/containers/*/image.
    paths: Annotated[tuple[Annotated[str, Field(pattern=r"^(/([^~/]|~[01])*)+$")], ...], Field(min_length=1)]
    kind: str = "*"
    namespace: str = "*"
    name: str = "*"


class RiskSettings(Section):
    """What counts as dangerous. docs/risks.md has every code and its default."""

    # Code of a risk to its severity; off: it is not told.
    severities: Mapping[str, SeverityOrOff] = Field(default_factory=dict)
    # Deletions in one cluster; more than these are a risk of their own.
    prune_limit: int = Field(default=10, ge=0)

    @field_validator("severities")
    @classmethod
    def _codes_are_known(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        strange = sorted(value.keys() - RISK_CODES)
        if strange:
            raise ValueError(f"there is no risk {', '.join(strange)}; known are {', '.join(sorted(RISK_CODES))}")
        return value


class NoiseSettings(Section):
    """What the report leaves out and counts. Never a finding, and never what is deleted or created anew."""

    fields: tuple[IgnoredFieldSettings, ...] = ()
    # Patterns of kinds, such as Lease.
    kinds: tuple[str, ...] = ()
    # Patterns of namespace/name or cluster/namespace/name of Kustomizations.
    kustomizations: tuple[str, ...] = ()
    # Objects: fewer of one Kustomization that only drifted are left out. 0: all drift is shown.
    hide_drift_below: int = Field(default=0, ge=0)
