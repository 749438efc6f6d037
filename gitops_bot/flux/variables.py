"""The variables of ``postBuild``, read here instead of by flux.

So flux never looks up a Secret by itself: what it substitutes is exactly what is redacted
afterwards, a file of the pull request cannot make it read another one, and a Kustomization that is
not in the cluster yet is rendered with its variables too. The order and the errors are Flux's:
https://github.com/fluxcd/pkg/blob/kustomize/v1.35.6/kustomize/kustomize_varsub.go
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gitops_bot.flux.api_reader import ApiReader, NotReadableError, is_name
from gitops_bot.flux.config_map_secrets import Behind, ConfigMapSecrets, held_in
from gitops_bot.flux.substitutions import (
    PLURALS,
    Reference,
    data_of,
    kustomization_path,
    object_path,
    owner_of,
    references_of,
    spec_references,
)
from gitops_bot.models.kustomizations import Kustomization
from gitops_bot.rules.encrypted_objects import Encrypted


@dataclass(frozen=True)
class Variables:
    """What ``${NAME}`` stands for."""

    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    # Names whose value comes from a Secret, be it through a ConfigMap.
    secret: frozenset[str] = frozenset()
    # Every value of the Secrets that were read, by key: flux uses the values without line breaks. With those
    # that the Kustomizations above this one read: they may have put them into its spec.
    secret_values: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)
    # References that were not followed, and why.
    notes: tuple[str, ...] = ()


class VariableReader:
    """Reads the ConfigMaps and Secrets that a Kustomization takes variables from."""

    def __init__(self, reader: ApiReader) -> None:
        """Ask through a reader that remembers."""
        self._reader = reader
        self._config_maps = ConfigMapSecrets(reader)

    async def read(self, kustomization: Kustomization, encrypted: Encrypted = frozenset()) -> Variables:
        """Read what ``postBuild`` refers to; NotReadableError, ApiUnreachableError.

        ``encrypted``: kind and name of objects that are known to be encrypted in git: what they hold is secret.
        """
        inherited = await self._inherited(kustomization) if kustomization.live else Behind()
        after = kustomization.spec.get("postBuild")
        if not isinstance(after, Mapping):
            return Variables(secret_values=tuple(dict.fromkeys(inherited.values)))
        values: dict[str, str] = {}
        secret: set[str] = set()
        seen: list[tuple[str, bytes]] = []
        followed, notes = await self._followed(kustomization, list(references_of(after)))
        for reference in followed:
            if reference.kind == "ConfigMap" and reference.name in kustomization.given_values:
                data = await self._given(kustomization, reference)
            else:
                data = data_of(await self._object(kustomization.id.namespace, reference), reference.kind)
            hidden = frozenset(data)
            if reference.kind == "ConfigMap":
                held = await self._config_maps.held(kustomization.id.namespace, reference.name, data, encrypted)
                seen += held.values
                hidden = held.keys
            for key, value in data.items():
                if reference.kind == "Secret":
                    seen.append((key, value))
                try:
                    values[key] = value.decode("utf-8").replace("\n", "")
                except UnicodeDecodeError:
                    # It could not stand in a manifest either.
                    values.pop(key, None)
                    continue
                (secret.add if key in hidden else secret.discard)(key)
        inline = after.get("substitute")
        stated = {str(key): str(text) for key, text in (inline if isinstance(inline, Mapping) else {}).items()}
        values |= {key: text.replace("\n", "") for key, text in stated.items()}
        # Whoever wrote the live spec may have put a secret into it.
        put_in = held_in(inherited, {key: text.encode("utf-8", "surrogatepass") for key, text in stated.items()})
        secret = (secret - stated.keys()) | put_in.keys
        known = dict.fromkeys([*seen, *put_in.values, *inherited.values])
        return Variables(values, frozenset(secret), tuple(known), tuple(notes))

    async def _followed(
        self, kustomization: Kustomization, references: list[Reference]
    ) -> tuple[list[Reference], list[str]]:
        """Leave out Secrets that the object in the cluster does not refer to: a pull request could name any."""
        if not any(reference.kind == "Secret" for reference in references):
            return references, []
        allowed: set[str] = set()
        if kustomization.live:
            live = await self._reader.get(kustomization_path(kustomization.id.namespace, kustomization.id.name)) or {}
            allowed = {item.name for item in spec_references(live) if item.kind == "Secret"}
        followed = [item for item in references if item.kind != "Secret" or item.name in allowed]
        left_out = [item for item in references if item not in followed]
        return followed, [
            f"substituteFrom refers to Secret/{item.name}, which the Kustomization in the cluster does not read yet: "
            "its variables were not looked up."
            for item in left_out
        ]

    async def _inherited(self, kustomization: Kustomization) -> Behind:
        """Tell what those that apply this Kustomization took from Secrets, or from ConfigMaps that hold some."""
        namespace, name = kustomization.id.namespace, kustomization.id.name
        live = await self._reader.get_if_readable(kustomization_path(namespace, name))
        owner = owner_of(live or {})
        if live is None:
            return Behind(whole=False)
        return await self._config_maps.behind(owner) if owner is not None else Behind()

    async def _given(self, kustomization: Kustomization, reference: Reference) -> dict[str, bytes]:
        """Give a ConfigMap as a change will make it; what is not known of it stays as it is in the cluster."""
        given = kustomization.given_values[reference.name]
        if given is None:
            if not reference.optional:
                raise _lacking(reference)
            return {}
        lacks = any(value is None for value in given.values())
        live = data_of(await self._object(kustomization.id.namespace, reference), "ConfigMap") if lacks else {}
        known = {key: value.encode("utf-8", "surrogatepass") for key, value in given.items() if value is not None}
        return {key: live[key] for key in given if key in live and key not in known} | known

    async def _object(self, namespace: str, reference: Reference) -> Mapping[str, Any]:
        complaint = f"✗ substitute from '{reference.kind}/{reference.name}' error:"
        found = None
        if is_name(reference.name):
            try:
                found = await self._reader.get(object_path(reference.kind, namespace, reference.name))
            except NotReadableError as error:
                raise NotReadableError(f"{complaint} {error}") from error
        if found is None and not reference.optional:
            raise _lacking(reference)
        return found or {}


def _lacking(reference: Reference) -> NotReadableError:
    plural = PLURALS[reference.kind]
    return NotReadableError(
        f"✗ substitute from '{reference.kind}/{reference.name}' error: {plural} \"{reference.name}\" not found"
    )
