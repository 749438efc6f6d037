"""The runner over HTTPS: who is let in, what each session may take, and what stays behind when somebody vanishes."""

import asyncio
import contextlib
import itertools
import json
import os
import shutil
import signal
import ssl
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import aiohttp
import psutil
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from runner_server import SECRET, RunnerServer, prepare, running, start
from waiting import until

from gitops_bot.config import FluxSettings
from gitops_bot.errors import RunnerError, RunnerUnavailable, SettingsError
from gitops_bot.flux import FluxDoor, handshake, protocol, remote_runner
from gitops_bot.flux.handshake import Meeting
from gitops_bot.flux.program import find_flux
from gitops_bot.models.changes import OutcomeStatus
from gitops_bot.models.kustomizations import ClusterCredentials, Kustomization, KustomizationId
from gitops_bot.models.tree import Tree
from gitops_bot.runner import certificate, strangers
from gitops_bot.runner import server as cage_server
from gitops_bot.runner.doorkeeper import Doorkeeper

APPS = Kustomization(KustomizationId("production", "flux-system", "apps"), {"path": "./apps"}, live=False)
TREE = Tree({"apps/a.yaml": b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: b}\n"})
NOWHERE = ClusterCredentials("https://127.0.0.1:9", "", "token-canary", datetime.now(UTC) + timedelta(minutes=10))


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunnerServer]:
    async with running(tmp_path) as started:
        yield started


