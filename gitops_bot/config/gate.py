"""The gate: which pull requests may be cleared without a person, and what that means."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from gitops_bot.config.section import Section, read_off
from gitops_bot.config.times import TimesSettings

# What must be written down has to name something: nothing is meant by leaving it out.
Named = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]


class GateTimeSettings(TimesSettings):
    """When a rule acts (no days: every day). What it cleared stays cleared afterwards."""


class GateSizeSettings(Section):
    """The most that may change; more is for people to read."""

    objects: int = Field(default=10, ge=1)
    fields: int = Field(default=50, ge=1)
    # Lines of the values before and after, and of objects that are made.
    lines: int = Field(default=200, ge=1)
    files: int = Field(default=10, ge=1, le=500)


class GateRuleSettings(Section):
    """One rule. Everything in it must hold, and everything that no rule can allow must be absent."""

    # What people see: "cleared by image-updates".
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")
    # Patterns (* within a step, ** over steps, ? one character): owner/name.
    repositories: Named
    # Every changed file must match one.
    paths: Named
    # Every changed object must match one: Deployment, or Deployment.apps.
    kinds: Named
    # Logins; the author and whoever made a commit. "*": everybody who is trusted.
    authors: Named
    # Every commit needs a signature that GitHub verified: who made one is written by whoever makes it, and whoever
    # may push to the branch of a dependency bot can write its name.
    signed_commits: bool = True
    # Every changed field must match one, as the report writes it; empty: any field.
    fields: tuple[str, ...] = ()
    # All of these, and none of those, which may be patterns (* over everything).
    labels: tuple[str, ...] = ()
    forbidden_labels: tuple[str, ...] = ()
    # Empty: always.
    times: tuple[GateTimeSettings, ...] = ()
    most: GateSizeSettings = GateSizeSettings()
    # The gravest risk that is allowed; off: none at all. A critical one is never.
    risk: Annotated[Literal["off", "info", "warning"], BeforeValidator(read_off)] = "info"
    # The least score of the model.
    threshold: float = Field(default=60, ge=0, le=100, allow_inf_nan=False)
    # A line in the message; a commit status; an approving review of the bot's.
    effect: Literal["badge", "status", "approval"] = "badge"
    # Only say what it would have done.
    dry_run: bool = True

    @model_validator(mode="after")
    def _names_repositories(self) -> Self:
        # In other settings a star goes over the slash; here a rule of "*" would be on and mean nothing.
        if wrong := [one for one in self.repositories if "/" not in one and "**" not in one]:
            raise ValueError(f"{wrong[0]!r} matches no repository: write owner/name, such as acme/*")
        return self


class GateSettings(Section):
    """Off until somebody switches it on and writes a rule."""

    enabled: bool = False
    rules: Annotated[tuple[GateRuleSettings, ...], Field(max_length=20)] = ()
    # Whether messages say what a rule on trial would have done. It is kept in any case.
    show_dry_run: bool = False

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [rule.name for rule in self.rules]
        if len(names) != len(set(names)):
            raise ValueError("every rule needs a name of its own")
        return self
