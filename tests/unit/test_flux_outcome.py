"""What flux is told, and what its exit codes and streams mean."""

import json
from pathlib import Path
from typing import Any

import pytest

from gitops_bot.flux import protocol
from gitops_bot.flux.command import arguments, file_without_variables, kustomization_file, read_outcome
from gitops_bot.flux.process import Ended
from gitops_bot.flux.protocol import Limits
from gitops_bot.flux.run_folder import run_folder
from gitops_bot.flux.trees import OddNameError, TreeOnDisk, odd_name
from gitops_bot.models.changes import FluxOutcome, OutcomeStatus
from gitops_bot.models.kustomizations import Kustomization, KustomizationId, ObjectReference
from gitops_bot.models.tree import Tree

CHANGED = "⚠️ identified at least one change, exiting with non-zero exit code\n"
DIFF = "► ConfigMap/apps/web created\n"
LIMITS = Limits()
OPENING = protocol.Opening("/opt/flux", "https://10.0.0.1:6443", "CA", "00", "token-of-diff")


def outcome(operation: str, code: int, stdout: str = "", stderr: str = "") -> FluxOutcome:
    return read_outcome(operation, Ended(code, stdout.encode(), stderr.encode(), 1.0), LIMITS)


@pytest.mark.parametrize(
    ("code", "stdout", "stderr", "status"),
    [
        (0, "", "", OutcomeStatus.UNCHANGED),
        (0, "► ConfigMap/apps/web skipped\n", "", OutcomeStatus.UNCHANGED),
        (0, "", "Warning: something is deprecated\n", OutcomeStatus.UNCHANGED),
        (1, DIFF, CHANGED, OutcomeStatus.CHANGED),
        (1, DIFF, "Warning: something\n" + CHANGED, OutcomeStatus.CHANGED),
        # Exit 1 is how flux ends after any plain error.
        (1, "", CHANGED, OutcomeStatus.FAILED),
        (1, "  \n", CHANGED, OutcomeStatus.FAILED),
        (1, DIFF, "", OutcomeStatus.FAILED),
        (1, DIFF, "✗ unknown flag: --x\n", OutcomeStatus.FAILED),
        (1, "", "", OutcomeStatus.FAILED),
        # The line inside of an error is no line of flux's.
        (1, DIFF, "✗ x: " + CHANGED, OutcomeStatus.FAILED),
        (0, DIFF, CHANGED, OutcomeStatus.FAILED),
        (2, DIFF, "✗ one failed\n", OutcomeStatus.FAILED),
        (2, DIFF, CHANGED, OutcomeStatus.FAILED),
        (2, "", "✗ failed to get kustomization object: failed to get server groups: x\n", OutcomeStatus.UNAVAILABLE),
        (2, "", '✗ Get "https://x": dial tcp: connect: connection refused\n', OutcomeStatus.UNAVAILABLE),
        # A name in the files is no reason to try again for ever.
        (2, "", "✗ ConfigMap/a/Unauthorized dry-run failed: connection refused\n", OutcomeStatus.FAILED),
        (2, "", '✗ failed to get kustomization object: "x" not found\n', OutcomeStatus.FAILED),
        (2, "", "fatal error: runtime: out of memory\n\ngoroutine 1", OutcomeStatus.REFUSED),
        (2, "", "runtime: x\nfatal error: runtime: cannot allocate memory\n", OutcomeStatus.REFUSED),
        (-9, DIFF, "", OutcomeStatus.REFUSED),
        (-24, DIFF, "", OutcomeStatus.REFUSED),
        (-11, DIFF, "", OutcomeStatus.FAILED),
    ],
)
def test_a_diff_is_read_by_code_and_both_streams(code: int, stdout: str, stderr: str, status: OutcomeStatus) -> None:
    found = outcome("diff", code, stdout, stderr)
    assert found.status is status
    assert bool(found.message) is (status not in {OutcomeStatus.UNCHANGED, OutcomeStatus.CHANGED})
    assert found.usable is (status in {OutcomeStatus.UNCHANGED, OutcomeStatus.CHANGED})


def test_a_part_of_a_diff_is_kept_and_a_part_of_a_render_is_not() -> None:
    assert outcome("diff", 2, DIFF, "✗ x\n").text == DIFF
    assert outcome("build", 1, "kind: ConfigMap\n", "✗ x\n").text == ""


def test_a_build_that_says_changed_is_no_build() -> None:
    assert outcome("build", 1, "kind: X\n", CHANGED).status is OutcomeStatus.FAILED


def test_the_message_begins_with_fluxs_own_word() -> None:
    assert outcome("diff", 2, "", "Warning: x\nI1121 more\n✗ first\n✗ second\n").message == "✗ first\n✗ second"
    assert outcome("diff", 2, "", "no mark at all\n").message == "no mark at all"


def kustomization(*, live: bool = True, **spec: Any) -> Kustomization:
    return Kustomization(KustomizationId("production", "flux-system", "apps"), {"path": "./apps/", **spec}, live=live)