@pytest.fixture
async def silence() -> AsyncIterator[ClusterCredentials]:
    """An API server that takes every connection and never says a word: flux waits for it."""
    waiting: list[asyncio.StreamWriter] = []

    async def listen(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        waiting.append(writer)

    listener = await asyncio.start_server(listen, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    yield ClusterCredentials(f"https://127.0.0.1:{port}", "", "token-canary", NOWHERE.expires_at)
    for writer in waiting:
        writer.close()
    listener.close()


def children(server: RunnerServer) -> list[psutil.Process]:
    return psutil.Process(server.process.pid).children(recursive=True)


def is_clean(server: RunnerServer) -> bool:
    return not children(server) and not list(server.temporary.iterdir())


async def build(settings: FluxSettings) -> OutcomeStatus:
    async with FluxDoor(settings) as door, door.session(NOWHERE, {"t": TREE}) as cage:
        return (await cage.build(APPS, "t")).status


async def test_it_builds_and_leaves_nothing(server: RunnerServer) -> None:
    assert await build(server.settings()) is OutcomeStatus.UNCHANGED
    await until(lambda: is_clean(server), "the session is gone")
    assert "token-canary" not in "".join(server.lines)


async def test_it_tells_what_it_is(server: RunnerServer) -> None:
    async with FluxDoor(server.settings()) as door:
        facts = await door.about_runner()
    assert (facts.where, facts.own_network) == (server.url, False)
    assert tuple(map(int, facts.flux_version.split("."))) >= (2, 9, 1)


# Who is let in


async def test_another_secret_opens_nothing(server: RunnerServer, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("x" * 40)
    with pytest.raises(RunnerUnavailable, match="does not accept our secret"):
        await build(server.settings(runner_secret_file=other))
    assert children(server) == []


async def test_a_secret_is_replaced_without_a_gap(server: RunnerServer, tmp_path: Path) -> None:
    ours, new = tmp_path / "ours", "n" * 40
    for runner_has, we_have in [(SECRET, f"{new}\n{SECRET}"), (f"{new}\n{SECRET}", SECRET), (new, f"{new}\n{SECRET}")]:
        server.secret_file.write_text(runner_has)
        ours.write_text(we_have)
        assert await build(server.settings(runner_secret_file=ours)) is OutcomeStatus.UNCHANGED
    ours.write_text(SECRET)
    with pytest.raises(RunnerUnavailable, match="does not accept our secret"):
        await build(server.settings(runner_secret_file=ours))


async def test_a_secret_that_could_be_guessed_is_refused(server: RunnerServer, tmp_path: Path) -> None:
    weak = tmp_path / "weak"
    weak.write_text("hunter2")
    with pytest.raises(SettingsError, match="at least 32 characters"):
        await build(server.settings(runner_secret_file=weak))
    server.secret_file.write_text("hunter2")
    with pytest.raises(RunnerUnavailable, match="does not accept our secret"):
        await build(server.settings(runner_secret_file=_file(tmp_path, "hunter2" * 6)))


def _file(folder: Path, text: str) -> Path:
    (folder / "written").write_text(text)
    return folder / "written"


def anything() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer x",
        "GitopsBot a.b.c",
        "GitopsBot ....",
        f"GitopsBot a.{'0' * 64}.b",
        f"GitopsBot a-\udce9.{'0' * 64}.b",
    ],
)
async def test_without_a_proof_the_answer_is_401(server: RunnerServer, header: str) -> None:
    async with aiohttp.ClientSession() as client:
        url = f"{server.url}{handshake.SESSION_PATH}"
        async with client.get(url, headers={"Authorization": header} if header else {}, ssl=anything()) as answer:
            assert (answer.status, answer.headers.get("WWW-Authenticate")) == (401, "GitopsBot")
    assert children(server) == []


def test_a_proof_is_good_once_and_for_a_short_time() -> None:
    now = 1000.0
    keeper = Doorkeeper(lambda: SECRET, "certificate", lambda: now)

    def header(secret: str = SECRET, *, number: str = "", certificate: str = "certificate") -> str:
        return handshake.authorization(Meeting(number or keeper.number(), "0" * 64, certificate), secret)

    good = header()
    assert keeper.answer(good)
    assert not keeper.answer(good), "the same again"
    assert not keeper.answer(header("y" * 40)), "another secret"
    assert not keeper.answer(header(certificate="another")), "made for another certificate"
    assert not keeper.answer(header(number="3e8-00-00")), "a number that it never gave"
    late = header()
    now += 31
    assert not keeper.answer(late), "too late"


class Eavesdropper:
    """Somebody in the middle, with a certificate of their own, who passes everything on to the true runner."""

    def __init__(self, runner: RunnerServer, *, claims: str) -> None:
        self._runner = runner
        self._claims = claims
        self.heard = b""

    @asynccontextmanager
    async def listening(self, made: certificate.Certificate | None = None) -> AsyncIterator[str]:
        made = made or certificate.self_made()
        self._own = made.fingerprint
        passing: list[asyncio.Task[None]] = []

        def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            passing.append(asyncio.create_task(self._pass_on(reader, writer)))

        server = await asyncio.start_server(met, "127.0.0.1", 0, ssl=made.context)
        try:
            yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            # Neither side has to hang up by itself: nobody listens any more, and nothing is passed on.
            server.close()
            while passing:
                task = passing.pop()
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter, *, answers: bool) -> None:
            while chunk := await source.read(1 << 16):
                self.heard += chunk
                if answers and self._claims == "own" and b'"certificate": "' in chunk:
                    at = chunk.index(b'"certificate": "') + 16
                    chunk = chunk[:at] + self._own.encode() + chunk[at + 64 :]
                target.write(chunk)
                await target.drain()

        writers = [writer]
        try:
            to, back = await asyncio.open_connection("127.0.0.1", self._runner.port, ssl=anything())
            writers.append(back)
            await asyncio.gather(pump(reader, back, answers=False), pump(to, writer, answers=True))
        except (OSError, ssl.SSLError):
            pass
        finally:
            for one in writers:
                one.transport.abort()


@pytest.mark.parametrize("claims", ["own", "the runner's"])
async def test_somebody_in_the_middle_hears_nothing(server: RunnerServer, claims: str) -> None:
    eavesdropper = Eavesdropper(server, claims=claims)
    async with eavesdropper.listening() as url:
        with pytest.raises(RunnerUnavailable):
            await build(server.settings(runner_url=url))
    assert b"v1/challenge" in eavesdropper.heard, "they were not in the middle"
    assert b"token-canary" not in eavesdropper.heard
    assert SECRET.encode() not in eavesdropper.heard
    assert children(server) == []


