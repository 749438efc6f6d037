"""One identity at one API server: paths in, JSON out, errors translated.

The generated models of the client library are not used: what is asked here are Flux's own kinds,
and the library alone is a tenth of this program's memory. It is imported at the first connection.
"""

import asyncio
import json
import os
import re
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

from gitops_bot import telemetry
from gitops_bot.errors import ClusterError, ClusterRefused, ClusterUnavailable, SettingsError

# Seconds for one request. The API server itself gives up after 60.
_REQUEST_SECONDS = 30.0
# Objects of one page. https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
_PAGE = 500
# Lists that are begun anew because the API server forgot where they were.
_RESTARTS = 3
# Bytes of one answer: a page of large objects is some megabytes.
_MOST_BYTES = 256 << 20
# A quotation in an error text.
_QUOTED = 500
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 # the files are in a folder of our own below it

Json = dict[str, Any]


class NotFoundError(Exception):
    """404: there is no such object, or no such kind."""


class WriteDeniedError(ClusterError):
    """A write was refused by admission or as not valid; the text is the API server's own."""


class AlreadyThereError(ClusterError):
    """409: the object exists."""


class _ExpiredError(Exception):
    """410: the rest of a list is not there any more."""


_ADMISSION = re.compile("ValidatingAdmissionPolicy|admission webhook")
_REFUSALS: Mapping[int, type[Exception]] = {
    HTTPStatus.NOT_FOUND: NotFoundError,
    HTTPStatus.GONE: _ExpiredError,
    HTTPStatus.CONFLICT: AlreadyThereError,
    HTTPStatus.FORBIDDEN: WriteDeniedError,
    HTTPStatus.UNPROCESSABLE_ENTITY: WriteDeniedError,
}


@dataclass(frozen=True)
class Access:
    """How to reach an API server, without who asks."""

    server: str
    ca_pem: str
    tls_server_name: str | None = None
    proxy: str | None = None


@dataclass
class Connection:
    """Requests of one identity. ``open_*`` makes one; ``close`` ends it."""

    cluster: str
    access: Access
    # What the identity is called in the text of an error.
    identity: str
    client: Any = field(repr=False)

    async def close(self) -> None:
        """Close the sockets."""
        await self.client.close()

    def bearer_token(self) -> str:
        """Give the token that this connection uses; "" when it has another kind of credentials."""
        value = str(self.client.configuration.api_key.get("BearerToken") or "")
        scheme, _, token = value.partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""

    async def get(self, path: str, *, query: Mapping[str, str] | None = None, accept: str = "application/json") -> Json:
        """Read one object; NotFoundError when there is none."""
        return await self._call("GET", path, query=query, accept=accept)

    async def post(self, path: str, body: Json, *, query: Mapping[str, str] | None = None) -> Json:
        """Create an object."""
        return await self._call("POST", path, body=body, query=query)

    async def items(self, path: str) -> AsyncIterator[Json]:
        """Go through a list, page by page. A list that the API server forgot halfway begins anew."""
        for attempt in range(_RESTARTS):
            try:
                pages = [page async for page in self._pages(path)]
            except _ExpiredError:
                if attempt == _RESTARTS - 1:
                    raise ClusterUnavailable(
                        f"Cluster {self.cluster}: the list {path} expired before it was read"
                    ) from None
                continue
            for page in pages:
                for item in page:
                    yield item
            return

    async def _pages(self, path: str) -> AsyncIterator[list[Json]]:
        more = ""
        while True:
            query = {"limit": str(_PAGE)} | ({"continue": more} if more else {})
            page = await self._call("GET", path, query=query)
            yield list(page.get("items") or [])
            more = str((page.get("metadata") or {}).get("continue") or "")
            if not more:
                return

    async def _call(
        self,
        method: str,
        path: str,
        *,
        body: Json | None = None,
        query: Mapping[str, str] | None = None,
        accept: str = "application/json",
    ) -> Json:
        status, text = await self._request(method, path, body, query, accept)
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            try:
                answer = json.loads(text)
            except ValueError as error:
                raise ClusterUnavailable(f"Cluster {self.cluster}: {method} {path} was not answered in JSON") from error
            if isinstance(answer, dict):
                return answer
            raise ClusterUnavailable(f"Cluster {self.cluster}: {method} {path} was not answered with an object")
        raise self._refusal(method, path, status, _message(text))

    async def _request(
        self, method: str, path: str, body: Json | None, query: Mapping[str, str] | None, accept: str
    ) -> tuple[int, bytes]:
        import aiohttp  # noqa: PLC0415 # with the library that brings it, at the first connection

        try:
            _, url, headers, sent, _ = await self.client.param_serialize(
                method,
                path,
                query_params=list((query or {}).items()),
                header_params={"Accept": accept},
                body=body,
                auth_settings=["BearerToken"],
            )
            answer = await self.client.call_api(method, url, headers, sent, _request_timeout=_REQUEST_SECONDS)
            async with answer.response:
                return int(answer.status), await _read(answer.response)
        except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError, OSError) as error:
            reason = telemetry.without_tokens(str(error)) or type(error).__name__
            raise ClusterUnavailable(
                f"Cluster {self.cluster} ({self.access.server}) does not answer: {reason[:_QUOTED]}"
            ) from error

    def _refusal(self, method: str, path: str, status: int, message: str) -> Exception:
        where = f"Cluster {self.cluster}: {method} {path}"
        text = f"{where}: {message}"
        if status == HTTPStatus.UNAUTHORIZED:
            return ClusterUnavailable(
                f"Cluster {self.cluster} does not accept the credentials of {self.identity}: "
                "they are wrong or have expired."
            )
        if status == HTTPStatus.FORBIDDEN and not _ADMISSION.search(message):
            return ClusterRefused(f"{text}. Give {self.identity} this right: {_rule(method, path)}")
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
            return ClusterUnavailable(f"{where} was answered with {status}: {message}")
        return _REFUSALS.get(status, ClusterError)(text)


