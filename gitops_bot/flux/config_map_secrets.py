"""Secrets that came into a ConfigMap: whoever substitutes them from there must not show them either.

A Kustomization that reads Secrets may write their values into a ConfigMap, which others read. So who made the
ConfigMap is asked for, by Flux's labels, and what that one may have put in: the Secrets that it and the
Kustomizations above it read, and in turn those behind the ConfigMaps that it reads. What a value of the
ConfigMap holds of these is secret. Where one of them cannot be read nobody knows, and every value counts as secret;
so does what SOPS encrypted in git.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gitops_bot.flux.api_reader import ApiReader, is_name
from gitops_bot.flux.substitutions import (
    data_of,
    kustomization_path,
    object_path,
    owner_of,
    spec_references,
)
from gitops_bot.rules.encrypted_objects import Encrypted, may_be_encrypted
from gitops_bot.rules.secret_forms import SHORTEST

# Kustomizations that are asked: beyond, nobody knows.
_MOST_KUSTOMIZATIONS = 16


@dataclass(frozen=True)
class Held:
    """What of a ConfigMap is secret: values by name, and the keys in which they stand."""

    values: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)
    keys: frozenset[str] = frozenset()


@dataclass
class Behind:
    """What a Kustomization, those above it and the makers of what they read took from Secrets."""

    values: list[tuple[str, bytes]] = field(default_factory=list, repr=False)
    # All of it could be seen.
    whole: bool = True


class ConfigMapSecrets:
    """Looks behind ConfigMaps, with what the *diff* identity may read."""

    def __init__(self, reader: ApiReader) -> None:
        """Ask through a reader that remembers."""
        self._reader = reader

    async def held(self, namespace: str, name: str, data: Mapping[str, bytes], encrypted: Encrypted) -> Held:
        """Tell what of ``data`` is secret; that is the ConfigMap's, or what a change makes of it."""
        live = await self._reader.get_if_readable(object_path("ConfigMap", namespace, name)) if is_name(name) else {}
        now = data_of(live or {}, "ConfigMap")
        if may_be_encrypted("ConfigMap", name, encrypted):
            return _everything({**now, **data})
        owner = owner_of(live or {})
        behind = await self.behind(owner) if owner is not None else Behind()
        if not behind.whole:
            return _everything({**now, **data})
        return _found(behind.values, (*now.items(), *data.items()))

    async def behind(self, owner: tuple[str, str]) -> Behind:
        """Follow a Kustomization (namespace, name), those above it, and the makers of the ConfigMaps that they read."""
        behind = Behind()
        waiting, seen = [owner], {owner}
        while waiting:
            namespace, name = waiting.pop()
            live = await self._reader.get_if_readable(kustomization_path(namespace, name))
            behind.whole = behind.whole and live is not None
            makers = [owner_of(live or {})]
            for reference in spec_references(live or {}):
                if not is_name(reference.name):
                    continue
                found = await self._reader.get_if_readable(object_path(reference.kind, namespace, reference.name))
                behind.whole = behind.whole and found is not None
                if reference.kind == "Secret":
                    behind.values += data_of(found or {}, "Secret").items()
                else:
                    makers.append(owner_of(found or {}))
            new = {maker for maker in makers if maker is not None} - seen
            if len(seen) + len(new) > _MOST_KUSTOMIZATIONS:
                behind.whole = False
                break
            seen |= new
            waiting += sorted(new)
        return behind


def held_in(behind: Behind, data: Mapping[str, bytes]) -> Held:
    """Tell what of some values is secret, that may come from what is behind."""
    return _found(behind.values, data.items()) if behind.whole else _everything(data)


def _found(secrets: Iterable[tuple[str, bytes]], entries: Iterable[tuple[str, bytes]]) -> Held:
    among = list(entries)
    found = [
        (one, key, secret)
        for one, secret in secrets
        if len(secret) >= SHORTEST
        for key, value in among
        # flux substitutes values without line breaks.
        if secret.replace(b"\n", b"") in value.replace(b"\n", b"")
    ]
    values = dict.fromkeys((one, secret) for one, _, secret in found)
    return Held(tuple(values), frozenset(key for _, key, _ in found))


def _everything(data: Mapping[str, bytes]) -> Held:
    # Shorter values are not looked for, so nothing is gained by refusing what is made of them.
    long = {key: value for key, value in data.items() if len(value) >= SHORTEST}
    return Held(tuple(long.items()), frozenset(long))
