"""What can go wrong, as one tree.

A door translates the errors of its library into one of these and keeps the cause
(``raise ... from``). The text is for the person who can act on it: what happened, to what,
what to do.

GitopsBotError
├── SettingsError          a setting is missing or wrong
├── GitHubError            GitHub refused, or could not be reached
│   ├── GitHubUnavailable  no answer, 5xx: try again later
│   ├── GitHubRateLimited  a limit was reached; ``retry_at`` says until when
│   ├── GitHubRefused      401, 403, 404: a token, a right or a name is wrong
│   └── GitHubRejected     422: GitHub does not accept what was asked
├── GitError               fetch, merge or reading a tree failed
│   ├── GitUnavailable     no answer, or a ref has moved on: try again later
│   └── TreeTooLarge       a tree is past the bounds that protect this process
├── ClusterError           the Kubernetes API refused, or could not be reached
│   ├── ClusterUnavailable no answer, expired credentials: try again later
│   └── ClusterRefused     a right is missing
├── RunnerError            the second program failed, not the flux in it
│   └── RunnerUnavailable  it cannot be reached, or went away: try again later
├── SlackError             Slack refused, or could not be reached
│   ├── SlackUnavailable   no answer; whether the call had an effect is not known
│   ├── SlackRateLimited   ``retry_after`` says for how many seconds
│   └── SlackRefused       Slack's own error name is in ``reason``
├── ModelError             there is no answer of a language model
│   └── ModelUnavailable   its provider refused, or could not be reached: ask another one
└── StoreError             the database cannot be used
    └── SchemaTooNew       written by a later version of this program
"""

from datetime import datetime


class GitopsBotError(Exception):
    """The root: everything that this program raises on purpose."""


class SettingsError(GitopsBotError):
    """A setting is missing or wrong; the text names it and shows a right one."""


class GitHubError(GitopsBotError):
    """GitHub refused, or could not be reached."""


class GitHubUnavailable(GitHubError):
    """No answer, or a 5xx. For a write: whether it had an effect is not known."""


class GitHubRateLimited(GitHubError):
    """A primary or secondary limit was reached."""

    def __init__(self, message: str, retry_at: datetime) -> None:
        """Keep until when (aware, UTC) no further request should be made."""
        super().__init__(message)
        self.retry_at = retry_at


class GitHubRefused(GitHubError):
    """401, 403 or 404: a token, a right or a name is wrong."""


class GitHubRejected(GitHubError):
    """422 or 409: GitHub understood and does not accept it, for instance one's own pull request."""


class GitError(GitopsBotError):
    """Fetching, merging or reading a tree failed."""


class GitUnavailable(GitError):
    """No answer, or a ref shows another commit by now: the next tick tries again."""


class TreeTooLarge(GitError):
    """A tree is past the bounds that protect this process."""


class ClusterError(GitopsBotError):
    """The Kubernetes API refused, or could not be reached."""


class ClusterUnavailable(ClusterError):
    """No answer, or the credentials have expired: worth another try."""


class ClusterRefused(ClusterError):
    """A right is missing; the text names it."""


class RunnerError(GitopsBotError):
    """The second program (or its cage) failed, not the flux in it."""


class RunnerUnavailable(RunnerError):
    """The runner cannot be reached, has no room, or went away in the middle: worth another try."""


class SlackError(GitopsBotError):
    """Slack refused, or could not be reached."""


class SlackUnavailable(SlackError):
    """No answer. Whether the call had an effect is not known."""


class SlackRateLimited(SlackError):
    """Slack asks to wait."""

    def __init__(self, message: str, retry_after: float) -> None:
        """Keep for how many seconds no further call of this method should be made."""
        super().__init__(message)
        self.retry_after = retry_after


class SlackRefused(SlackError):
    """Slack answered ``ok: false``."""

    def __init__(self, message: str, reason: str) -> None:
        """Keep Slack's own error name, for instance ``channel_not_found``."""
        super().__init__(message)
        self.reason = reason


class ModelError(GitopsBotError):
    """There is no answer of a language model, or none that can be used; carries the provider's own words."""


class ModelUnavailable(ModelError):
    """The provider refused the call, or could not be reached."""


class StoreError(GitopsBotError):
    """The database cannot be used."""


class SchemaTooNew(StoreError):
    """The database was written by a later version of this program."""
