"""Objects as they are in the cluster: who owns their fields, with every value redacted."""

import asyncio
import re
from collections.abc import Mapping
from typing import Any

from gitops_bot.flux.api_reader import ApiReader, ApiUnreachableError, NotReadableError, is_name
from gitops_bot.flux.protocol import Look, Sight
from gitops_bot.models.kustomizations import ObjectReference
from gitops_bot.rules.redaction import Redactor

_API_VERSION = re.compile(r"([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?v[0-9][a-z0-9]*")
_EVERYTHING = "application/json"
# The values of a Secret need not come here at all.
_METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"


async def look(reader: ApiReader, redactor: Redactor, wish: Look) -> Sight:
    """Read what was asked for, side by side; what cannot be read is left out."""
    found: dict[int, Mapping[str, Any]] = {}
    absent = []

    async def read(place: int, version: str, reference: ObjectReference) -> None:
        try:
            seen = await _read(reader, version, reference)
        except (NotReadableError, ApiUnreachableError):
            return
        if seen is None:
            absent.append(place)
        else:
            found[place] = redactor.live({**seen, "kind": reference.kind, "apiVersion": version})

    await asyncio.gather(*(read(place, *wanted) for place, wanted in enumerate(wish.objects)))
    return Sight(wish.number, found, tuple(absent))


async def _read(reader: ApiReader, version: str, reference: ObjectReference) -> Mapping[str, Any] | None:
    """Read one object; all of its name may come from a pull request, and must lead to no other."""
    if not (_API_VERSION.fullmatch(version) and is_name(reference.name)):
        raise NotReadableError("no such name")
    base = f"/apis/{version}" if "/" in version else f"/api/{version}"
    served = (await reader.get(base) or {}).get("resources") or []
    plural, namespaced = next(
        (
            (str(resource["name"]), bool(resource.get("namespaced")))
            for resource in served
            if resource.get("kind") == reference.kind and "/" not in str(resource.get("name"))
        ),
        ("", False),
    )
    if not plural:
        return None
    if namespaced and not is_name(reference.namespace):
        raise NotReadableError("no such namespace")
    where = f"/namespaces/{reference.namespace}" if namespaced else ""
    accept = _METADATA_ONLY if reference.kind == "Secret" else _EVERYTHING
    return await reader.get(f"{base}{where}/{plural}/{reference.name}", accept, fresh=True)