async def test_a_runner_that_does_not_know_the_secret_hears_nothing() -> None:
    """It lets everybody in, and cannot prove itself."""
    made, heard = certificate.self_made(), []

    async def challenge(_request: web.Request) -> web.Response:
        return web.json_response({"number": "1", "certificate": made.fingerprint})

    async def session(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str(json.dumps({"proof": "0" * 64, "about": {}}))
        heard.extend([message.data async for message in socket])
        return socket

    application = web.Application()
    application.add_routes([web.get(handshake.CHALLENGE_PATH, challenge)])
    application.add_routes([web.get(handshake.SESSION_PATH, session)])
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=made.context).start()
        url = f"https://127.0.0.1:{runner.addresses[0][1]}"
        with pytest.raises(RunnerUnavailable, match="it is not our runner"):
            await build(FluxSettings.model_validate({"runner_url": url, "runner_secret": SECRET}))
    finally:
        await runner.cleanup()
    assert heard == []


async def test_with_an_authority_another_certificate_is_refused(server: RunnerServer, tmp_path: Path) -> None:
    pem = tmp_path / "ca.pem"
    pem.write_text(ssl.get_server_certificate(("127.0.0.1", server.port)))
    # The runner's own certificate, trusted; but it was made for another name than 127.0.0.1.
    with pytest.raises(RunnerUnavailable, match=r"(?i)certificate verify failed|hostname|not valid for"):
        await build(server.settings(runner_ca_file=pem))
    pem.write_text("nothing")
    with pytest.raises(SettingsError, match=r"flux\.runner_ca_file"):
        await build(server.settings(runner_ca_file=pem))


async def test_an_authority_vouches_for_the_certificate_of_the_proof_only(tmp_path: Path) -> None:
    """Somebody in the middle has a certificate of the same authority, for the same name, and passes everything on."""
    own, theirs = signed_by_one(tmp_path)
    options = ("--certificate-file", str(own / "certificate.pem"), "--key-file", str(own / "key.pem"))
    async with running(tmp_path / "runner", *options) as server:
        trusting = {"runner_ca_file": tmp_path / "ca.pem"}
        assert await build(server.settings(**trusting)) is OutcomeStatus.UNCHANGED
        middle = certificate.from_files(theirs / "certificate.pem", theirs / "key.pem")
        eavesdropper = Eavesdropper(server, claims="the runner's")
        async with eavesdropper.listening(middle) as url:
            with pytest.raises(RunnerUnavailable):
                await build(server.settings(runner_url=url, **trusting))
        assert b"v1/challenge" in eavesdropper.heard, "they were not in the middle"
        assert b"GitopsBot" not in eavesdropper.heard, "not even a proof"
        assert children(server) == []


