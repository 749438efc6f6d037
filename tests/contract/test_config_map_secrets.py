"""What of a ConfigMap is secret, asked of an API server that knows who made it, or does not say."""

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from aiohttp import web

from gitops_bot.flux.api_reader import ApiReader
from gitops_bot.flux.protocol import Opening
from gitops_bot.flux.variables import VariableReader, Variables
from gitops_bot.models.kustomizations import Kustomization, KustomizationId

KUSTOMIZATIONS = "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/here/kustomizations"
CORE = "/api/v1/namespaces/here"
READER = KustomizationId("c", "here", "reader")
NOTHING: frozenset[tuple[str, str]] = frozenset()


def made_by(name: str, **more: Any) -> dict[str, Any]:
    """Say that a Kustomization of this namespace applied it."""
    labels = {f"kustomize.toolkit.fluxcd.io/{key}": value for key, value in (("name", name), ("namespace", "here"))}
    return {"metadata": {"labels": labels}, **more}


def reading(*references: str) -> dict[str, Any]:
    entries = [dict(zip(("kind", "name"), reference.split("/"), strict=True)) for reference in references]
    return {"postBuild": {"substituteFrom": entries}}


def secret(**values: str) -> dict[str, Any]:
    return {"data": {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}}


class Api:
    """Objects by path; None: this identity may not read it."""

    def __init__(self) -> None:
        self.objects: dict[str, Any] = {
            f"{CORE}/configmaps/vars": made_by(
                "giver", data={"url": "https://u:hushhush-one@host", "size": "3", "colour": "deep-blue"}
            ),
            f"{KUSTOMIZATIONS}/giver": {"spec": reading("Secret/s")},
            f"{CORE}/secrets/s": secret(password="hushhush-one", other="deep-green"),
        }
        self.asked: list[str] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        found = self.objects.get(request.path, {})
        if found is None:
            return web.json_response({"message": "forbidden"}, status=403)
        return web.json_response(found, status=200 if found else 404)


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    made = Api()
    application = web.Application()
    application.router.add_get("/{rest:.*}", made.answer)
    runner = web.AppRunner(application, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


async def variables_of(
    api: Api, spec: Mapping[str, Any], encrypted: frozenset[tuple[str, str]] = NOTHING, *, live: bool = False
) -> Variables:
    reader = ApiReader(Opening(flux="", server=api.url, ca_pem="", redaction_key="", token="t"))
    try:
        async with asyncio.timeout(20):
            return await VariableReader(reader).read(Kustomization(READER, spec, live=live), encrypted)
    finally:
        for _, writer in reader._idle:
            writer.close()


async def known(api: Api, encrypted: frozenset[tuple[str, str]] = NOTHING) -> tuple[set[str], frozenset[str]]:
    """Give the values that count as secret, and the variables that hold one."""
    variables = await variables_of(api, reading("ConfigMap/vars"), encrypted)
    return {value.decode() for _, value in variables.secret_values}, variables.secret


async def test_what_its_maker_took_from_a_secret(api: Api) -> None:
    # What the maker knows besides, and did not write into it, is not looked for.
    assert await known(api) == ({"hushhush-one"}, {"url"})


@pytest.mark.parametrize("missing", [f"{CORE}/secrets/s", f"{KUSTOMIZATIONS}/giver"])
async def test_where_that_cannot_be_read_everything_counts(api: Api, missing: str) -> None:
    api.objects[missing] = None
    # Too short to be looked for, so not refused either.
    assert await known(api) == ({"https://u:hushhush-one@host", "deep-blue"}, {"url", "colour"})


async def test_where_nobody_says_who_made_it_nothing_is_known(api: Api) -> None:
    del api.objects[f"{CORE}/configmaps/vars"]["metadata"]
    assert await known(api) == (set(), frozenset())
    assert f"{CORE}/secrets/s" not in api.asked


async def test_what_sops_encrypted_is_secret_as_a_whole(api: Api) -> None:
    del api.objects[f"{CORE}/configmaps/vars"]["metadata"]
    _, names = await known(api, frozenset({("ConfigMap", "vars")}))
    assert names == {"url", "colour"}


async def test_from_maker_to_maker_and_upwards(api: Api) -> None:
    """The maker reads a ConfigMap of somebody whose parent reads the Secret."""
    api.objects |= {
        f"{KUSTOMIZATIONS}/giver": {"spec": reading("ConfigMap/first")},
        f"{CORE}/configmaps/first": made_by("first", data={}),
        f"{KUSTOMIZATIONS}/first": made_by("root", spec={}),
        f"{KUSTOMIZATIONS}/root": made_by("root", spec=reading("Secret/s")),
    }
    assert await known(api) == ({"hushhush-one"}, {"url"})


async def test_a_chain_that_never_ends_counts_as_unknown(api: Api) -> None:
    for number in range(40):
        name = "giver" if not number else f"giver-{number}"
        api.objects[f"{KUSTOMIZATIONS}/{name}"] = made_by(f"giver-{number + 1}", spec={})
    _, names = await known(api)
    assert names == {"url", "colour"}
    assert len(api.asked) < 30


async def test_a_later_entry_that_hides_it_is_what_counts(api: Api) -> None:
    """As Flux has it: the last one wins, but the value stays one to be hidden."""
    spec = reading("ConfigMap/vars")
    spec["postBuild"]["substitute"] = {"url": "https://plain"}
    variables = await variables_of(api, spec)
    assert variables.secret == frozenset()
    assert [value for _, value in variables.secret_values] == [b"hushhush-one"]


@pytest.fixture
def child(api: Api) -> dict[str, Any]:
    """A live spec into which whoever applies it may have put something."""
    stated = {"url": "https://u:hushhush-one@host", "colour": "deep-blue", "size": "3"}
    spec = {"postBuild": {"substitute": stated}}
    api.objects[f"{KUSTOMIZATIONS}/reader"] = made_by("giver", spec=spec)
    return spec


async def test_what_a_parent_put_into_a_variable_of_the_spec_must_not_be_cut_either(
    api: Api, child: dict[str, Any]
) -> None:
    variables = await variables_of(api, child, live=True)
    assert variables.secret == {"url"}
    assert variables.values["url"] == "https://u:hushhush-one@host"
    assert ("password", b"hushhush-one") in variables.secret_values


async def test_a_parent_may_have_it_from_a_config_map_of_somebody_else(api: Api, child: dict[str, Any]) -> None:
    api.objects[f"{KUSTOMIZATIONS}/reader"] = made_by("parent", spec=child)
    api.objects[f"{KUSTOMIZATIONS}/parent"] = {"spec": reading("ConfigMap/vars")}
    variables = await variables_of(api, child, live=True)
    assert variables.secret == {"url"}
    assert ("password", b"hushhush-one") in variables.secret_values


@pytest.mark.parametrize("missing", [f"{CORE}/secrets/s", f"{KUSTOMIZATIONS}/giver", f"{KUSTOMIZATIONS}/reader"])
async def test_where_a_parent_cannot_be_read_every_variable_of_the_spec_counts(
    api: Api, child: dict[str, Any], missing: str
) -> None:
    api.objects[missing] = None
    variables = await variables_of(api, child, live=True)
    assert variables.secret == {"url", "colour"}
    assert ("colour", b"deep-blue") in variables.secret_values


async def test_what_a_pull_request_writes_into_a_new_spec_is_its_own(api: Api, child: dict[str, Any]) -> None:
    assert (await variables_of(api, child)).secret == frozenset()
