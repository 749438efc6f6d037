"""Whose GitHub account is whose, as administrators have written it down: in the settings, and in a file of its own.

The file may be replaced while the bot runs (a ConfigMap, a list that somebody generates): it is
read again when it has changed. A file that cannot be read lets nobody decide, and says so.
"""

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path

import yaml

from gitops_bot.errors import SettingsError

_SLACK_ID = re.compile(r"[UW][A-Z0-9]{2,20}")
_LOGIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,98}[A-Za-z0-9_])?")


class People:
    """Slack user id to GitHub login."""

    def __init__(self, settings: Mapping[str, str], file: Path | None = None) -> None:
        """``settings`` win over the file."""
        self._settings = dict(settings)
        self._file = file
        # What the file was when it was read: inode, size and time of change.
        self._seen: tuple[int, int, int] | None = None
        self._read: Mapping[str, str] = {}

    async def known(self) -> Mapping[str, str]:
        """Everybody who is known at this moment; SettingsError when the file cannot be read or is no such list."""
        if self._file is None:
            return self._settings
        return {**await asyncio.to_thread(self._from_file, self._file), **self._settings}

    def _from_file(self, file: Path) -> Mapping[str, str]:
        try:
            about = file.stat()
            seen = (about.st_ino, about.st_size, about.st_mtime_ns)
            if seen != self._seen:
                self._read = read_people(file.read_text(encoding="utf-8"), str(file))
                self._seen = seen
        except (OSError, UnicodeDecodeError) as error:
            self._seen = None
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            words = f"people_file: cannot read {file}: {reason}. Nobody in it may decide until then."
            raise SettingsError(words) from error
        except SettingsError:
            self._seen = None
            raise
        return self._read


def read_people(text: str, name: str) -> Mapping[str, str]:
    """Read ``U0123456789: octocat``, one person a line (YAML); SettingsError names what is wrong."""
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SettingsError(f"people_file: {name} is not valid YAML: {error}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise SettingsError(f"people_file: {name} has to be a list of people, for example 'U0123456789: octocat'.")
    for user, login in content.items():
        if not (isinstance(user, str) and _SLACK_ID.fullmatch(user)):
            raise SettingsError(f"people_file: {name}: {str(user)[:40]!r} is no Slack user id, such as U0123456789.")
        if not (isinstance(login, str) and _LOGIN.fullmatch(login)):
            raise SettingsError(f"people_file: {name}: what stands for {user} is no GitHub login, such as octocat.")
    return content
