"""The variables of ``postBuild``, read here instead of by flux.

So flux never looks up a Secret by itself: what it substitutes is exactly what is redacted
afterwards, a file of the pull request cannot make it read another one, and a Kustomization that is
not in the cluster yet is rendered with its variables too. The order and the errors are Flux's:
https://github.com/fluxcd/pkg/blob/kustomize/v1.35.6/kustomize/kustomize_varsub.go
"""

import asyncio
import base64
import binascii
import json
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

from gitops_bot.flux.protocol import Opening
from gitops_bot.models.kustomizations import Kustomization

# Seconds for one object, of which there are few.
_SECONDS = 15.0
# No object of etcd is larger.
_MOST_BYTES = 4 << 20
_KUSTOMIZATIONS = "/apis/kustomize.toolkit.fluxcd.io/v1"


class NotReadableError(Exception):
    """Variables are missing: the text says it as flux would."""


class ApiUnreachableError(Exception):
    """The API server did not answer, or not to us: nothing is known."""


@dataclass(frozen=True)
class Variables:
    """What ``${NAME}`` stands for."""

    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    # Names whose value comes from a Secret.
    secret: frozenset[str] = frozenset()
    # Every value of the Secrets that were read, by key: flux uses the values without line breaks.
    secret_values: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)
    # References that were not followed, and why.
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Reference:
    kind: str
    name: str
    optional: bool


class VariableReader:
    """Reads ConfigMaps and Secrets with the *diff* identity, each once in a session."""

    def __init__(self, opening: Opening) -> None:
        """Resolve the API server's name once; this process has one thread and shall keep it so."""
        self._token = opening.token
        parts = urlsplit(opening.server)
        self._host = parts.hostname or ""
        self._port = parts.port or 443
        self._prefix = parts.path.rstrip("/")
        self._tls = _tls(opening) if parts.scheme == "https" else None
        self._known: dict[str, asyncio.Task[Mapping[str, Any] | None]] = {}

    async def read(self, kustomization: Kustomization) -> Variables:
        """Read what ``postBuild`` refers to; NotReadableError, ApiUnreachableError."""
        after = kustomization.spec.get("postBuild")
        if not isinstance(after, Mapping):
            return Variables()
        values: dict[str, str] = {}
        secret: set[str] = set()
        seen: list[tuple[str, bytes]] = []
        followed, notes = await self._followed(kustomization, list(_references(after)))
        for reference in followed:
            found = await self._object(kustomization.id.namespace, reference)
            data = _data(found, reference.kind)
            for key, value in data.items():
                if reference.kind == "Secret":
                    seen.append((key, value))
                try:
                    values[key] = value.decode("utf-8").replace("\n", "")
                except UnicodeDecodeError:
                    # It could not stand in a manifest either.
                    values.pop(key, None)
                    continue
                (secret.add if reference.kind == "Secret" else secret.discard)(key)
        inline = after.get("substitute")
        for key, text in (inline if isinstance(inline, Mapping) else {}).items():
            values[str(key)] = str(text).replace("\n", "")
            secret.discard(str(key))
        return Variables(values, frozenset(secret), tuple(dict.fromkeys(seen)), tuple(notes))

    async def _followed(
        self, kustomization: Kustomization, references: list[_Reference]
    ) -> tuple[list[_Reference], list[str]]:
        """Leave out Secrets that the object in the cluster does not refer to: a pull request could name any."""
        if not any(reference.kind == "Secret" for reference in references):
            return references, []
        allowed: set[str] = set()
        if kustomization.live:
            path = f"{_KUSTOMIZATIONS}/namespaces/{kustomization.id.namespace}/kustomizations/{kustomization.id.name}"
            live = await self._get(path) or {}
            after = (live.get("spec") or {}).get("postBuild") or {}
            allowed = {item.name for item in _references(after) if item.kind == "Secret"}
        followed = [item for item in references if item.kind != "Secret" or item.name in allowed]
        left_out = [item for item in references if item not in followed]
        return followed, [
            f"substituteFrom refers to Secret/{item.name}, which the Kustomization in the cluster does not read yet: "
            "its variables were not looked up."
            for item in left_out
        ]

    async def _object(self, namespace: str, reference: _Reference) -> Mapping[str, Any]:
        plural = {"ConfigMap": "configmaps", "Secret": "secrets"}[reference.kind]
        path = f"/api/v1/namespaces/{quote(namespace, safe='')}/{plural}/{quote(reference.name, safe='')}"
        try:
            found = await self._get(path)
        except NotReadableError as error:
            raise NotReadableError(f"✗ substitute from '{reference.kind}/{reference.name}' error: {error}") from error
        if found is None and not reference.optional:
            raise NotReadableError(
                f"✗ substitute from '{reference.kind}/{reference.name}' error: {plural} \"{reference.name}\" not found"
            )
        return found or {}

    async def _get(self, path: str) -> Mapping[str, Any] | None:
        """Read one object, once; None when there is none."""
        if path not in self._known:
            self._known[path] = asyncio.create_task(self._request(path), name=f"reader of {path}")
        try:
            return await asyncio.shield(self._known[path])
        except ApiUnreachableError:
            self._known.pop(path, None)
            raise

    async def _request(self, path: str) -> Mapping[str, Any] | None:
        # HTTP 1.0: one answer, not in chunks, and then the end.
        request = (
            f"GET {self._prefix}{path} HTTP/1.0\r\nHost: {self._host}:{self._port}\r\n"
            f"Authorization: Bearer {self._token}\r\nAccept: application/json\r\nUser-Agent: gitops-bot-runner\r\n\r\n"
        )
        try:
            async with asyncio.timeout(_SECONDS):
                answer = await self._exchange(request.encode("ascii"))
            head, _, body = answer.partition(b"\r\n\r\n")
            status = int(head.split(maxsplit=2)[1])
            content = json.loads(body)
        except (OSError, TimeoutError, ssl.SSLError, ValueError, IndexError) as error:
            raise ApiUnreachableError(f"✗ the API server did not answer: {type(error).__name__}") from error
        return _judged(status, content)

    async def _exchange(self, request: bytes) -> bytes:
        address = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)[0]
        connection = socket.socket(address[0], socket.SOCK_STREAM)
        connection.setblocking(False)  # noqa: FBT003 # the standard library's signature
        try:
            await asyncio.get_running_loop().sock_connect(connection, address[4])
        except BaseException:
            connection.close()
            raise
        name = self._host if self._tls else None
        reader, writer = await asyncio.open_connection(sock=connection, ssl=self._tls, server_hostname=name)
        try:
            writer.write(request)
            answer = bytearray()
            while chunk := await reader.read(1 << 16):
                answer += chunk
                if len(answer) > _MOST_BYTES:
                    raise OSError("the answer is too large")
            return bytes(answer)
        finally:
            writer.close()


