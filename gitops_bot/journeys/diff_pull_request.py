"""``gitops-bot diff URL``: look at one pull request, and tell nobody but who asked."""

import re
from urllib.parse import urlsplit

from gitops_bot.errors import SettingsError
from gitops_bot.journeys.look_at_pull_request import look_at_pull_request
from gitops_bot.journeys.ports import Eyes
from gitops_bot.journeys.progress_board import ProgressBoard
from gitops_bot.models.pull_requests import Repository
from gitops_bot.models.reports import Report

_PATH = re.compile(r"^/(?P<owner>[\w.-]+)/(?P<name>[\w.-]+)/pull/(?P<number>[1-9]\d*)(/.*)?$", re.ASCII)


def pull_request_of(url: str, github_url: str) -> tuple[Repository, int]:
    """Read the address of a pull request; SettingsError when it is none, or of another GitHub."""
    address, ours = urlsplit(url), urlsplit(github_url)
    match = _PATH.match(address.path)
    if match is None:
        raise SettingsError(f"{url} is not the address of a pull request. For example: {github_url}/owner/name/pull/7")
    if address.netloc.lower() != ours.netloc.lower():
        raise SettingsError(f"{url} is not on {github_url}; github.html_url says which GitHub is meant.")
    return Repository(match["owner"], match["name"]), int(match["number"])


async def diff_pull_request(eyes: Eyes, repository: Repository, number: int, board: ProgressBoard) -> Report:
    """Report on a pull request as it is now."""
    pull = await eyes.github.pull_request(repository, number)
    tip = await eyes.github.branch_tip(repository, pull.base_ref)
    return await look_at_pull_request(eyes, pull, tip, board)
