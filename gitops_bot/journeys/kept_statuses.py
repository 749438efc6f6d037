"""The statuses that newest reports became: reading hundreds of whole reports at every tick would be repeated work."""

from collections import OrderedDict
from datetime import datetime

from gitops_bot.models.records import PullRequestRecord
from gitops_bot.models.statuses import CommitStatus

# Without its entry a report is read again, which is only work.
_MOST = 2_000


class KeptStatuses:
    """Statuses by the report that they are made of. Lost with the process."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str, datetime | None], tuple[CommitStatus, ...]] = OrderedDict()

    def of(self, record: PullRequestRecord) -> tuple[CommitStatus, ...] | None:
        """Give what the newest report of a pull request became; None: it has not been read yet."""
        return self._kept.get(_key(record))

    def keep(self, record: PullRequestRecord, statuses: tuple[CommitStatus, ...]) -> None:
        """Keep it until many newer ones have come."""
        self._kept[_key(record)] = statuses
        while len(self._kept) > _MOST:
            self._kept.popitem(last=False)


def _key(record: PullRequestRecord) -> tuple[str, str, datetime | None]:
    # A look in silence saves its report under the same id when it says the same.
    return record.report_id, record.work_key, record.looked_at
