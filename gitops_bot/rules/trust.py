"""May this pull request be diffed at all? Rendering what a stranger wrote is where the danger lies."""

from gitops_bot.models.pull_requests import Permission, PullRequest


def reason_to_hold(pull: PullRequest, author_permission: Permission) -> str:
    """Say why a pull request is held; "" when its author may cause a diff: same repository, write permission."""
    if pull.from_fork:
        origin = pull.head_repository or "a fork that was deleted"
        return f"The branch lies in {origin}, not in {pull.repository}."
    if not author_permission.may_write:
        return f"{pull.author} has the permission '{author_permission}' in {pull.repository}; write is needed."
    return ""
