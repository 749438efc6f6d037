"""Times of day and days of the week, as several sections of the settings have them."""

from datetime import time
from typing import Literal, Self, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import model_validator

from gitops_bot.config.section import Section

Day = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
DAYS: tuple[str, ...] = get_args(Day)


class TimesSettings(Section):
    """Days, and times of day in a zone."""

    days: tuple[Day, ...] = ()
    # Such as 22:00; both or none. An end before the start is on the next day.
    start: time | None = None
    end: time | None = None
    # A name of the time zone database.
    zone: str = "UTC"

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.start is None) != (self.end is None):
            raise ValueError("start and end belong together")
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"there is no time zone {self.zone!r}") from error
        return self

    @property
    def numbered_days(self) -> frozenset[int]:
        """The days as Python counts them, Monday is 0."""
        return frozenset(DAYS.index(day) for day in self.days)
