"""What git says when a fetch fails, turned into what it means and what to do."""

import re

from gitops_bot.errors import GitError, GitUnavailable
from gitops_bot.git.program import GitFailed
from gitops_bot.models.pull_requests import Repository

# In this order: the first that matches explains it. {0} is the repository, {1} the pattern's group.
_REFUSED = (
    (
        r"couldn't find remote ref (\S+)",
        "{0} has no {1} any more: the branch or the pull request is gone. If it was deleted, nothing is to be done.",
    ),
    (
        r"(Authentication failed|could not read (?:Username|Password)|Invalid username or|error: 401|error: 403)",
        "GitHub refused to give {0} to git ({1}). The token needs the right to read its contents.",
    ),
    (
        r"(repository \S* ?not found|does not appear to be a git repository|error: 404)",
        "GitHub knows no repository {0}, or the token may not see it ({1}). Check both.",
    ),
    (
        r"(mismatched algorithms[^;]*|unknown object format[^;]*)",
        "{0} uses SHA-256 objects, which GitHub and Flux do not.",
    ),
    (
        r"(?:error: )?(object [0-9a-f]{40}: [^;]*|fsck error[^;]*)",
        "{0} holds an object that git refuses to take over ({1}). Whoever pushed it has to remove it.",
    ),
    (
        r"(No space left on device|Disk quota exceeded)",
        "There is no room for {0}: {1}. Enlarge the volume of store.folder.",
    ),
    (
        # The last is all that is said where the program that writes the pack was stopped.
        r"(died of signal 25|File too large|^fatal: fetch-pack: invalid index-pack output$)",
        "What is to be fetched of {0} is too large: one fetch may bring 8 GiB, and half of what is free on the volume.",
    ),
    (r"(redirect[^;]*)", "{0} has moved ({1}). Give its new address to the GitRepository, as Flux needs it too."),
    (r"(SSL certificate problem[^;]*|certificate verif[^;]*|CAfile[^;]*)", "{0}: {1}. Set network.ca_file."),
    (r"(transport '[^']*' not allowed)", "{0}: {1}. Set github.html_url to an address with https://."),
)


def explain_fetch(repository: Repository, error: GitFailed) -> GitError:
    """Say what a failed fetch means. What is not known to be a refusal is worth another try."""
    for pattern, meaning in _REFUSED:
        if found := re.search(pattern, error.complaint, re.IGNORECASE):
            return GitError(meaning.format(repository, found.group(1)))
    return GitUnavailable(f"{repository} could not be fetched; the next look tries again. {error}")
