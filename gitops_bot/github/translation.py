"""Errors of httpx, requests and PyGithub, and GitHub's refusals, turned into ours."""

import ssl
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

import httpx
import requests
import urllib3
from github import GithubException
from github.GithubException import BadAttributeException

from gitops_bot import telemetry
from gitops_bot.errors import GitHubError, GitHubRefused, GitHubRejected, GitHubUnavailable

# Everything that httpx raises.
HTTPX_ERRORS = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, httpx.CookieConflict)
# Everything that PyGithub lets through: its own, those of requests and urllib3, a 2xx that is no JSON
# (ValueError), a redirect that it does not follow (RuntimeError), a URL that it does not expect (AssertionError).
PYGITHUB_ERRORS = (
    GithubException,
    BadAttributeException,
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    OSError,
    ValueError,
    RuntimeError,
    AssertionError,
)

_WORDS_SHOWN = 500


class NotThere(GitHubRefused):
    """404 or 410: there is no such thing, or the token may not see it."""


class TokenRefused(GitHubRefused):
    """401: GitHub does not know the token, or not any more."""


_TIMEOUTS = (httpx.TimeoutException, requests.Timeout, TimeoutError)
_PROXY = (httpx.ProxyError, requests.exceptions.ProxyError)
_ADDRESS = (
    httpx.InvalidURL,
    httpx.UnsupportedProtocol,
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
    requests.exceptions.URLRequired,
)


def broken(error: BaseException, subject: str) -> GitHubError:
    """Say what an answer that never came means. Says nothing of headers: one of them is the token."""
    if isinstance(error, _ADDRESS):
        return GitHubError(f"{subject}: the address of GitHub cannot be used. Check github.api_url.")
    if any(isinstance(cause, ssl.SSLError) for cause in _causes(error)):
        return GitHubUnavailable(
            f"{subject}: GitHub's certificate is not trusted. {_reason(error)} Set network.ca_file."
        )
    if isinstance(error, _PROXY):
        return GitHubUnavailable(f"{subject}: the proxy did not let it through. {_reason(error)} Check network.proxy.")
    if isinstance(error, _TIMEOUTS):
        return GitHubUnavailable(f"{subject}: GitHub did not answer in time.")
    return GitHubUnavailable(
        f"{subject}: no usable answer from GitHub ({type(error).__name__}). {_reason(error)}".strip()
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        yield error
        seen.append(error)
        # requests and urllib3 hand the true one on as an argument only.
        inner = next((part for part in error.args if isinstance(part, BaseException)), None)
        error = error.__cause__ or error.__context__ or inner or getattr(error, "reason", None)
        if not isinstance(error, BaseException):
            return


def _reason(error: BaseException) -> str:
    """Give the operating system's own words, which say the most."""
    found = ""
    for cause in _causes(error):
        words = getattr(cause, "verify_message", None) or getattr(cause, "strerror", None)
        if isinstance(cause, OSError) and isinstance(words, str) and words:
            found = f"{telemetry.without_tokens(words)}."
    return found


def words_of(document: Any) -> str:
    """Give GitHub's own words: the message and the list of errors.

    https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api#validation-failed
    """
    if not isinstance(document, Mapping):
        return ""
    errors = document.get("errors") or []
    entries = errors if isinstance(errors, list) else [errors]
    found = [str(document.get("message") or ""), *map(_error_words, entries)]
    text = "; ".join(dict.fromkeys(word for word in found if word))
    return telemetry.without_tokens(" ".join(text.split()))[:_WORDS_SHOWN]


def _error_words(entry: Any) -> str:
    if not isinstance(entry, Mapping):
        return str(entry)
    if entry.get("message"):
        return str(entry["message"])
    return " ".join(str(entry[name]) for name in ("resource", "field", "code") if entry.get(name))


def refusal(status: int, words: str, subject: str) -> GitHubError:
    """Say what a status of 300 and more means, limits apart."""
    said = f"GitHub said {status}{': ' + words if words else ''}."
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return GitHubUnavailable(f"{subject}: {said}")
    if status == HTTPStatus.UNAUTHORIZED:
        return TokenRefused(f"{subject}: {said} The token is wrong or has expired: replace github.token_file.")
    if status in {HTTPStatus.FORBIDDEN, HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS}:
        return GitHubRefused(f"{subject}: {said} The token lacks a right, or is not let into this organisation.")
    if status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        return NotThere(f"{subject}: {said} There is no such thing, or the token may not see it.")
    if status < HTTPStatus.BAD_REQUEST:
        return GitHubUnavailable(f"{subject}: {said} That is no answer to the question. Check github.api_url.")
    return GitHubRejected(f"{subject}: {said}")
