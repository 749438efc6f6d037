"""Brings what is missing: from PATH, else the official release, else built with Go."""

import asyncio
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from gitops_bot.sandbox.errors import ToolNotBrought, ToolsMissing
from gitops_bot.sandbox.tools import cache, go_build
from gitops_bot.sandbox.tools.cache import ToolFile
from gitops_bot.sandbox.tools.catalogue import TOOLS, CopiedModule, Tool, required_tools
from gitops_bot.sandbox.tools.download import download
from gitops_bot.sandbox.tools.on_path import take_from_path

# Called with a tool's name and what happens to it now; not called for what is there already.
Progress = Callable[[str, str], None]
DEFINITIONS = "flux CRDs"
# Seconds between two looks at the lock while another run has it.
_LOCK_INTERVAL = 0.2


@dataclass(frozen=True, slots=True)
class Toolbox:
    """Everything that a cluster is made of, ready to run."""

    files: Mapping[str, ToolFile]
    # The folder of the CRDs of Flux.
    definitions: Path

    def path(self, name: str) -> Path:
        """Give the program; KeyError when it was not asked for."""
        return self.files[name].path


@dataclass(slots=True)
class _Run:
    """What one run found, and why each thing is missing."""

    found: dict[str, ToolFile] = field(default_factory=dict)
    reasons: dict[str, list[str]] = field(default_factory=dict)

    def failed(self, name: str, error: ToolNotBrought) -> None:
        self.reasons.setdefault(name, []).append(str(error))


def require_linux(platform: str | None = None) -> None:
    """Say at once that nothing here works elsewhere: Kubernetes' servers are released for Linux only."""
    name = platform or sys.platform
    if name != "linux":
        raise ToolsMissing(
            f"The sandbox runs on Linux only (this is {name}): kube-apiserver and Flux's controllers are Linux "
            "programs. Use a Linux machine, a virtual machine or WSL 2. The bot itself does not need the sandbox."
        )


def cached_toolbox(tools: Iterable[Tool] | None = None) -> Toolbox | None:
    """Give the tools when every one is in the cache already, without running or locking anything."""
    found = {tool.name: cache.find(tool.name, tool.version) for tool in tools or required_tools()}
    whole = {name: file for name, file in found.items() if file is not None}
    definitions = cache.definitions_folder()
    return Toolbox(whole, definitions) if len(whole) == len(found) and definitions.is_dir() else None


async def bring_tools(tools: Iterable[Tool] | None = None, *, progress: Progress, offline: bool = False) -> Toolbox:
    """Give every tool, bringing what is missing; ToolsMissing lists what could not be had and why.

    ``offline``: only look at PATH and the cache.
    """
    require_linux()
    wanted = tuple(tools or required_tools())
    run = _Run()
    await asyncio.gather(*(_find(tool, run) for tool in wanted))
    definitions = cache.definitions_folder()
    missing = [tool for tool in wanted if tool.name not in run.found]
    if not offline and (missing or not definitions.is_dir()):
        await _bring_under_lock(missing, run, progress)
    still = [tool for tool in wanted if tool.name not in run.found]
    if still or not definitions.is_dir():
        raise ToolsMissing(_explain(still, run, without_definitions=not definitions.is_dir()))
    return Toolbox(run.found, definitions)


async def _find(tool: Tool, run: _Run) -> None:
    """Look at PATH first: what somebody installed on purpose counts; then at the cache."""
    try:
        file = await take_from_path(tool)
    except ToolNotBrought as error:
        run.failed(tool.name, error)
        cached = cache.find(tool.name, tool.version)
        if cached is None:
            return
        file = cached
    run.found[tool.name] = file


async def _bring_under_lock(missing: list[Tool], run: _Run, progress: Progress) -> None:
    lock = cache.Lock()
    try:
        told = False
        while not lock.try_acquire():
            if not told:
                for tool in missing:
                    progress(tool.name, "another run brings it: waiting")
                told = True
            await asyncio.sleep(_LOCK_INTERVAL)
        await asyncio.to_thread(cache.clear_leftovers)
        for tool in missing:
            file = cache.find(tool.name, tool.version)
            if file is not None:
                run.found[tool.name] = file
                progress(tool.name, f"there, version {file.version}")
        rest = [tool for tool in missing if tool.name not in run.found]
        await asyncio.gather(*(_download(tool, run, progress) for tool in rest))
        await _build([tool for tool in rest if tool.name not in run.found], run, progress)
    finally:
        lock.release()


async def _download(tool: Tool, run: _Run, progress: Progress) -> None:
    try:
        run.found[tool.name] = await download(tool, partial(progress, tool.name))
    except ToolNotBrought as error:
        run.failed(tool.name, error)
        progress(tool.name, f"{error}; to be built")
    else:
        progress(tool.name, f"downloaded, version {tool.version}")


async def _build(tools: list[Tool], run: _Run, progress: Progress) -> None:
    """Build one after the other: each go build takes every core by itself. The CRDs come out of the same modules."""
    try:
        await go_build.require_go()
    except ToolNotBrought as error:
        for name in (*(tool.name for tool in tools), DEFINITIONS):
            run.failed(name, error)
        return
    for tool in tools:
        try:
            progress(tool.name, f"building, about {tool.build_minutes:g} min on two cores when nothing is cached")
            run.found[tool.name] = await go_build.build(tool, partial(progress, tool.name))
        except ToolNotBrought as error:
            run.failed(tool.name, error)
            progress(tool.name, str(error))
        else:
            progress(tool.name, f"built, version {tool.version}")
    try:
        await go_build.collect_definitions(partial(progress, DEFINITIONS))
    except ToolNotBrought as error:
        run.failed(DEFINITIONS, error)
    else:
        progress(DEFINITIONS, "there")


def _explain(missing: Iterable[Tool], run: _Run, *, without_definitions: bool) -> str:
    lines = ["These tools are missing:"]
    for tool in missing:
        reasons = "\n".join(f"      {reason}" for reason in run.reasons.get(tool.name, []))
        lines.append(f"  {tool.name} {tool.version}\n{reasons}\n      how to get it: {_how(tool)}")
    if without_definitions:
        reasons = "\n".join(f"      {reason}" for reason in run.reasons.get(DEFINITIONS, ["not in the cache"]))
        lines.append(
            f"  {DEFINITIONS}\n{reasons}\n      how to get them: install Go 1.26 or newer; they come out of the Go "
            "modules of Flux's controllers"
        )
    lines.append("Then run `gitops-bot tools` again: what is there already is kept.")
    return "\n".join(lines)


def _how(tool: Tool) -> str:
    build = tool.build
    where = f"install Go 1.26 or newer ({build.module}@{build.version} is built with it)"
    if tool.release is None:
        return where
    kind = "the archive" if isinstance(build, CopiedModule) or tool.release.member else "the program"
    return f"{where}; or put {kind} of {tool.release.url.format(arch='amd64')} on PATH"


def choose(names: Iterable[str]) -> tuple[Tool, ...]:
    """Give the tools of these names (all required ones when empty); ToolsMissing names what is not known."""
    wanted = tuple(names)
    known = {tool.name: tool for tool in TOOLS}
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise ToolsMissing(f"{', '.join(unknown)}: not a tool of the sandbox. There are: {', '.join(known)}.")
    return tuple(known[name] for name in wanted) or required_tools()