async def _read(response: Any) -> bytes:
    """Read an answer, but not more than this process can bear."""
    parts, size = [], 0
    async for part in response.content.iter_chunked(1 << 16):
        size += len(part)
        if size > _MOST_BYTES:
            response.close()
            raise ConnectionError(f"an answer is larger than {_MOST_BYTES} bytes")
        parts.append(part)
    return b"".join(parts)


def _message(text: bytes) -> str:
    """Give the message of a Status object, or the start of whatever it is (a proxy's page, say)."""
    try:
        message = json.loads(text)["message"]
    except (ValueError, KeyError, TypeError):
        message = text[:_QUOTED].decode("utf-8", "replace")
    return telemetry.without_tokens(str(message))[: 4 * _QUOTED]


_VERBS = {"GET": "list", "POST": "create"}


def _rule(method: str, path: str) -> str:
    """Give the RBAC rule that a refused request lacks, ready to paste."""
    parts = [part for part in path.split("/") if part]
    # /api/v1/… or /apis/GROUP/VERSION/…
    group, rest = ("", parts[2:]) if parts[0] == "api" else (parts[1], parts[3:])
    names_object = len(rest) > 1 and rest[0] != "namespaces"
    if rest[:1] == ["namespaces"] and len(rest) > 2:  # noqa: PLR2004 # namespaces/NAME/resource/…
        rest = rest[2:]
        names_object = len(rest) > 1
    resource = "/".join([rest[0], *rest[2:]]) if rest else "*"
    name = f', resourceNames: ["{rest[1]}"]' if names_object and method != "GET" else ""
    verb = "get" if names_object and method == "GET" else _VERBS[method]
    return f'{{apiGroups: ["{group}"], resources: ["{resource}"]{name}, verbs: [{verb}]}}'


