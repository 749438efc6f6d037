"""A program that is installed already, when its version is one that was tested."""

import asyncio
import os
import re
import shutil
from pathlib import Path

from gitops_bot.sandbox.errors import ToolNotBrought
from gitops_bot.sandbox.tools.cache import ToolFile
from gitops_bot.sandbox.tools.catalogue import Tool, Version

_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")
# Seconds. The largest of these programs starts in well under one.
_PATIENCE = 20.0


async def say_version(program: Path, arguments: tuple[str, ...]) -> str:
    """Run a program for its version; ToolNotBrought when it does not run or prints none."""
    try:
        process = await asyncio.create_subprocess_exec(
            program,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
    except OSError as error:
        raise ToolNotBrought(f"{program} does not run: {error.strerror}") from error
    try:
        output, _ = await asyncio.wait_for(process.communicate(), _PATIENCE)
    except TimeoutError as error:
        raise ToolNotBrought(f"{program} {' '.join(arguments)} does not end") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    found = _VERSION.search(output.decode(errors="replace"))
    if process.returncode != 0 or found is None:
        raise ToolNotBrought(f"{program} {' '.join(arguments)} prints no version (exit code {process.returncode})")
    return ".".join(found.groups())


def is_tested(tool: Tool, version: str) -> bool:
    """Tell whether a version lies in the range that the catalogue gives."""
    numbers: Version = tuple(int(part) for part in version.split("."))
    first, past = tool.tested
    return first <= numbers < past


async def take_from_path(tool: Tool) -> ToolFile:
    """Give the program on PATH; ToolNotBrought when there is none, or none that was tested."""
    if not tool.version_arguments:
        raise ToolNotBrought("PATH: it cannot tell its version, so none is taken from there")
    found = shutil.which(tool.name, path=os.environ.get("PATH", os.defpath))
    if found is None:
        raise ToolNotBrought("PATH: not there")
    version = await say_version(Path(found), tool.version_arguments)
    if not is_tested(tool, version):
        low, high = (".".join(map(str, bound)) for bound in tool.tested)
        raise ToolNotBrought(f"PATH: {found} is version {version}, tested are >= {low} and < {high}")
    return await asyncio.to_thread(ToolFile.of, tool.name, version, Path(found), f"PATH ({found})")
