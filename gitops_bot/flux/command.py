"""What flux is told, and how what it says is read.

Flags and exit codes: https://github.com/fluxcd/flux2/blob/v2.9.5/cmd/flux/diff_kustomization.go
"""

import json
import re
import signal
from collections.abc import Mapping, Sequence
from typing import Any

from gitops_bot.flux.process import Ended, Stopped
from gitops_bot.flux.protocol import Limits
from gitops_bot.flux.run_folder import RunFolder
from gitops_bot.models.changes import FluxOutcome, OutcomeStatus
from gitops_bot.models.kustomizations import Kustomization

# Exit 1 is also how flux ends after a wrong flag or a lost file: only with this line it means "changed".
_CHANGED_LINE = re.compile(r"^⚠️ identified at least one change, exiting with non-zero exit code\n?", re.MULTILINE)
_CHANGED_CODE = 1
# What Go's runtime prints when memory cannot be had within RLIMIT_AS, and when it falls over otherwise.
_OUT_OF_MEMORY = re.compile(
    r"^(?:fatal error: .*(?:out of memory|cannot allocate)|runtime: out of memory)", re.MULTILINE
)
_CRASH = re.compile(r"^(?:panic: |fatal error: |runtime: |SIG[A-Z]+: )", re.MULTILINE)
# Run-level failures that say nothing about the files. They begin the message: what follows may quote them.
_UNREACHABLE = re.compile(
    r"✗ (?:failed to get kustomization object: )?(?:failed to get (?:server groups|API group resources)|Get \"http"
    r"|the server (?:has asked for|is currently unable|was unable)|Unauthorized|Too many requests|etcdserver:"
    r"|context deadline exceeded|client rate limiter)"
)
# For large Kustomizations: the default of 50 requests a second is what they would wait for.
_REQUESTS_PER_SECOND = 200
_BURST = 400


_OTHER_KIND = {
    "target": {"kind": "Secret"},
    "patch": json.dumps([{"op": "replace", "path": "/kind", "value": "SecretOfWhichOnlyReferencesAreRead"}]),
}
# What flux puts in place of a value of a Secret that looks encrypted.
_MASKED = re.compile(r"\*\*SOPS\*\*|KipTT1BTKio=")


def hides_values(render: str) -> bool:
    """Whether flux masked something in a render, so that not everything in it can be seen."""
    return _MASKED.search(render) is not None


def arguments(operation: str, kustomization: Kustomization, folder: RunFolder, limits: Limits) -> list[str]:
    """Give the arguments of ``flux build`` or ``flux diff kustomization``, after the program's name.

    A build never asks the cluster (``--dry-run``): its variables stand in the file that we write,
    so that a Kustomization which is not in the cluster yet is rendered like any other.
    """
    common = [
        "kustomization",
        kustomization.id.name,
        f"--namespace={kustomization.id.namespace}",
        f"--path=./{kustomization.path}",
        f"--kustomization-file={folder.kustomization}",
        "--in-memory-build",
        "--strict-substitute",
        # Flux's own patience ends before ours, so that it can still tell what it waited for.
        f"--timeout={max(1, int(limits.seconds * 0.9))}s",
    ]
    if operation == "build":
        return ["build", *common, "--dry-run"]
    return [
        "diff",
        *common,
        "--progress-bar=false",
        f"--kube-api-qps={_REQUESTS_PER_SECOND}",
        f"--kube-api-burst={_BURST}",
        *([] if kustomization.live else ["--ignore-not-found"]),
    ]


def kustomization_file(
    kustomization: Kustomization,
    variables: Mapping[str, str],
    *,
    lacking: bool,
    left_out: Sequence[tuple[str, str]] = (),
) -> dict[str, Any]:
    """Write the object that flux is given: the spec, with the variables put in and nothing left to look up.

    ``decryption`` goes because flux cannot decrypt here, and must not try. ``lacking``: some variables
    were not looked up, so that a reference must fail even if there is no variable at all.
    ``left_out``: (group, kind) of objects that are marked so that a diff skips them, as a person may do in git.
    """
    spec = {key: value for key, value in kustomization.spec.items() if key not in {"decryption", "kubeConfig"}}
    after = spec.get("postBuild")
    if isinstance(after, Mapping):
        kept = {key: value for key, value in after.items() if key not in {"substitute", "substituteFrom"}}
        kept |= {"substitute": dict(variables)} if variables else {}
        spec["postBuild"] = kept | ({"substituteStrategy": "Always"} if lacking else {})
    if left_out:
        patches = spec.get("patches")
        spec["patches"] = [*(patches if isinstance(patches, list) else ()), *map(_skipping, left_out)]
    return _object(kustomization, spec)


