"""Quantities of Kubernetes: ``500m``, ``10Gi``, ``1e3``.

https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

import re
from decimal import Decimal
from typing import Any

_POWERS_OF_TWO = {f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", start=1)}
_POWERS_OF_TEN = {
    letter: Decimal(10) ** power for letter, power in zip("numkMGTPE", (-9, -6, -3, 3, 6, 9, 12, 15, 18), strict=True)
}
_SUFFIXES = {"": Decimal(1), **_POWERS_OF_TWO, **_POWERS_OF_TEN}
# Short enough that no number in it can be too large to compute with.
_QUANTITY = re.compile(
    r"(?P<number>[+-]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30}))(?:(?P<suffix>[KMGTPE]i|[numkMGTPE])|[eE](?P<power>[+-]?\d{1,2}))?",
    re.ASCII,
)


def quantity(value: Any) -> Decimal | None:
    """Return what a quantity stands for; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    found = _QUANTITY.fullmatch(str(value).strip())
    if found is None:
        return None
    return Decimal(found["number"]) * _SUFFIXES[found["suffix"] or ""] * Decimal(10) ** int(found["power"] or 0)
