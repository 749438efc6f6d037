"""What a hostile pull request may be made of, to keep flux and the bot busy. ``seed`` makes each one new."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any


def config_maps(count: int, size: int, seed: str) -> str:
    """Write ConfigMaps, each with a value of that size."""
    one = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{}, namespace: web}}\ndata: {{a: {}}}\n"
    return "---\n".join(one.format(number, seed + "x" * size) for number in range(count))


def endless(seed: str) -> dict[str, str]:
    """Thousands of objects, and hundreds of patches for each: minutes of one processor for kustomize."""
    patch = [{"op": "add", "path": "/data/k", "value": seed}]
    patches = [{"target": {"kind": "ConfigMap", "name": ".*"}, "patch": json.dumps(patch)} for _ in range(300)]
    return kustomized({"many.yaml": config_maps(5000, 1, seed)}, patches=patches)


def bomb(seed: str) -> dict[str, str]:
    """Aliases of aliases."""
    lines = ["kind: ConfigMap", f"metadata: {{name: bomb-{seed}}}", "a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{at}: &a{at} [{', '.join([f'*a{at - 1}'] * 9)}]" for at in range(1, 12)]
    return kustomized({"bomb.yaml": "\n".join(lines)})


def flood(seed: str) -> dict[str, str]:
    """More than a run may print."""
    return kustomized({f"many-{part}.yaml": config_maps(900, 1000, f"{seed}{part}") for part in range(12)})


def wide(seed: str) -> dict[str, str]:
    """As many objects as go into what a run may print."""
    parts = {f"many-{part}.yaml": config_maps(900, 900, f"{seed}{part}") for part in range(6)}
    return kustomized({name: text.replace("name: c", f"name: {name[:6]}-") for name, text in parts.items()})


def kustomized(files: Mapping[str, str], **fields: Any) -> dict[str, str]:
    return {**files, "kustomization.yaml": json.dumps({"resources": sorted(files), **fields})}


def in_folders(kind: str, seed: str, folders: Iterable[str]) -> dict[str, str]:
    """Give the files of such a tree in each of some folders."""
    return {f"{folder}/{name}": text for folder in folders for name, text in KINDS[kind](seed).items()}


KINDS: dict[str, Callable[[str], dict[str, str]]] = {"bomb": bomb, "flood": flood, "endless": endless, "wide": wide}
