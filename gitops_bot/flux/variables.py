"""The variables of ``postBuild``, read here instead of by flux.

So flux never looks up a Secret by itself: what it substitutes is exactly what is redacted
afterwards, a file of the pull request cannot make it read another one, and a Kustomization that is
not in the cluster yet is rendered with its variables too. The order and the errors are Flux's:
https://github.com/fluxcd/pkg/blob/kustomize/v1.35.6/kustomize/kustomize_varsub.go
"""

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gitops_bot.flux.api_reader import ApiReader, ApiUnreachableError, NotReadableError, is_name
from gitops_bot.models.kustomizations import Kustomization

_PLURALS = {"ConfigMap": "configmaps", "Secret": "secrets"}
_KUSTOMIZATIONS = "/apis/kustomize.toolkit.fluxcd.io/v1"
_OWNER = "kustomize.toolkit.fluxcd.io"
# Kustomizations that apply Kustomizations that apply this one.
_GENERATIONS = 4


@dataclass(frozen=True)
class Variables:
    """What ``${NAME}`` stands for."""

    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    # Names whose value comes from a Secret.
    secret: frozenset[str] = frozenset()
    # Every value of the Secrets that were read, by key: flux uses the values without line breaks. With those
    # that the Kustomizations above this one read: they may have put them into its spec.
    secret_values: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)
    # References that were not followed, and why.
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Reference:
    kind: str
    name: str
    optional: bool


class VariableReader:
    """Reads the ConfigMaps and Secrets that a Kustomization takes variables from."""

    def __init__(self, reader: ApiReader) -> None:
        """Ask through a reader that remembers."""
        self._reader = reader

    async def read(self, kustomization: Kustomization) -> Variables:
        """Read what ``postBuild`` refers to; NotReadableError, ApiUnreachableError."""
        inherited = await self._inherited(kustomization) if kustomization.live else []
        after = kustomization.spec.get("postBuild")
        if not isinstance(after, Mapping):
            return Variables(secret_values=tuple(dict.fromkeys(inherited)))
        values: dict[str, str] = {}
        secret: set[str] = set()
        seen: list[tuple[str, bytes]] = []
        followed, notes = await self._followed(kustomization, list(_references(after)))
        for reference in followed:
            if reference.kind == "ConfigMap" and reference.name in kustomization.given_values:
                data = await self._given(kustomization, reference)
            else:
                data = _data(await self._object(kustomization.id.namespace, reference), reference.kind)
            for key, value in data.items():
                if reference.kind == "Secret":
                    seen.append((key, value))
                try:
                    values[key] = value.decode("utf-8").replace("\n", "")
                except UnicodeDecodeError:
                    # It could not stand in a manifest either.
                    values.pop(key, None)
                    continue
                (secret.add if reference.kind == "Secret" else secret.discard)(key)
        inline = after.get("substitute")
        for key, text in (inline if isinstance(inline, Mapping) else {}).items():
            values[str(key)] = str(text).replace("\n", "")
            secret.discard(str(key))
        return Variables(values, frozenset(secret), tuple(dict.fromkeys([*seen, *inherited])), tuple(notes))

    async def _followed(
        self, kustomization: Kustomization, references: list[_Reference]
    ) -> tuple[list[_Reference], list[str]]:
        """Leave out Secrets that the object in the cluster does not refer to: a pull request could name any."""
        if not any(reference.kind == "Secret" for reference in references):
            return references, []
        allowed: set[str] = set()
        if kustomization.live:
            live = await self._reader.get(_path(kustomization.id.namespace, kustomization.id.name)) or {}
            after = (live.get("spec") or {}).get("postBuild") or {}
            allowed = {item.name for item in _references(after) if item.kind == "Secret"}
        followed = [item for item in references if item.kind != "Secret" or item.name in allowed]
        left_out = [item for item in references if item not in followed]
        return followed, [
            f"substituteFrom refers to Secret/{item.name}, which the Kustomization in the cluster does not read yet: "
            "its variables were not looked up."
            for item in left_out
        ]

    async def _inherited(self, kustomization: Kustomization) -> list[tuple[str, bytes]]:
        """Read the Secrets of the Kustomizations that apply this one, as far as they can be read."""
        values: list[tuple[str, bytes]] = []
        namespace, name = kustomization.id.namespace, kustomization.id.name
        seen: set[tuple[str, str]] = set()
        while (namespace, name) not in seen and len(seen) <= _GENERATIONS:
            seen.add((namespace, name))
            live = await self._readable(_path(namespace, name))
            if len(seen) > 1:
                for reference in _references((live.get("spec") or {}).get("postBuild") or {}):
                    if reference.kind == "Secret" and is_name(reference.name):
                        found = await self._readable(f"/api/v1/namespaces/{namespace}/secrets/{reference.name}")
                        values += _data(found, "Secret").items()
            labels = (live.get("metadata") or {}).get("labels") or {}
            namespace, name = (str(labels.get(f"{_OWNER}/{part}") or "") for part in ("namespace", "name"))
            if not (is_name(namespace) and is_name(name)):
                break
        return values

    async def _readable(self, path: str) -> Mapping[str, Any]:
        """Read one object; nothing when this identity may not."""
        try:
            return await self._reader.get(path) or {}
        except NotReadableError:
            return {}

    async def _given(self, kustomization: Kustomization, reference: _Reference) -> dict[str, bytes]:
        """Give a ConfigMap as a change will make it; what is not known of it stays as it is in the cluster."""
        given = kustomization.given_values[reference.name]
        if given is None:
            if not reference.optional:
                raise _lacking(reference)
            return {}
        lacks = any(value is None for value in given.values())
        live = _data(await self._object(kustomization.id.namespace, reference), "ConfigMap") if lacks else {}
        known = {key: value.encode("utf-8", "surrogatepass") for key, value in given.items() if value is not None}
        return {key: live[key] for key in given if key in live and key not in known} | known

    async def _object(self, namespace: str, reference: _Reference) -> Mapping[str, Any]:
        plural = _PLURALS[reference.kind]
        complaint = f"✗ substitute from '{reference.kind}/{reference.name}' error:"
        found = None
        if is_name(reference.name):
            try:
                found = await self._reader.get(f"/api/v1/namespaces/{namespace}/{plural}/{reference.name}")
            except NotReadableError as error:
                raise NotReadableError(f"{complaint} {error}") from error
        if found is None and not reference.optional:
            raise _lacking(reference)
        return found or {}


def _lacking(reference: _Reference) -> NotReadableError:
    plural = _PLURALS[reference.kind]
    return NotReadableError(
        f"✗ substitute from '{reference.kind}/{reference.name}' error: {plural} \"{reference.name}\" not found"
    )


def _path(namespace: str, name: str) -> str:
    return f"{_KUSTOMIZATIONS}/namespaces/{namespace}/kustomizations/{name}"


def _references(after: Mapping[str, Any]) -> Iterator[_Reference]:
    entries = after.get("substituteFrom")
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, Mapping) and entry.get("kind") in {"ConfigMap", "Secret"}:
            yield _Reference(str(entry["kind"]), str(entry.get("name") or ""), optional=bool(entry.get("optional")))


def _data(found: Mapping[str, Any], kind: str) -> dict[str, bytes]:
    data = found.get("data")
    values = data if isinstance(data, Mapping) else {}
    if kind == "ConfigMap":
        return {str(key): str(value).encode("utf-8", "surrogatepass") for key, value in values.items()}
    try:
        return {str(key): base64.b64decode(str(value)) for key, value in values.items()}
    except binascii.Error as error:
        raise ApiUnreachableError("✗ the API server gave a Secret that is not base64") from error
