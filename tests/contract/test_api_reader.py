"""The runner's own way to read objects: few connections, every framing of HTTP/1.1, and never half an answer."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from gitops_bot.flux import api_reader
from gitops_bot.flux.api_reader import ApiReader, ApiUnreachableError, NotReadableError
from gitops_bot.flux.protocol import Opening

OK = b"HTTP/1.1 200 OK\r\n"
OBJECT = b'{"kind": "ConfigMap"}'
PLAIN = OK + b"Content-Length: 21\r\n\r\n" + OBJECT
CHUNKED = (
    OK + b'Transfer-Encoding: chunked\r\n\r\n8\r\n{"kind":\r\nD;name=value\r\n "ConfigMap"}\r\n0\r\nTrailer: x\r\n\r\n'
)
UNTIL_THE_END = OK + b"\r\n" + OBJECT
LAST = OK + b"Connection: close\r\nContent-Length: 21\r\n\r\n" + OBJECT


class Server:
    """Answers each request with the next of some texts; ``b""`` closes the connection instead."""

    def __init__(self) -> None:
        self.answers: list[bytes] = []
        self.connections = 0
        self.paths: list[str] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.paths.append(head.split()[1].decode())
                answer = self.answers.pop(0) if self.answers else b""
                writer.write(answer)
                await writer.drain()
                if answer not in {PLAIN, CHUNKED}:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    listening = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    yield made
    listening.close()


Reading = Callable[..., ApiReader]


@pytest.fixture
async def reading(server: Server) -> AsyncIterator[Reading]:
    made: list[ApiReader] = []

    def reader(*answers: bytes) -> ApiReader:
        server.answers = list(answers)
        made.append(ApiReader(Opening(flux="", server=f"{server.url}/prefix", ca_pem="", redaction_key="", token="t")))
        return made[-1]

    yield reader
    for one in made:
        for _, writer in one._idle:
            writer.close()


@pytest.mark.parametrize("answer", [PLAIN, CHUNKED, UNTIL_THE_END, LAST])
async def test_it_reads_every_framing(reading: Reading, server: Server, answer: bytes) -> None:
    assert await reading(answer).get("/api/v1") == {"kind": "ConfigMap"}
    assert server.paths == ["/prefix/api/v1"]


@pytest.mark.parametrize(("answers", "connections"), [([PLAIN, CHUNKED, PLAIN], 1), ([PLAIN, LAST, PLAIN], 2)])
async def test_one_after_the_other_goes_over_one_connection(
    reading: Reading, server: Server, answers: Sequence[bytes], connections: int
) -> None:
    reader = reading(*answers)
    for number in range(3):
        assert await reader.get(f"/{number}") == {"kind": "ConfigMap"}
    assert server.connections == connections


async def test_side_by_side_takes_few_connections(reading: Reading, server: Server) -> None:
    reader = reading(*[PLAIN] * 100)
    await asyncio.gather(*(reader.get(f"/{number}") for number in range(100)))
    assert server.connections <= api_reader._AT_ONCE
    assert sorted(server.paths) == sorted(f"/prefix/{number}" for number in range(100))


async def test_a_connection_that_the_server_has_closed_is_replaced(reading: Reading, server: Server) -> None:
    reader = reading(PLAIN, b"", PLAIN)
    assert await reader.get("/1") == {"kind": "ConfigMap"}
    assert await reader.get("/2") == {"kind": "ConfigMap"}
    assert server.paths == ["/prefix/1", "/prefix/2", "/prefix/2"]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        PLAIN[:-1],
        CHUNKED[:-30],
        UNTIL_THE_END[:-1],
        OK + b"Content-Length: -1\r\n\r\n",
        OK + b"Content-Length: 9999999999\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFF\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n-2\r\n",
        b"nonsense\r\n\r\n" + OBJECT,
        OK + b"X: " + b"x" * 100_000,
        OK + b"Content-Length: 2\r\n\r\n[]",
    ],
)
async def test_half_an_answer_is_none(reading: Reading, answer: bytes) -> None:
    with pytest.raises(ApiUnreachableError):
        await reading(answer).get("/1")


async def test_what_is_forbidden_and_what_is_absent(reading: Reading) -> None:
    body = b'{"message": "no"}'
    forbidden = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 17\r\n\r\n" + body
    with pytest.raises(NotReadableError, match="no"):
        await reading(forbidden).get("/1")
    assert await reading(forbidden.replace(b"403", b"404")).get("/2") is None
    with pytest.raises(ApiUnreachableError, match="500"):
        await reading(forbidden.replace(b"403", b"500")).get("/3")
