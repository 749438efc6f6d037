"""Git over HTTP: the real ``git http-backend``, behind GitHub's rights.

https://git-scm.com/docs/git-http-backend, https://git-scm.com/docs/http-protocol
"""

import asyncio
from contextlib import suppress
from urllib.parse import quote

from aiohttp import web

from gitops_bot.sandbox.github import bare
from gitops_bot.sandbox.github.faults import carry_out
from gitops_bot.sandbox.github.front import Credentials, Front, credentials
from gitops_bot.sandbox.github.limits import Limits
from gitops_bot.sandbox.github.records import Repository, at_least
from gitops_bot.sandbox.github.refusals import Refusal
from gitops_bot.sandbox.github.state import State
from gitops_bot.sandbox.github.syncing import Syncing, pushing

_CHUNK = 1 << 16
_PUSH = "git-receive-pack"
_SERVICES = ("git-upload-pack", _PUSH)


class GitOverHttp:
    """Answers ``/{owner}/{name}.git/…`` (and without ``.git``)."""

    def __init__(self, state: State, syncing: Syncing, *, front: Front, limits: Limits) -> None:
        self._state = state
        self._syncing = syncing
        self._front = front
        self._limits = limits

    def routes(self) -> list[web.RouteDef]:
        """Give the routes."""
        return [
            web.get("/{owner}/{repo}/info/refs", self.handle),
            web.post("/{owner}/{repo}/{service:git-upload-pack|git-receive-pack}", self.handle),
        ]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Check rights, carry out faults, hand over to git."""
        try:
            who, wrong = credentials(request, self._state), None
        except Refusal as refusal:
            who, wrong = Credentials(), refusal
        entry = self._front.remember(request, request.path, who.login, "git")
        self._limits.count(who.token, "git")
        fault = self._front.take_fault(request, request.path, who.login, entry)
        if fault is not None and (fault.when == "before" or fault.kind == "latency"):
            broken = await carry_out(fault, request, b"")
            fault = None
            if broken is not None:
                entry["status"] = broken.status
                return broken
        service = request.match_info.get("service") or request.query.get("service", "")
        repository, refused = self._admit(request, who, wrong=wrong, service=service)
        if repository is None:
            entry["status"] = refused.status
            return refused
        await self._syncing.sync(repository)
        if service == _PUSH and who.token is not None:
            with pushing(repository, self._state.users[who.token.login.lower()]):
                answer = await self._serve(request, repository, broken=fault is not None)
                await self._syncing.sync(repository)
        else:
            answer = await self._serve(request, repository, broken=fault is not None)
        entry["status"] = answer.status
        if fault is not None:
            return await carry_out(fault, request, b"") or answer
        if not answer.prepared:
            return answer
        await answer.write_eof()
        return answer

    def _admit(
        self, request: web.Request, who: Credentials, *, wrong: Refusal | None, service: str
    ) -> tuple[Repository | None, web.Response]:
        """Give the repository, or the answer that GitHub gives to somebody who may not."""
        challenge = web.Response(
            status=401,
            text="Repository not found.\n" if wrong is None else "Bad credentials\n",
            headers={"WWW-Authenticate": 'Basic realm="GitHub"'},
        )
        missing = web.Response(status=404, text="Repository not found.\n")
        name = request.match_info["repo"].removesuffix(".git")
        repository = self._state.repository(request.match_info["owner"], name)
        if wrong is not None or service not in _SERVICES:
            return None, challenge if wrong is not None else missing
        anonymous = who.token is None
        if repository is None:
            return None, challenge if anonymous else missing
        permission = "none" if anonymous else self._permission(repository, who)
        if repository.private and not at_least(permission, "read"):
            return None, challenge if anonymous else missing
        if service == _PUSH and not at_least(permission, "write"):
            words = f"Permission to {repository.full_name}.git denied to {who.login}.\n"
            return None, challenge if anonymous else web.Response(status=403, text=words)
        return repository, missing

    def _permission(self, repository: Repository, who: Credentials) -> str:
        permission = self._state.permission_of_token(repository, who.token)
        read_only = who.token is not None and who.token.read_only
        return "read" if read_only and permission != "none" else permission

    async def _serve(self, request: web.Request, repository: Repository, *, broken: bool) -> web.StreamResponse:
        """Run ``git http-backend`` and pass on what it says; ``broken``: it does its work, nobody hears of it."""
        inner = request.path.split("/", 3)[3]
        variables = {
            "GIT_PROJECT_ROOT": str(repository.folder.parent),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": f"/{quote(repository.folder.name)}/{inner}",
            "REQUEST_METHOD": request.method,
            "QUERY_STRING": request.query_string,
            "CONTENT_TYPE": request.headers.get("Content-Type", ""),
            "REMOTE_USER": repository.pusher.login if repository.pusher else "",
            "REMOTE_ADDR": "127.0.0.1",
        }
        if "Git-Protocol" in request.headers:
            variables["GIT_PROTOCOL"] = request.headers["Git-Protocol"]
        process = await asyncio.create_subprocess_exec(
            "git",
            "http-backend",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=bare.environment(variables),
            cwd="/",
        )
        feeding = asyncio.create_task(_feed(request, process), name="feeds git http-backend")
        try:
            answer = await _pass_on(request, process, silent=broken)
        except BaseException:
            with suppress(ProcessLookupError):
                process.kill()
            raise
        finally:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)
            await process.wait()
        return answer


async def _feed(request: web.Request, process: asyncio.subprocess.Process) -> None:
    """Give git the body of the request (aiohttp has unpacked it already)."""
    pipe = process.stdin
    if pipe is None:
        return
    # Git may end before it has read everything, and a client may go before it has said everything.
    try:
        with suppress(ConnectionError):
            async for chunk in request.content.iter_chunked(_CHUNK):
                pipe.write(chunk)
                await pipe.drain()
    finally:
        pipe.close()


async def _pass_on(request: web.Request, process: asyncio.subprocess.Process, *, silent: bool) -> web.StreamResponse:
    """Translate the CGI answer. A client that goes away does not stop git: a push that arrived takes effect."""
    out = process.stdout
    if out is None:
        raise RuntimeError("git http-backend was started without a pipe")
    answer = web.StreamResponse()
    while line := (await out.readline()).decode("latin-1").strip():
        name, _, value = line.partition(": ")
        if name.lower() == "status":
            answer.set_status(int(value.split()[0]))
        else:
            answer.headers[name] = value
    gone = silent
    while True:
        chunk = await out.read(_CHUNK)
        if not gone:
            try:
                if not answer.prepared:
                    await answer.prepare(request)
                await answer.write(chunk)
            except ConnectionError:
                gone = True
        if not chunk:
            return answer