def _skipping(kind: tuple[str, str]) -> dict[str, Any]:
    """Write a patch that marks every object of a kind. Its own kind and name do not matter beside the target."""
    mark = {"metadata": {"name": "any", "annotations": {"kustomize.toolkit.fluxcd.io/reconcile": "disabled"}}}
    # Both are patterns for kustomize, which anchors them.
    target = {name: re.escape(text) for name, text in zip(("group", "kind"), kind, strict=True) if text}
    return {"target": target, "patch": json.dumps({"apiVersion": "v1", "kind": kind[1], **mark})}


def file_without_variables(kustomization: Kustomization, *, open_secrets: bool = False) -> dict[str, Any]:
    """Write the object without ``postBuild``: the render keeps every ``${NAME}`` as it stands.

    ``open_secrets`` gives Secrets another kind: flux masks what looks encrypted in a Secret, and ends where
    its data is no base64, as a reference is not.
    """
    kept = {key: value for key, value in kustomization.spec.items() if key != "postBuild"}
    if open_secrets:
        patches = kept.get("patches")
        kept["patches"] = [*(patches if isinstance(patches, list) else ()), _OTHER_KIND]
    return kustomization_file(Kustomization(kustomization.id, kept, live=kustomization.live), {}, lacking=False)


def _object(kustomization: Kustomization, spec: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": kustomization.id.name, "namespace": kustomization.id.namespace},
        "spec": spec,
    }


def read_outcome(operation: str, ended: Ended, limits: Limits) -> FluxOutcome:
    """Tell what a run of flux means. The texts are not redacted yet."""
    stdout, stderr = (stream.decode("utf-8", "backslashreplace") for stream in (ended.stdout, ended.stderr))
    stopped = _stopped(ended, stderr, limits)
    if stopped:
        return FluxOutcome(OutcomeStatus.REFUSED, message=stopped, seconds=ended.seconds)
    changed = bool(_CHANGED_LINE.search(stderr))
    if ended.returncode == 0 and not changed:
        return FluxOutcome(OutcomeStatus.UNCHANGED, text=stdout, seconds=ended.seconds)
    if operation == "diff" and ended.returncode == _CHANGED_CODE and changed and stdout.strip():
        return FluxOutcome(OutcomeStatus.CHANGED, text=stdout, seconds=ended.seconds)
    message = _reason(_CHANGED_LINE.sub("", stderr))
    if ended.returncode < 0 or _CRASH.search(message):
        message = f"flux crashed ({_how(ended.returncode)}): {message}"
    status = OutcomeStatus.UNAVAILABLE if _UNREACHABLE.match(message) else OutcomeStatus.FAILED
    # A part of a diff is worth showing; a part of a render is not.
    part = stdout if operation == "diff" and status is OutcomeStatus.FAILED else ""
    return FluxOutcome(
        status,
        text=part,
        message=message or f"flux ended with {ended.returncode} and said nothing",
        seconds=ended.seconds,
    )


def _stopped(ended: Ended, stderr: str, limits: Limits) -> str:
    """Tell which limit ended a run; "" when none did."""
    by_us = {
        Stopped.DEADLINE: f"flux was killed after {limits.seconds:g} seconds.",
        Stopped.OUTPUT: f"flux printed more than {limits.output_bytes} bytes (flux.output_bytes) and was killed.",
    }
    by_kernel = {
        -signal.SIGXCPU: f"flux used more than {limits.cpu_seconds} seconds of processor time and was killed.",
        -signal.SIGXFSZ: f"flux wrote a file of more than {limits.file_bytes} bytes and was killed.",
        -signal.SIGKILL: "flux was killed by the system, most likely because memory ran out.",
    }
    if ended.stopped is not None:
        return by_us[ended.stopped]
    if _OUT_OF_MEMORY.search(stderr):
        return f"flux needed more than {limits.memory_bytes >> 20} MiB of memory and was stopped: out of memory."
    return by_kernel.get(ended.returncode, "")


def _how(returncode: int) -> str:
    if returncode < 0:
        return signal.Signals(-returncode).name if -returncode in signal.valid_signals() else f"signal {-returncode}"
    return f"exit {returncode}"


def _reason(stderr: str) -> str:
    """Give flux's last word, which begins with ✗; warnings of the API server may stand before it."""
    at = 0 if stderr.startswith("✗ ") else stderr.find("\n✗ ") + 1
    return stderr[at:].strip()