async def open_configured(cluster: str, kubeconfig: Path | None, context: str | None) -> Connection:
    """Connect as a kubeconfig says, or as the ServiceAccount of this Pod; SettingsError when neither works."""
    from kubernetes.aio import config  # noqa: PLC0415 # half a second and 20 MB, so not before it is needed

    configuration = _new_configuration()
    # The library writes keys of a kubeconfig to files, to read them when the client is made. In memory, and
    # gone before anything else happens: a bot that is killed leaves none.
    with tempfile.TemporaryDirectory(prefix="gitops-bot-kube-", dir=_memory()) as folder:
        try:
            if kubeconfig is None:
                config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call] # as published
            else:
                await config.load_kube_config(  # type: ignore[no-untyped-call] # as published
                    config_file=str(kubeconfig),
                    context=context,
                    client_configuration=configuration,
                    persist_config=False,
                    temp_file_path=folder,
                )
            certificates = _ca_of(configuration)
            client = _new_client(configuration)
        except Exception as error:
            raise SettingsError(_cannot_connect(cluster, kubeconfig, context, error)) from error
        finally:
            _forget_files(config.kube_config, folder)
    if not configuration.verify_ssl:
        await client.close()
        raise SettingsError(
            f"Cluster {cluster}: insecure-skip-tls-verify is not accepted. "
            "Put the cluster's certificate authority into the kubeconfig."
        )
    access = Access(
        server=str(configuration.host).rstrip("/"),
        ca_pem=certificates,
        tls_server_name=configuration.tls_server_name or None,
        proxy=configuration.proxy or None,
    )
    identity = "the identity of the kubeconfig" if kubeconfig else "the ServiceAccount gitops-bot"
    return Connection(cluster, access, identity, client)


def _forget_files(library: Any, folder: str) -> None:
    """Make the library forget the files of a folder: it would give them to the next connection with the same keys."""
    known = library._temp_files  # noqa: SLF001 # its own way to forget also deletes those of a connection being made
    for content in [content for content, file in known.items() if file.startswith(folder)]:
        del known[content]


def _memory() -> str | None:
    """Give a folder whose files never reach a disk; None for the usual one where there is none."""
    return str(_SHARED_MEMORY) if os.access(_SHARED_MEMORY, os.W_OK) else None


def open_with_token(cluster: str, access: Access, token: str, identity: str) -> Connection:
    """Connect with a bearer token and nothing else: a client certificate would win over it."""
    configuration = _new_configuration()
    configuration.host = access.server
    configuration.ca_cert_data = access.ca_pem or None
    configuration.tls_server_name = access.tls_server_name
    configuration.proxy = access.proxy
    configuration.api_key["BearerToken"] = f"Bearer {token}"
    return Connection(cluster, access, identity, _new_client(configuration))


def _new_configuration() -> Any:
    from kubernetes.aio import client  # noqa: PLC0415 # see open_configured

    configuration = client.Configuration()
    # Answers of the cluster itself decide what is tried again, and when: the journeys know.
    configuration.retries = None
    # Like Flux and kubectl: certificate authorities of clusters often lack what RFC 5280 asks for.
    configuration.disable_strict_ssl_verification = True
    # Proxies of the environment are for the outside world; a kubeconfig names its own.
    configuration.client_session_kwargs = {"trust_env": False}
    configuration.proxy = None
    return configuration


def _new_client(configuration: Any) -> Any:
    from kubernetes.aio import client  # noqa: PLC0415 # see open_configured

    made = client.ApiClient(configuration)
    made.user_agent = "gitops-bot"
    return made


def _ca_of(configuration: Any) -> str:
    if configuration.ssl_ca_cert:
        return Path(configuration.ssl_ca_cert).read_text(encoding="utf-8")
    return ""


def _cannot_connect(cluster: str, kubeconfig: Path | None, context: str | None, error: Exception) -> str:
    reason = telemetry.without_tokens(str(error)).strip() or type(error).__name__
    if kubeconfig is None:
        return (
            f"Cluster {cluster}: this process does not run in a cluster ({reason}). "
            f"Set clusters.kubeconfig, for example {{name: {cluster}, kubeconfig: /etc/gitops-bot/kubeconfig}}."
        )
    if not kubeconfig.is_file():
        return f"Cluster {cluster}: clusters.kubeconfig: there is no file {kubeconfig}."
    chosen = f"context {context}" if context else "current context"
    return f"Cluster {cluster}: the {chosen} of {kubeconfig} cannot be used: {reason[:_QUOTED]}"
