"""The flux program: where it is, and whether it is one that stays inside of its tree."""

import asyncio
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from gitops_bot.errors import SettingsError

# --in-memory-build keeps kustomize inside the tree, --ignore-not-found compares what is not in the cluster yet.
_OLDEST = (2, 9, 1)
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
# Seconds for the program to say its version.
_PATIENCE = 10.0


@dataclass(frozen=True)
class FluxProgram:
    """A flux that may be used."""

    path: str
    version: str


async def find_flux(binary: str) -> FluxProgram:
    """Find flux and check its version; SettingsError."""
    path = _find(binary)
    version = await _version(path)
    if version < _OLDEST:
        raise SettingsError(
            f"flux.binary: {path} is flux {_dotted(version)}; at least {_dotted(_OLDEST)} is needed: "
            "earlier ones read files outside of the repository."
        )
    return FluxProgram(path, _dotted(version))


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _find(binary: str) -> str:
    """Give the absolute path of the program: the runner has no PATH."""
    found = shutil.which(binary)
    if found is None:
        raise SettingsError(
            f"flux.binary: there is no program {binary!r}. "
            "Install flux 2.9.1 or later (https://fluxcd.io/flux/installation/), or name its file."
        )
    with Path(found).open("rb") as program:
        if program.read(2) == b"#!":
            raise SettingsError(
                f"flux.binary: {found} is a script. In its cage flux can start nothing else: name the program itself."
            )
    return os.path.realpath(found)


async def _version(path: str) -> tuple[int, ...]:
    with tempfile.TemporaryDirectory(prefix="gitops-bot-flux-") as home:
        process = await asyncio.create_subprocess_exec(
            path,
            "--version",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={"HOME": home, "PATH": home},
            cwd=home,
        )
        try:
            async with asyncio.timeout(_PATIENCE):
                output, _ = await process.communicate()
        except TimeoutError as error:
            process.kill()
            await process.wait()
            raise SettingsError(f"flux.binary: {path} --version does not end") from error
    found = _VERSION.search(output.decode("utf-8", "replace"))
    if found is None:
        raise SettingsError(f"flux.binary: {path} does not say its version: is it flux?")
    return tuple(map(int, found.groups()))
