"""Every error of the libraries has its place in our tree, and what is remembered stays bounded."""

import inspect
import re
from collections.abc import Iterator

import github.GithubException
import httpx
import pytest
import requests
import urllib3.exceptions

from gitops_bot.errors import GitHubError
from gitops_bot.github.credentials import Credential
from gitops_bot.github.translation import HTTPX_ERRORS, PYGITHUB_ERRORS, broken, refusal, words_of
from gitops_bot.github.validators import KeptAnswer, Validators


def _classes(module: object) -> Iterator[type[Exception]]:
    for _, found in inspect.getmembers(module, inspect.isclass):
        # urllib3 imports one of http.client's, to wrap it.
        if issubclass(found, Exception) and not issubclass(found, Warning) and found.__module__ != "http.client":
            yield found


@pytest.mark.parametrize("kind", sorted(_classes(httpx), key=str))
def test_every_error_of_httpx_is_caught_and_translated(kind: type[Exception]) -> None:
    assert issubclass(kind, HTTPX_ERRORS)
    assert isinstance(broken(kind.__new__(kind), "The list"), GitHubError)


@pytest.mark.parametrize(
    "kind",
    sorted({*_classes(github.GithubException), *_classes(requests.exceptions), *_classes(urllib3.exceptions)}, key=str),
)
def test_every_error_of_pygithub_and_below_is_caught_and_translated(kind: type[Exception]) -> None:
    assert issubclass(kind, PYGITHUB_ERRORS)
    translated = broken(kind.__new__(kind), "A comment")
    assert isinstance(translated, GitHubError)
    assert "A comment" in str(translated)


@pytest.mark.parametrize("status", range(300, 600))
def test_every_refusal_has_an_error(status: int) -> None:
    error = refusal(status, "words", "The list")
    assert isinstance(error, GitHubError)
    assert type(error) is not GitHubError
    assert re.match(rf"The list: GitHub said {status}: words\.", str(error))


@pytest.mark.parametrize(
    "document", [None, [], "text", {}, {"message": None, "errors": None}, {"errors": [None, {}, []]}]
)
def test_words_are_found_in_no_nonsense(document: object) -> None:
    assert isinstance(words_of(document), str)


def test_words_are_bounded_and_on_one_line() -> None:
    said = words_of({"message": "a\nb" * 1000, "errors": ["x ghp_0123456789abcdef y"]})
    assert len(said) <= 500
    assert "\n" not in said
    assert words_of({"errors": ["x ghp_0123456789abcdef y"]}) == "x «hidden» y"


def test_a_credential_does_not_show_its_token() -> None:
    assert "ghp_secret" not in repr(Credential("ghp_secret", "print", "account"))


def test_what_is_remembered_is_bounded_and_the_oldest_goes_first() -> None:
    validators = Validators(most_bytes=1000)
    for number in range(20):
        validators.put(f"u{number}", KeptAnswer("t", f'"{number}"', "x" * 50))
        assert validators.get("u0", "t") is not None  # Asked for again and again, so it stays.
    assert validators.get("u1", "t") is None
    assert validators.get("u19", "t") is not None
    validators.put("u0", KeptAnswer("t", '"big"', "x" * 2000))
    assert validators.get("u0", "t") is None
    assert 0 < len(str(validators.export())) < 2000
