"""The environment of every git process, built from nothing.

No file of this machine and nothing that a repository carries may configure git: everything that git
may know stands here. It travels in the environment, not in the arguments, because those can be read
by everybody on the machine, and because one of the values is a token.
"""

import base64
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from gitops_bot.errors import GitError

# ssh would need keys, known hosts and a program of its own; git:// has neither proof nor secrecy.
_SCHEMES = frozenset({"https", "http", "file"})

# Programs that git calls by name lie in its own folder; these are for the shell scripts among them.
_PATH = "/usr/local/bin:/usr/bin:/bin"

_ALWAYS: Mapping[str, str] = {
    # Nothing that is not git itself is started.
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.attributesFile": "/dev/null",
    "core.askPass": "",
    "credential.helper": "",
    "safe.bareRepository": "explicit",
    # One transport, the one that is configured (see for_source), and no way to another.
    "protocol.allow": "never",
    "http.followRedirects": "false",
    # A connection that delivers less than this for so many seconds is dead.
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "60",
    # What arrives is checked before it is kept.
    "transfer.fsckObjects": "true",
    "transfer.credentialsInUrl": "die",
    # Faults of old git versions and importers, harmless and common in long histories; the same
    # three that GitLab tolerates (gitaly's configuration of git).
    "fetch.fsck.zeroPaddedFilemode": "ignore",
    "fetch.fsck.badTimezone": "ignore",
    "fetch.fsck.missingSpaceBeforeDate": "ignore",
    # What a fetch brings is one file, which has a limit; loose objects would be a hundred files.
    "fetch.unpackLimit": "1",
    "fetch.recurseSubmodules": "false",
    "submodule.recurse": "false",
    # Tidying up happens when we ask for it, and within a bounded memory.
    "gc.auto": "0",
    "maintenance.auto": "false",
    "gc.autoDetach": "false",
    "pack.threads": "1",
    "pack.windowMemory": "256m",
    # Larger files are streamed instead of being held.
    "core.bigFileThreshold": "32m",
    "core.logAllRefUpdates": "false",
}


@dataclass(frozen=True)
class Source:
    """Where to fetch from, and how. The token is for this one origin; secrets are left out of repr."""

    url: str
    token: str | None = field(default=None, repr=False)
    # Its address may hold a password.
    proxy: str | None = field(default=None, repr=False)
    # Trusted besides the system's folder of certificates (tried with Debian's git and libcurl).
    ca_file: Path | None = None

    @property
    def scheme(self) -> str:
        """The transport; GitError when it is none of those that can be used safely."""
        scheme = urlsplit(self.url).scheme
        if scheme not in _SCHEMES:
            raise GitError(
                f"git cannot fetch over {scheme or 'a path'!r} here. Set github.html_url to an address with https://."
            )
        return scheme

    @property
    def authorization(self) -> str:
        """The header's value. GitHub takes any user name with a token; it suggests this one.

        https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/authenticating-as-a-github-app-installation
        """
        return "Basic " + base64.b64encode(f"x-access-token:{self.token}".encode()).decode("ascii")

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be repeated to anybody, in each form in which it leaves this process."""
        return (self.token, self.authorization.removeprefix("Basic ")) if self.token else ()


def find_git() -> str:
    """Give the path of the git program; GitError tells that it is missing."""
    found = shutil.which("git")
    if found is None:
        raise GitError("The program git is not on PATH. Install git 2.38 or newer.")
    return found


def environment(git_folder: str, source: Source | None = None) -> dict[str, str]:
    """Build the whole environment of one git process."""
    settings = dict(_ALWAYS)
    if source is not None:
        settings |= _for_source(source)
    variables = {
        "PATH": _PATH,
        # libcurl reads .netrc and git its settings below HOME: there is nothing.
        "HOME": "/nonexistent",
        "LC_ALL": "C",
        "GIT_DIR": git_folder,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_ALLOW_PROTOCOL": source.scheme if source is not None else "none",
        "GIT_CONFIG_COUNT": str(len(settings)),
    }
    for number, (key, value) in enumerate(settings.items()):
        variables[f"GIT_CONFIG_KEY_{number}"] = key
        variables[f"GIT_CONFIG_VALUE_{number}"] = value
    return variables


def _for_source(source: Source) -> dict[str, str]:
    parts = urlsplit(source.url)
    settings = {"remote.source.url": source.url, f"protocol.{source.scheme}.allow": "always"}
    if source.token:
        # Bound to the origin: git sends it nowhere else.
        settings[f"http.{source.scheme}://{parts.netloc}/.extraHeader"] = f"Authorization: {source.authorization}"
    if source.proxy:
        settings["http.proxy"] = source.proxy
    if source.ca_file is not None:
        settings["http.sslCAInfo"] = str(source.ca_file)
    return settings