def signed_by_one(folder: Path) -> tuple[Path, Path]:
    """Make an authority (``ca.pem``) and two certificates of it for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    authority = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")])
    now = datetime.now(UTC)

    def sign(name: x509.Name, public: ec.EllipticCurvePublicKey, *, is_authority: bool) -> bytes:
        made = x509.CertificateBuilder().subject_name(name).issuer_name(authority).public_key(public)
        made = made.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        made = made.not_valid_after(now + timedelta(days=1))
        made = made.add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        signed = made.add_extension(names, critical=False).sign(key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM)

    (folder / "ca.pem").write_bytes(sign(authority, key.public_key(), is_authority=True))
    for place in ("own", "theirs"):
        (folder / place).mkdir()
        mine = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, place)])
        (folder / place / "certificate.pem").write_bytes(sign(name, mine.public_key(), is_authority=False))
        written = mine.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (folder / place / "key.pem").write_bytes(written)
    return folder / "own", folder / "theirs"


# Strangers


async def test_connections_that_say_nothing_keep_nobody_out(server: RunnerServer) -> None:
    """More of them than there may be: before TLS, and after it in the middle of a request."""
    writers = []
    for number in range(100):
        secure = anything() if number % 2 else None
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=secure)
            writer.write(b"GET /v1/challenge HTTP/1.1\r\nHost: x\r\n" if secure else b"")
            writers.append(writer)
    try:
        assert len(open_connections(server)) <= 64
        assert await build(server.settings()) is OutcomeStatus.UNCHANGED
    finally:
        for writer in writers:
            writer.transport.abort()


async def test_a_stranger_is_sent_away_and_the_bot_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strangers, "_SECONDS", 1.0)
    ours = certificate.self_made()
    server = cage_server.RunnerServer(await find_flux("flux"), ours, lambda: SECRET, cage_server.Bounds())
    server._strangers = strangers.Strangers(seconds=1.0)
    async with server.serving("127.0.0.1", 0) as port:
        url = f"https://127.0.0.1:{port}"
        settings = FluxSettings.model_validate({"runner_url": url, "runner_secret": SECRET})
        async with FluxDoor(settings) as door, door.session(NOWHERE, {"t": TREE}) as cage:
            for secure in (None, anything()):
                reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=secure)
                # Slowly, and without an end.
                writer.write(b"GET /healthz HTTP/1.1\r\nX: " if secure else b"\x16")
                async with asyncio.timeout(20):
                    with contextlib.suppress(OSError):
                        assert await reader.read() == b""
                writer.transport.abort()
            # Longer than a stranger may.
            assert (await cage.build(APPS, "t")).status is OutcomeStatus.UNCHANGED


def open_connections(server: RunnerServer) -> list[object]:
    """Those that others have opened to it."""
    found = psutil.Process(server.process.pid).net_connections("tcp")
    return [one for one in found if one.status == psutil.CONN_ESTABLISHED and one.laddr.port == server.port]


# What a session may take


async def test_more_than_it_may_send_ends_the_session(tmp_path: Path) -> None:
    async with running(tmp_path, "--session-bytes", "100000") as server, FluxDoor(server.settings()) as door:
        large = Tree({"apps/a.yaml": os.urandom(200_000)})
        with pytest.raises(RunnerError, match="does not take as much"):
            async with door.session(NOWHERE, {"t": large}) as cage:
                await cage.build(APPS, "t")
        await until(lambda: is_clean(server), "the session is gone")
        assert await build(server.settings()) is OutcomeStatus.UNCHANGED


async def test_a_session_ends_when_its_time_is_over(tmp_path: Path, silence: ClusterCredentials) -> None:
    async with running(tmp_path, "--session-seconds", "3") as server, FluxDoor(server.settings()) as door:
        async with door.session(silence, {"t": TREE}) as cage:
            with pytest.raises(RunnerError, match="took too long"):
                await cage.diff(APPS, "t")
        await until(lambda: is_clean(server), "the session is gone")


async def test_there_is_room_for_so_many_sessions_and_the_next_one_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path, "--sessions", "1") as server, FluxDoor(server.settings()) as door:
        async with door.session(NOWHERE, {"t": TREE}):
            monkeypatch.setattr(remote_runner, "_WAIT_FOR_ROOM", 0.5)
            with pytest.raises(RunnerUnavailable, match="no room"):
                await build(server.settings())
            monkeypatch.setattr(remote_runner, "_WAIT_FOR_ROOM", 60.0)
            waiting = asyncio.create_task(build(server.settings()))
            await until(lambda: len(children(server)) == 1, "one session")
            assert not waiting.done()
        assert await waiting is OutcomeStatus.UNCHANGED


async def test_what_the_runner_decided_is_not_opened_anew(server: RunnerServer, tmp_path: Path) -> None:
    """A bot that somebody has taken over runs nothing but the runner's flux, within the runner's limits."""
    touched = tmp_path / "touched"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {touched}\n")
    program.chmod(0o755)
    opening = protocol.opening(str(program), NOWHERE, redaction_key=b"k" * 32, concurrency=1, limits=protocol.Limits())
    digest = protocol.digest(TREE.files["apps/a.yaml"])
    settings = server.settings()
    runner = remote_runner.RemoteRunner(server.url, settings.read_runner_secret)
    async with runner.connect() as channel:
        for message in (
            opening,
            opening,
            protocol.FileContent(digest, TREE.files["apps/a.yaml"]),
            protocol.TreeListing("t", {"apps/a.yaml": digest}),
            protocol.Job(1, "build", "t", APPS),
        ):
            await channel.send(protocol.encode(message))
        said = protocol.decode(await channel.receive())
        assert isinstance(said, protocol.Failure), said
        assert await channel.receive() == b""
    assert not touched.exists()


async def test_several_runners_behind_one_address(tmp_path: Path) -> None:
    """Each has a certificate of its own, and the second connection goes to another one than the first."""
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    async with running(tmp_path / "one") as one, running(tmp_path / "other") as other:
        turn = itertools.cycle((one.port, other.port))

        async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            back, to = await asyncio.open_connection("127.0.0.1", next(turn))

            async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
                with contextlib.suppress(OSError):
                    while chunk := await source.read(1 << 16):
                        target.write(chunk)
                        await target.drain()
                target.close()

            await asyncio.gather(pump(reader, to), pump(back, writer))

        balancer = await asyncio.start_server(pass_on, "127.0.0.1", 0)
        async with balancer:
            url = f"https://127.0.0.1:{balancer.sockets[0].getsockname()[1]}"
            for _ in range(3):
                assert await build(one.settings(runner_url=url)) is OutcomeStatus.UNCHANGED


async def test_the_runner_decides_what_is_run_and_how_much_it_may_take(
    tmp_path: Path, silence: ClusterCredentials
) -> None:
    async with running(tmp_path, "--deadline", "1") as server, FluxDoor(server.settings(deadline=100)) as door:
        # A path of the bot's machine means nothing here.
        assert server.settings().binary == "/nowhere/flux"
        async with door.session(silence, {"t": TREE}) as cage:
            outcome = await cage.diff(APPS, "t")
        assert not outcome.usable
        assert outcome.seconds < 50


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--memory-bytes", "1000000"), "does not start with less"),
        (("--listen", "8443"), "is not HOST:PORT"),
        (("--key-file", "x"), "belong together"),
        (("--flux", "/nowhere/flux"), "there is no program"),
    ],
)
async def test_wrong_options_are_told(tmp_path: Path, options: tuple[str, ...], reason: str) -> None:
    prepare(tmp_path)
    with pytest.raises(AssertionError, match=reason):
        await start(tmp_path, *options)


# Who vanishes


BOT = """
import asyncio, sys
from datetime import UTC, datetime
from gitops_bot.config import FluxSettings
from gitops_bot.flux import FluxDoor
from gitops_bot.models.kustomizations import ClusterCredentials, Kustomization, KustomizationId
from gitops_bot.models.tree import Tree
async def main():
    apps = Kustomization(KustomizationId("c", "flux-system", "apps"), {"path": "./apps"}, live=False)
    tree = Tree({"apps/a.yaml": b"apiVersion: v1\\nkind: ConfigMap\\nmetadata: {name: a, namespace: b}\\n"})
    credentials = ClusterCredentials(sys.argv[1], "", "token-canary", datetime.now(UTC))
    settings = FluxSettings(runner_url=sys.argv[2], runner_secret_file=sys.argv[3])
    async with FluxDoor(settings) as door, door.session(credentials, {"t": tree}) as cage:
        await cage.diff(apps, "t")
