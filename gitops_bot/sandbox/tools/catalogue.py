"""Which programs, in which version, and where each can come from.

The versions were run together (flux 2.9.5 is the command line of a release whose controllers are
these). A range says which other versions a program on PATH may have.
"""

from dataclasses import dataclass, field

KUBERNETES = "1.36.3"
FLUX = "2.9.5"
ETCD = "3.7.3"
KUSTOMIZE_CONTROLLER = "1.9.5"
SOURCE_CONTROLLER = "1.9.3"
HELM_CONTROLLER = "1.6.4"

Version = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Release:
    """An official download. ``{arch}`` stands for amd64 or arm64."""

    url: str
    # A file of ``<sha256>  <name>`` lines, or of one bare sum, from the same site.
    checksums_url: str
    # The file inside the archive; None: the download is the program.
    member: str | None = None


@dataclass(frozen=True, slots=True)
class CopiedModule:
    """A Go module that is built inside a writable copy of itself."""

    module: str
    version: str
    package: str
    # Files that the module lacks and that an embed pattern wants, with their content.
    added_files: tuple[tuple[str, str], ...] = ()
    # Module paths that the module replaces with a folder which is not part of it.
    unreplaced: tuple[str, ...] = ()
    linker_flags: str = ""


@dataclass(frozen=True, slots=True)
class ScratchModule:
    """A Go module that is built as a dependency of an empty one."""

    module: str
    version: str
    package: str
    # What an import may name: a main package is importable only behind a build tag, the module root otherwise.
    imported: str
    # The version of the sibling modules that the module's go.mod gives as v0.0.0; empty: it has none.
    staging_version: str = ""
    linker_flags: str = ""


@dataclass(frozen=True, slots=True)
class Tool:
    """One program."""

    name: str
    version: str
    build: CopiedModule | ScratchModule
    release: Release | None = None
    # What makes the program print its version; empty: it cannot tell, so none is taken from PATH.
    version_arguments: tuple[str, ...] = ()
    # First version of the range, and the first one past it.
    tested: tuple[Version, Version] = field(default=((0,), (0,)))
    # Minutes that the Go build takes on two cores when nothing is cached.
    build_minutes: float = 1
    optional: bool = False


def _kubernetes(name: str, *, version_arguments: tuple[str, ...], minutes: float, optional: bool = False) -> Tool:
    package = f"k8s.io/kubernetes/cmd/{name}"
    address = f"https://dl.k8s.io/release/v{KUBERNETES}/bin/linux/{{arch}}/{name}"
    base = "k8s.io/component-base/version"
    major, minor, _ = KUBERNETES.split(".")
    return Tool(
        name=name,
        version=KUBERNETES,
        build=ScratchModule(
            module="k8s.io/kubernetes",
            version=f"v{KUBERNETES}",
            package=package,
            imported=package,
            staging_version="v0." + KUBERNETES.split(".", 1)[1],
            # Without these it would call itself v0.0.0, and clients that ask for a minimum version would refuse it.
            linker_flags=f"-X {base}.gitVersion=v{KUBERNETES} -X {base}.gitMajor={major} -X {base}.gitMinor={minor}",
        ),
        release=Release(url=address, checksums_url=f"{address}.sha256"),
        version_arguments=version_arguments,
        tested=((1, 36), (1, 37)),
        build_minutes=minutes,
        optional=optional,
    )


def _controller(name: str, version: str, minutes: float) -> Tool:
    module = f"github.com/fluxcd/{name}"
    return Tool(
        name=name,
        version=version,
        build=CopiedModule(module=module, version=f"v{version}", package=".", unreplaced=(f"{module}/api",)),
        build_minutes=minutes,
    )


TOOLS: tuple[Tool, ...] = (
    Tool(
        name="etcd",
        version=ETCD,
        build=ScratchModule(
            module="go.etcd.io/etcd/server/v3",
            version=f"v{ETCD}",
            package="go.etcd.io/etcd/server/v3",
            imported="go.etcd.io/etcd/server/v3",
        ),
        release=Release(
            url=f"https://github.com/etcd-io/etcd/releases/download/v{ETCD}/etcd-v{ETCD}-linux-{{arch}}.tar.gz",
            checksums_url=f"https://github.com/etcd-io/etcd/releases/download/v{ETCD}/SHA256SUMS",
            member=f"etcd-v{ETCD}-linux-{{arch}}/etcd",
        ),
        version_arguments=("--version",),
        tested=((3, 5), (3, 8)),
        build_minutes=0.5,
    ),
    _kubernetes("kube-apiserver", version_arguments=("--version",), minutes=5),
    _kubernetes("kube-controller-manager", version_arguments=("--version",), minutes=2),
    Tool(
        name="flux",
        version=FLUX,
        build=CopiedModule(
            module="github.com/fluxcd/flux2/v2",
            version=f"v{FLUX}",
            package="./cmd/flux",
            # The install manifests are no part of the module: `flux install` does not work in this build.
            added_files=(("cmd/flux/manifests/placeholder.yaml", "{}\n"),),
            linker_flags=f"-X main.VERSION={FLUX}",
        ),
        release=Release(
            url=f"https://github.com/fluxcd/flux2/releases/download/v{FLUX}/flux_{FLUX}_linux_{{arch}}.tar.gz",
            checksums_url=f"https://github.com/fluxcd/flux2/releases/download/v{FLUX}/flux_{FLUX}_checksums.txt",
            member="flux",
        ),
        version_arguments=("--version",),
        tested=((2, 9, 1), (2, 10)),
        build_minutes=3.5,
    ),
    _controller("source-controller", SOURCE_CONTROLLER, 2.5),
    _controller("kustomize-controller", KUSTOMIZE_CONTROLLER, 2),
    _kubernetes("kubectl", version_arguments=("version", "--client"), minutes=1.5, optional=True),
)

# Where the definitions of Flux's objects come from: config/crd/bases of each module, in the Go module cache.
DEFINITION_MODULES: tuple[tuple[str, str], ...] = (
    ("github.com/fluxcd/source-controller", f"v{SOURCE_CONTROLLER}"),
    ("github.com/fluxcd/kustomize-controller", f"v{KUSTOMIZE_CONTROLLER}"),
    ("github.com/fluxcd/helm-controller", f"v{HELM_CONTROLLER}"),
)


def required_tools() -> tuple[Tool, ...]:
    """Give what the sandbox cannot do without."""
    return tuple(tool for tool in TOOLS if not tool.optional)
