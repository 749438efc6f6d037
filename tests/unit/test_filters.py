"""The truth table of the filters: nothing set, include, exclude, both."""

from dataclasses import replace

import pytest
from sample_reports import pull_request

from gitops_bot.rules.filters import Choice, Drafts, FilterPolicy, left_out, left_out_by_paths

PULL = replace(pull_request(), author="renovate[bot]", labels=("web", "Urgent"), base_ref="release/1.2", draft=True)


@pytest.mark.parametrize(
    ("include", "exclude", "values", "taken"),
    [
        ((), (), (), True),
        ((), (), ("a",), True),
        (("a",), (), ("a",), True),
        (("a",), (), ("b",), False),
        (("a",), (), (), False),
        ((), ("a",), ("a",), False),
        ((), ("a",), ("b",), True),
        ((), ("a",), ("a", "b"), False),
        ((), ("a",), (), True),
        (("a",), ("b",), ("a", "b"), False),
        (("a", "c"), ("b",), ("c",), True),
        (("A*",), (), ("abc",), True),
        (("renovate[bot]",), (), ("renovate[bot]",), True),
        (("renovate[bot]",), (), ("renovateb",), False),
        (("*[bot]",), (), ("Renovate[bot]",), True),
    ],
)
def test_a_choice(include: tuple[str, ...], exclude: tuple[str, ...], values: tuple[str, ...], taken: bool) -> None:  # noqa: FBT001
    assert Choice(include, exclude).takes(values) is taken


@pytest.mark.parametrize(
    ("policy", "name"),
    [
        (FilterPolicy(), ""),
        (FilterPolicy(authors=Choice(exclude=("renovate*",))), "filters.authors"),
        (FilterPolicy(authors=Choice(include=("alice", "renovate*"))), ""),
        (FilterPolicy(authors=Choice(include=("alice",))), "filters.authors"),
        (FilterPolicy(base_branches=Choice(include=("main", "release/*"))), ""),
        (FilterPolicy(base_branches=Choice(include=("main",))), "filters.base_branches"),
        (FilterPolicy(base_branches=Choice(exclude=("release/*",))), "filters.base_branches"),
        (FilterPolicy(labels=Choice(include=("urgent",))), ""),
        (FilterPolicy(labels=Choice(include=("db",))), "filters.labels"),
        (FilterPolicy(labels=Choice(exclude=("web",))), "filters.labels"),
        (FilterPolicy(labels=Choice(include=("web",), exclude=("urgent",))), "filters.labels"),
        (FilterPolicy(drafts=Drafts.INCLUDE), ""),
        (FilterPolicy(drafts=Drafts.EXCLUDE), "filters.drafts"),
        (FilterPolicy(drafts=Drafts.ONLY), ""),
    ],
)
def test_what_leaves_a_pull_request_out(policy: FilterPolicy, name: str) -> None:
    assert left_out(PULL, policy) == name


def test_one_that_is_no_draft() -> None:
    ready = replace(PULL, draft=False)
    assert left_out(ready, FilterPolicy(drafts=Drafts.EXCLUDE)) == ""
    assert left_out(ready, FilterPolicy(drafts=Drafts.ONLY)) == "filters.drafts"


@pytest.mark.parametrize(
    ("include", "exclude", "changed", "out"),
    [
        ((), (), {"a/b.yaml"}, False),
        (("apps/*",), (), {"apps/web/x.yaml"}, False),
        (("apps/*",), (), {"infra/x.yaml"}, True),
        (("apps/*",), (), {"infra/x.yaml", "apps/x.yaml"}, False),
        ((), ("*.md",), {"README.md", "docs/a/b.md"}, True),
        ((), ("*.md",), {"README.md", "apps/x.yaml"}, False),
        (("apps/*",), ("*.md",), {"apps/README.md"}, True),
        ((), (), set(), False),
    ],
)
def test_paths(include: tuple[str, ...], exclude: tuple[str, ...], changed: set[str], out: bool) -> None:  # noqa: FBT001
    policy = FilterPolicy(paths=Choice(include, exclude))
    assert left_out_by_paths(changed, policy) == ("filters.paths" if out else "")
