"""What the faults of GitHub and Slack have in common: how they are switched on, counted and carried out."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any, ClassVar, Generic, Literal, TypeVar

from aiohttp import web

_LONGEST_HANG = 600.0


@dataclass(kw_only=True)
class AnyFault:
    """One fault. ``when="after"``: the service does what it was told, only the answer goes wrong.

    ``count`` is how many calls it meets, None: all; ``after_calls`` lets so many pass first. Every service knows
    the kinds *latency* (``seconds``), *reset* (the connection breaks) and *hang* (no answer).
    """

    kinds: ClassVar[tuple[str, ...]]

    kind: str
    when: Literal["before", "after"] = "before"
    count: int | None = 1
    after_calls: int = 0
    seconds: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in self.kinds or self.when not in {"before", "after"}:
            raise ValueError(f"kind is one of {', '.join(self.kinds)}; when is before or after")


One = TypeVar("One", bound=AnyFault)


class FaultList(Generic[One]):
    """The faults that are switched on, in the order in which they were."""

    def __init__(self, kind: type[One]) -> None:
        self._kind = kind
        self._faults: list[One] = []

    def add(self, values: Mapping[str, Any]) -> One:
        """Switch one on. ValueError says what is wrong with it."""
        known = {field.name: field.default is MISSING for field in fields(self._kind)}
        needed = {name for name, is_needed in known.items() if is_needed}
        unknown = set(values) - set(known)
        if unknown or needed - set(values):
            raise ValueError(f"a fault needs {' and '.join(sorted(needed))}; unknown here: {sorted(unknown)}")
        fault = self._kind(**values)
        self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Switch all off."""
        self._faults.clear()

    def as_json(self) -> list[dict[str, Any]]:
        """Give what is switched on."""
        return [asdict(fault) for fault in self._faults]

    def first(self, meets: Callable[[One], bool]) -> One | None:
        """Give the fault that meets a call, and count it."""
        for fault in self._faults:
            if not meets(fault):
                continue
            if fault.after_calls > 0:
                fault.after_calls -= 1
                continue
            if fault.count is not None:
                fault.count -= 1
                if fault.count <= 0:
                    self._faults.remove(fault)
            return fault
        return None


async def wait_or_break_off(fault: AnyFault, request: web.Request) -> web.Response | None:
    """Do what the kinds do that every service knows; None where the connection lasts."""
    if fault.kind == "latency":
        await asyncio.sleep(fault.seconds)
    if fault.kind == "hang":
        await asyncio.sleep(_LONGEST_HANG)
    if fault.kind not in {"reset", "hang"}:
        return None
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
