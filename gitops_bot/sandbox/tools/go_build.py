"""Programs and CRDs out of Go modules, for where no release can be downloaded.

What `go build` needs is compiled once and kept in Go's own build cache: a run that was stopped
goes on where it was.
"""

import asyncio
import json
import os
import re
import shutil
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from gitops_bot.sandbox.errors import ToolNotBrought
from gitops_bot.sandbox.processes import die_with
from gitops_bot.sandbox.tools import cache
from gitops_bot.sandbox.tools.cache import ToolFile
from gitops_bot.sandbox.tools.catalogue import DEFINITION_MODULES, CopiedModule, ScratchModule, Tool

GO_NEEDED = (1, 26)
_GO_VERSION = re.compile(r"go(\d+)\.(\d+)")
_HOW = "Go 1.26 or newer is needed (https://go.dev/dl/)"
# Kubernetes' own modules, whose go.mod entries say v0.0.0 and nothing more; kube-openapi and utils have real versions.
_STAGING = re.compile(r"^\s+(k8s\.io/[a-z-]+) v0\.0\.0$", re.MULTILINE)
# Last lines of a failed command that are shown.
_SHOWN = 6

Report = Callable[[str], None]


async def _go(folder: Path, *arguments: str, report: Report | None = None) -> str:
    """Run go in ``folder`` and give its standard output; each line of its standard error is reported."""
    go = shutil.which("go")
    if go is None:
        raise ToolNotBrought(f"go build: Go is not installed. {_HOW}")
    process = await asyncio.create_subprocess_exec(
        go,
        *arguments,
        cwd=folder,
        env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=1 << 20,
        start_new_session=True,
        preexec_fn=die_with(os.getpid()),
    )
    last: list[str] = []

    async def follow(stream: asyncio.StreamReader) -> None:
        async for line in stream:
            text = line.decode(errors="replace").rstrip()
            last[:] = [*last[-_SHOWN:], text]
            if report is not None:
                report(text)

    try:
        assert process.stdout is not None  # noqa: S101 - both were asked for as pipes
        assert process.stderr is not None  # noqa: S101 - the same
        output, _ = await asyncio.gather(process.stdout.read(), follow(process.stderr))
        await process.wait()
    finally:
        if process.returncode is None:
            # Go's compilers are its children: end all of them.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if process.returncode != 0:
        raise ToolNotBrought(f"go {arguments[0]} failed: {' | '.join(last) or process.returncode}")
    return output.decode(errors="replace")


async def require_go() -> None:
    """Refuse, with the reason, when there is no Go or an old one (Go >= 1.21 may fetch a newer one by itself)."""
    with cache.work_folder("go") as folder:
        (folder / "go.mod").write_text(f"module scratch\n\ngo {GO_NEEDED[0]}.{GO_NEEDED[1]}.0\n", encoding="utf-8")
        said = await _go(folder, "version")
    found = _GO_VERSION.search(said)
    if found is None or (int(found[1]), int(found[2])) < GO_NEEDED:
        raise ToolNotBrought(f"go build: {said.strip()} is too old. {_HOW}")


async def _module_folder(module: str, version: str, folder: Path, report: Report | None = None) -> Path:
    """Bring a module into Go's module cache and give its (read-only) folder there."""
    if report is not None:
        report(f"fetching {module}@{version}")
    answer = json.loads(await _go(folder, "mod", "download", "-json", f"{module}@{version}"))
    return Path(answer["Dir"])


async def build(tool: Tool, report: Report) -> ToolFile:
    """Build a program and keep it; ToolNotBrought tells what Go said."""
    recipe = tool.build
    with cache.work_folder(tool.name) as folder:
        program = folder / "program"
        if isinstance(recipe, CopiedModule):
            source = await _prepare_copy(recipe, folder, report)
        else:
            source = await _prepare_scratch(recipe, folder, report)

        def tell(package: str) -> None:
            report(f"compiling {package}")

        await _go(
            source,
            *("build", "-v", "-mod=mod", "-trimpath", f"-ldflags=-s -w {recipe.linker_flags}".rstrip()),
            *("-o", str(program), recipe.package),
            report=tell,
        )
        origin = f"go build {recipe.module}@{recipe.version}"
        return await asyncio.to_thread(cache.keep, tool.name, tool.version, program, origin)


async def _prepare_copy(recipe: CopiedModule, folder: Path, report: Report) -> Path:
    original = await _module_folder(recipe.module, recipe.version, folder, report)
    source = folder / "source"
    await asyncio.to_thread(shutil.copytree, original, source)
    for path in (source, *source.rglob("*")):
        path.chmod(path.stat().st_mode | 0o200)
    for name, content in recipe.added_files:
        added = source / name
        added.parent.mkdir(parents=True, exist_ok=True)
        added.write_text(content, encoding="utf-8")
    for module in recipe.unreplaced:
        await _go(source, "mod", "edit", f"-replace={module}={module}@{recipe.version}")
    return source


async def _prepare_scratch(recipe: ScratchModule, folder: Path, report: Report) -> Path:
    original = await _module_folder(recipe.module, recipe.version, folder, report)
    source = folder / "source"
    source.mkdir()
    lines = ["module scratch", f"go {GO_NEEDED[0]}.{GO_NEEDED[1]}.0", f"require {recipe.module} {recipe.version}"]
    if recipe.staging_version:
        siblings = _STAGING.findall((original / "go.mod").read_text(encoding="utf-8"))
        lines += [f"replace {sibling} => {sibling} {recipe.staging_version}" for sibling in siblings]
    (source / "go.mod").write_text("\n\n".join(lines) + "\n", encoding="utf-8")
    # A main package cannot be imported; behind a tag that is never set the import only tells `go mod tidy` of it.
    (source / "imports.go").write_text(
        f'//go:build never\n\npackage scratch\n\nimport _ "{recipe.imported}"\n', encoding="utf-8"
    )
    report("resolving dependencies")
    await _go(source, "mod", "tidy", report=report)
    return source


async def collect_definitions(report: Report) -> Path:
    """Put the CRDs of Flux's modules into the cache and give their folder; there already: nothing is done."""
    target = cache.definitions_folder()
    if target.is_dir():
        return target
    await require_go()
    with cache.work_folder("crds") as folder:
        files = folder / "crds"
        files.mkdir()
        for module, version in DEFINITION_MODULES:
            source = await _module_folder(module, version, folder, report)
            for file in sorted((source / "config" / "crd" / "bases").glob("*.yaml")):
                shutil.copyfile(file, files / file.name)
        target.parent.mkdir(parents=True, exist_ok=True)
        files.rename(target)
    return target
