"""Commands for whoever installs it: ``check``, ``rbac``."""
# ruff: noqa: PLC0415, FBT002  (imports inside the commands: --help answers at once; flags are how Typer says options)

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from gitops_bot.cli.options import SettingsFile, print_checks, settings_of
from gitops_bot.errors import SettingsError


def check(settings: SettingsFile = None) -> None:
    """Try every setting, token, scope and right, and say what to mend. Exit code 1: something does not work."""
    from gitops_bot.errands import check_settings

    print_checks(check_settings(settings_of(settings)))


def rbac(
    settings: SettingsFile = None,
    cluster: Annotated[list[str] | None, typer.Option(help="Only this cluster; can be repeated.")] = None,
    with_secrets: Annotated[
        bool, typer.Option("--with-secrets", help="Secrets too, in the namespaces where the fleet has them.")
    ] = False,
    with_roles: Annotated[
        bool, typer.Option("--with-roles", help="Roles and their bindings too, with escalate and bind.")
    ] = False,
    namespaced: Annotated[
        bool, typer.Option("--namespaced", help="Roles in the fleet's namespaces instead of one ClusterRole.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option(help="A folder to write the manifests into, with a kustomization.yaml.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only compare with the cluster. Exit code 1: its rights differ.")
    ] = False,
) -> None:
    """Print the rights that the diff identity needs, as manifests: out of inventories, and of what reports lacked."""
    from gitops_bot.errands import plan_rights
    from gitops_bot.rules.fleet_rights import Choices, RightsPlan
    from gitops_bot.views import rights_manifests as view

    loaded = settings_of(settings)
    choices = Choices(secrets=with_secrets, roles=with_roles, namespaced=namespaced)
    console = Console(soft_wrap=True, highlight=False)
    plans: list[RightsPlan] = []
    differs: list[bool] = []

    async def plan_all() -> None:
        async for plan, found in plan_rights(loaded, cluster or (), choices, compare=check):
            plans.append(plan)
            if found is not None:
                console.print(view.differences(plan.cluster, found.missing, found.superfluous, whole=found.whole))
                differs.append(bool(found.missing or found.superfluous))

    asyncio.run(plan_all())
    if output is not None:
        for plan in plans:
            folder = output / plan.cluster if len(plans) > 1 else output
            for name, text in ((view.FILE, view.manifests(plan)), ("kustomization.yaml", view.kustomization())):
                _write(folder / name, text)
                console.print(f"wrote {folder / name}", style="dim")
    elif not check:
        console.print(view.for_terminal("---\n".join(map(view.manifests, plans))), end="")
    raise typer.Exit(1 if any(differs) else 0)


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"--output: cannot write {file}: {error.strerror}. Name another folder.") from error