def test_arguments(tmp_path: Path) -> None:
    with run_folder(tmp_path, OPENING, {}) as folder:
        diff = arguments("diff", kustomization(), folder, LIMITS)
        assert diff[:5] == [
            "diff",
            "kustomization",
            "apps",
            "--namespace=flux-system",
            "--path=./apps",
        ]
        assert {"--in-memory-build", "--strict-substitute", "--progress-bar=false", "--timeout=108s"} <= set(diff)
        assert "--ignore-not-found" not in diff
        assert "--ignore-not-found" in arguments("diff", kustomization(live=False), folder, LIMITS)
        build = arguments("build", kustomization(path=""), folder, LIMITS)
        assert {"build", "--dry-run", "--path=./", "--in-memory-build", "--strict-substitute"} <= set(build)
        assert "--recursive" not in diff + build


def test_the_file_has_the_variables_and_nothing_to_look_up() -> None:
    spec = {
        "decryption": {"provider": "sops"},
        "targetNamespace": "x",
        "postBuild": {"substitute": {"A": "1"}, "substituteFrom": [{"kind": "Secret", "name": "s"}]},
    }
    written = kustomization_file(kustomization(**spec), {"A": "1", "B": "2"}, lacking=False)["spec"]
    assert written == {"path": "./apps/", "targetNamespace": "x", "postBuild": {"substitute": {"A": "1", "B": "2"}}}
    lacking = kustomization_file(kustomization(**spec), {}, lacking=True)["spec"]["postBuild"]
    assert lacking == {"substituteStrategy": "Always"}
    assert "postBuild" not in file_without_variables(kustomization(**spec))["spec"]


def test_the_environment_is_made_from_nothing_and_the_folder_goes(tmp_path: Path) -> None:
    with run_folder(tmp_path, OPENING, {"kind": "Kustomization"}) as folder:
        environment = folder.environment(OPENING)
        assert set(environment) == {
            "PATH", "HOME", "TMPDIR", "KUBECONFIG", "TERM", "LANG", "NO_COLOR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
            "GOGC", "GOMEMLIMIT",
        }  # fmt: skip
        assert environment["NO_PROXY"] == "10.0.0.1"
        assert list(Path(environment["PATH"]).iterdir()) == []
        assert list(Path(environment["HOME"]).iterdir()) == []
        assert folder.kubeconfig.stat().st_mode & 0o777 == 0o600
        assert folder.root.stat().st_mode & 0o777 == 0o700
        assert json.loads(folder.kubeconfig.read_text())["users"][0]["user"]["token"] == "token-of-diff"
    assert list(tmp_path.iterdir()) == []


# Trees

ODD = [
    "/etc/passwd",
    "../up",
    "a/../../up",
    "a//b",
    "",
    ".",
    "a/.",
    "a\nb",
    "a\x1b[0m",
    "x" * 256,
    "a/" * 1600 + "b",
    "\0",
]


@pytest.mark.parametrize("path", ODD)
def test_odd_names_are_not_written(tmp_path: Path, path: str) -> None:
    disk = TreeOnDisk(Tree({path: b"odd"}), tmp_path / "tree")
    with pytest.raises(OddNameError, match="cannot be handed to flux"):
        disk.write([path])
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


def test_only_what_is_needed_is_written_and_once(tmp_path: Path) -> None:
    names = {"apps/a.yaml", "-rf", "né.yaml", "\udcff", "a/b/c/d"}
    disk = TreeOnDisk(Tree(dict.fromkeys(names, b"x") | {"other/a.yaml": b"y", "od\nd": b""}), tmp_path / "tree")
    disk.write([*names, "not/there.yaml"])
    disk.write(names)
    written = {str(file.relative_to(tmp_path / "tree")) for file in tmp_path.rglob("*") if file.is_file()}
    assert written == names
    assert (tmp_path / "tree/apps/a.yaml").stat().st_mode & 0o777 == 0o400


def test_a_tree_is_written_into_a_new_folder_only(tmp_path: Path) -> None:
    (tmp_path / "tree").symlink_to("/tmp")  # noqa: S108 # where an attacker would point
    with pytest.raises(FileExistsError):
        TreeOnDisk(Tree({"a": b"x"}), tmp_path / "tree")


@pytest.mark.parametrize("path", ["a", "a/b.yaml", "a b", "-a", "...", "..a", "é"])
def test_ordinary_names(path: str) -> None:
    assert odd_name(path) == ""


# Protocol

MESSAGES: list[protocol.Message] = [
    OPENING,
    protocol.FileContent("d", b"\0\xff"),
    protocol.TreeListing("base", {"a\udcff": "d"}, ("big",), ("link",)),
    protocol.Job(1, "build", "base", kustomization(postBuild={"substitute": {"A": "é"}})),
    protocol.Answer(1, FluxOutcome(OutcomeStatus.CHANGED, "text\n", "", 1.5, ("a note",))),
    protocol.Look(2, kustomization(), (("v1", ObjectReference("ConfigMap", "apps", "web")),)),
    protocol.Sight(2, {0: {"kind": "ConfigMap"}}, (1,)),
    protocol.Failure("why"),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_messages_are_one_line_and_come_back(message: protocol.Message) -> None:
    line = protocol.encode(message)
    assert line.count(b"\n") == 1
    assert protocol.decode(line) == message


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b'{"kind": "Nonsense"}', b'{"kind": "Answer"}', b"\xff"])
def test_what_is_no_message_is_an_error(line: bytes) -> None:
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        protocol.decode(line)


def test_secrets_of_the_opening_are_not_shown() -> None:
    assert "token-of-diff" not in repr(OPENING)