def _tls(opening: Opening) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=opening.ca_pem or None)
    # As Go sees it: certificate authorities of clusters often lack what RFC 5280 asks for.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _judged(status: int, content: Any) -> Mapping[str, Any] | None:
    message = str(content.get("message") or "") if isinstance(content, dict) else ""
    if status == HTTPStatus.OK and isinstance(content, dict):
        return content
    if status == HTTPStatus.NOT_FOUND:
        return None
    if status == HTTPStatus.FORBIDDEN:
        raise NotReadableError(message)
    raise ApiUnreachableError(f"✗ the API server answered with {status}: {message or 'no reason'}")


def _references(after: Mapping[str, Any]) -> Iterator[_Reference]:
    entries = after.get("substituteFrom")
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, Mapping) and entry.get("kind") in {"ConfigMap", "Secret"}:
            yield _Reference(str(entry["kind"]), str(entry.get("name") or ""), optional=bool(entry.get("optional")))


def _data(found: Mapping[str, Any], kind: str) -> dict[str, bytes]:
    data = found.get("data")
    values = data if isinstance(data, Mapping) else {}
    if kind == "ConfigMap":
        return {str(key): str(value).encode("utf-8", "surrogatepass") for key, value in values.items()}
    try:
        return {str(key): base64.b64decode(str(value)) for key, value in values.items()}
    except binascii.Error as error:
        raise ApiUnreachableError("✗ the API server gave a Secret that is not base64") from error