asyncio.run(main())
"""


async def test_nothing_outlives_a_bot_that_is_killed(server: RunnerServer, silence: ClusterCredentials) -> None:
    bot = await asyncio.create_subprocess_exec(
        sys.executable, "-c", BOT, silence.server, server.url, str(server.secret_file)
    )
    await until(lambda: len(children(server)) == 2, "a session and its flux")
    bot.kill()
    await bot.wait()
    await until(lambda: is_clean(server), "nothing is left of the session")


async def test_nothing_outlives_a_bot_that_falls_silent(tmp_path: Path, silence: ClusterCredentials) -> None:
    """Its node is gone: no connection is closed, but no sign of life is answered either."""
    async with running(tmp_path, "--heartbeat", "1") as server:
        bot = await asyncio.create_subprocess_exec(
            sys.executable, "-c", BOT, silence.server, server.url, str(server.secret_file)
        )
        try:
            await until(lambda: len(children(server)) == 2, "a session and its flux")
            bot.send_signal(signal.SIGSTOP)
            await until(lambda: is_clean(server), "nothing is left of the session")
        finally:
            bot.kill()
            await bot.wait()


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
async def test_a_runner_that_restarts_is_worth_another_try(
    tmp_path: Path, silence: ClusterCredentials, sign: signal.Signals
) -> None:
    prepare(tmp_path)
    server = await start(tmp_path)
    try:
        async with FluxDoor(server.settings()) as door:
            async with door.session(silence, {"t": TREE}) as cage:
                running_job = asyncio.create_task(cage.diff(APPS, "t"))
                await until(lambda: len(children(server)) == 2, "a session and its flux")
                family = children(server)
                await server.end(sign)
                with pytest.raises(RunnerUnavailable, match="went away"):
                    await running_job
                await until(lambda: not any(one.is_running() for one in family), "flux died with the runner")
            with pytest.raises(RunnerUnavailable, match="cannot be reached"):
                async with door.session(NOWHERE, {"t": TREE}):
                    pass
            # Its folders lie in a volume that outlives the container.
            server = await start(tmp_path, port=server.port)
            await until(lambda: is_clean(server), "what the killed one left is cleared")
            async with door.session(NOWHERE, {"t": TREE}) as cage:
                assert (await cage.build(APPS, "t")).status is OutcomeStatus.UNCHANGED
    finally:
        await server.end(signal.SIGKILL)


async def test_a_session_that_dies_alone_is_no_reason_to_try_for_ever(
    server: RunnerServer, silence: ClusterCredentials
) -> None:
    async with FluxDoor(server.settings()) as door:
        async with door.session(silence, {"t": TREE}) as cage:
            job = asyncio.create_task(cage.diff(APPS, "t"))
            await until(lambda: len(children(server)) == 2, "a session and its flux")
            (child,) = psutil.Process(server.process.pid).children()
            child.kill()
            with pytest.raises(RunnerError, match="ended before it answered") as failure:
                await job
            assert not isinstance(failure.value, RunnerUnavailable)
        await until(lambda: is_clean(server), "nothing is left of the session")
        assert await build(server.settings()) is OutcomeStatus.UNCHANGED


async def test_the_child_of_a_session_knows_no_secret(server: RunnerServer) -> None:
    async with FluxDoor(server.settings()) as door, door.session(NOWHERE, {"t": TREE}) as cage:
        assert (await cage.build(APPS, "t")).status is OutcomeStatus.UNCHANGED
        (child,) = psutil.Process(server.process.pid).children()
        told = [*child.cmdline(), *child.environ(), *child.environ().values()]
        assert sorted(child.environ()) == ["LANG", "TMPDIR"]
        assert not any(SECRET in text or str(server.secret_file) in text for text in told)


async def test_it_needs_no_rights_of_root_and_is_closed_to_its_own_user() -> None:
    """As in its Pod: another user, who is also that of every session and of flux."""
    folder = Path(tempfile.mkdtemp(prefix="gitops-bot-test-"))
    os.chmod(folder, 0o711)  # noqa: PTH101, S103 # not of Path in a coroutine; the other user must get in
    try:
        async with running(folder, nobody=True) as server, FluxDoor(server.settings()) as door:
            async with door.session(NOWHERE, {"t": TREE}) as cage:
                assert (await cage.build(APPS, "t")).status is OutcomeStatus.UNCHANGED
                (child,) = psutil.Process(server.process.pid).children()
                for process in (child, psutil.Process(server.process.pid)):
                    assert process.uids().real == 65534
                    said = await environment_as_nobody(process.pid)
                    assert "PermissionError" in said, said
            await until(lambda: is_clean(server), "nothing is left of the session")
    finally:
        shutil.rmtree(folder)


async def environment_as_nobody(pid: int) -> str:
    """Read another process's environment as its own user would."""
    script = (
        f"import os\nos.setgroups([]), os.setgid(65534), os.setuid(65534)\nprint(open('/proc/{pid}/environ').read())"
    )
    reader = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", script), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    return (await reader.communicate())[0].decode()


def test_what_a_bot_says_first_must_be_an_opening() -> None:
    with pytest.raises(KeyError):
        protocol.decode(b'{"kind": "Nothing"}')
