"""A real model for all tests here, and a table of what it was asked at the end. Not part of `make test`."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from real_model import ModelServer, running_model

from gitops_bot.models.opinions import Reply, Usage

_ONE_ANSWER = 2
_WIDTH = 110


@dataclass
class Calls:
    """The table that the run prints: way, seconds, tokens, and what became of it."""

    rows: list[tuple[str, str, str, str]] = field(default_factory=list)

    def add(self, way: str, seconds: float, used: Usage, outcome: str) -> None:
        """Write a row down."""
        tokens = f"{used.prompt_tokens:,} + {used.answer_tokens:,}"
        self.rows.append((way, f"{seconds:.1f}", tokens, outcome[:_WIDTH]))

    def reply(self, way: str, reply: Reply, seconds: float) -> None:
        """Write down what a question came to."""
        left_out = f", {reply.dropped} findings left out" if reply.dropped else ""
        # The first call is the one that the server refuses.
        repaired = " after one repair" if reply.usage.calls > _ONE_ANSWER else ""
        kept = f"fits the schema{repaired}{left_out}"
        self.add(way, seconds, reply.usage, f"none: {reply.problem}" if reply.problem else kept)


_CALLS = pytest.StashKey[Calls]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_CALLS] = Calls()


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    with running_model(tmp_path_factory.mktemp("model")) as server:
        yield server


@pytest.fixture
def calls(request: pytest.FixtureRequest) -> Calls:
    return request.config.stash[_CALLS]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    terminalreporter.section("what the model was asked")
    for way, seconds, tokens, outcome in (("way", "seconds", "tokens", "answer"), *config.stash[_CALLS].rows):
        terminalreporter.write_line(f"{way:<34} {seconds:>8} {tokens:>14}  {outcome}")
