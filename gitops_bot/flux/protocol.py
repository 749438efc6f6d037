"""What the bot and the runner say to each other: one JSON object a line.

The bot opens with `Opening`, then sends each file once (`FileContent`), the trees as paths with
digests (`TreeListing`), and any number of `Job`s; the runner answers each job with an `Answer` as
soon as it is done, in any order, or with `Stopped` when it was told to `Stop`. When its input ends it
stops everything and goes.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from gitops_bot.models.changes import FluxOutcome, OutcomeStatus
from gitops_bot.models.kustomizations import ClusterCredentials, Kustomization, KustomizationId, ObjectReference

# Bytes of one line. The longest are the answers: a text of some megabytes, escaped.
LINE_BYTES = 128 << 20


@dataclass(frozen=True)
class Limits:
    """What one run of flux may use; the kernel enforces all but the first two and the last."""

    seconds: float = 120.0
    # Bytes that flux may print on one stream.
    output_bytes: int = 8 << 20
    # Address space.
    memory_bytes: int = 6 << 30
    cpu_seconds: int = 120
    file_bytes: int = 256 << 20
    open_files: int = 256
    # Objects that a render may have. Flux keeps the list of them in one object, which the API server bounds at 1.5 MB.
    objects: int = 5000


@dataclass(frozen=True)
class Opening:
    """The first message: the way to the API server, and the rules of the cage."""

    flux: str
    server: str
    ca_pem: str
    # Makes the placeholders of redaction: the same in every session of one bot.
    redaction_key: str = field(repr=False)
    token: str = field(repr=False)
    concurrency: int = 4
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class FileContent:
    """A file's content, under its digest."""

    digest: str
    content: bytes


@dataclass(frozen=True)
class TreeListing:
    """A tree: path to digest."""

    name: str
    files: Mapping[str, str]
    oversized: tuple[str, ...] = ()
    links: tuple[str, ...] = ()


@dataclass(frozen=True)
class Job:
    """One run of flux. ``operation`` is "build" or "diff"."""

    number: int
    operation: str
    tree: str
    kustomization: Kustomization
    # (group, kind) of objects that flux must not look at in a diff, for want of a right.
    left_out: tuple[tuple[str, str], ...] = ()
    # Everything else on the machine goes first.
    last: bool = False


@dataclass(frozen=True)
class Stop:
    """Let a job be: others wait for its place."""

    number: int


@dataclass(frozen=True)
class Stopped:
    """Nothing of that job runs any more, and it has no answer."""

    number: int


@dataclass(frozen=True)
class Answer:
    """What became of a job."""

    number: int
    outcome: FluxOutcome


@dataclass(frozen=True)
class Look:
    """A wish to see objects as they are in the cluster, each with its apiVersion."""

    number: int
    kustomization: Kustomization
    objects: tuple[tuple[str, ObjectReference], ...]


@dataclass(frozen=True)
class Sight:
    """What a look found: the objects asked for, by their place in the wish. What could not be read is in neither."""

    number: int
    found: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    absent: tuple[int, ...] = ()


@dataclass(frozen=True)
class Failure:
    """The runner itself cannot go on; the text is for the log of the bot."""

    message: str


Message = Opening | FileContent | TreeListing | Job | Answer | Stop | Stopped | Look | Sight | Failure


def digest(content: bytes) -> str:
    """Name a content."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def opening(
    flux: str, credentials: ClusterCredentials, *, redaction_key: bytes, concurrency: int, limits: Limits
) -> Opening:
    """Make the first message."""
    return Opening(
        flux=flux,
        server=credentials.server,
        ca_pem=credentials.ca_pem,
        redaction_key=redaction_key.hex(),
        token=credentials.token,
        concurrency=concurrency,
        limits=limits,
    )


def encode(message: Message) -> bytes:
    """Write a message as one line."""
    match message:
        case FileContent():
            body: Any = {"digest": message.digest, "content": base64.b64encode(message.content).decode("ascii")}
        case Job():
            body = {"number": message.number, "operation": message.operation, "tree": message.tree}
            body["kustomization"] = _brief(message.kustomization)
            body |= {"left_out": message.left_out, "last": message.last}
        case Look():
            wanted = [[version, one.kind, one.namespace, one.name, one.group] for version, one in message.objects]
            body = {"number": message.number, "objects": wanted, "kustomization": _brief(message.kustomization)}
        case _:
            body = asdict(message)
    # ASCII only: paths may hold bytes that are not UTF-8, as lone surrogates.
    return (
        json.dumps({"kind": type(message).__name__, **body}, separators=(",", ":"), default=str).encode("ascii") + b"\n"
    )


def _brief(kustomization: Kustomization) -> dict[str, Any]:
    """Give what decides a run, and nothing else of the object: its inventory may be long."""
    identity = kustomization.id
    return {
        "id": [identity.cluster, identity.namespace, identity.name],
        "spec": kustomization.spec,
        "live": kustomization.live,
        "given_values": kustomization.given_values,
    }


def _kustomization(about: Mapping[str, Any]) -> Kustomization:
    given = about.get("given_values") or {}
    return Kustomization(KustomizationId(*about["id"]), about["spec"], live=about["live"], given_values=given)


def _answer(body: dict[str, Any]) -> Answer:
    outcome = dict(body["outcome"])
    outcome |= {"status": OutcomeStatus(outcome["status"]), "notes": tuple(outcome["notes"])}
    return Answer(body["number"], FluxOutcome(**outcome))


def _look(body: dict[str, Any]) -> Look:
    wanted = tuple((version, ObjectReference(*names)) for version, *names in body["objects"])
    return Look(body["number"], _kustomization(body["kustomization"]), wanted)


_READERS: Mapping[str, Callable[[dict[str, Any]], Message]] = {
    "Opening": lambda body: Opening(**{**body, "limits": Limits(**body["limits"])}),
    "FileContent": lambda body: FileContent(body["digest"], base64.b64decode(body["content"])),
    "TreeListing": lambda body: TreeListing(
        body["name"], body["files"], tuple(body["oversized"]), tuple(body["links"])
    ),
    "Job": lambda body: Job(
        body["number"],
        body["operation"],
        body["tree"],
        _kustomization(body["kustomization"]),
        tuple((group, kind) for group, kind in body.get("left_out", ())),
        last=bool(body.get("last")),
    ),
    "Stop": lambda body: Stop(body["number"]),
    "Stopped": lambda body: Stopped(body["number"]),
    "Answer": _answer,
    "Look": _look,
    "Sight": lambda body: Sight(
        body["number"], {int(place): value for place, value in body["found"].items()}, tuple(body["absent"])
    ),
    "Failure": lambda body: Failure(body["message"]),
}


def decode(line: bytes) -> Message:
    """Read a message; ValueError, KeyError or TypeError when it is none."""
    body = json.loads(line)
    return _READERS[body.pop("kind")](body)
