"""Risks of what runs: how much of it, which images, how it is watched and limited."""

from collections.abc import Callable, Iterable, Iterator

from gitops_bot.rules.images import Image, parse_image
from gitops_bot.rules.pods import Container, Pod
from gitops_bot.rules.quantities import quantity
from gitops_bot.rules.reading import at, listed, mapping, shown, text
from gitops_bot.rules.risk_kinds import APPS, BATCH, Risk, Rule
from gitops_bot.rules.touched import Touched
from gitops_bot.rules.versions import compare_versions

_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")


def nothing_runs(item: Touched) -> Iterator[Risk]:
    """Find what is scaled to nothing."""
    if not item.stays:
        return
    name = "minReplicas" if item.reference.kind == "HorizontalPodAutoscaler" else "replicas"
    old, new = (at(value, "spec", name) for value in (item.old, item.new))
    if old is None and (item.of[0] == APPS or name == "minReplicas"):
        old = 1  # the API server's default
    if quantity(new) == 0 and (quantity(old) or 0) > 0:
        yield Risk(
            "scales-to-zero",
            f"{item} goes to zero: {name} {shown(old)} -> 0.",
            "Make sure that nobody needs it, or leave one running.",
        )


def suspended(item: Touched) -> Iterator[Risk]:
    """Find jobs that stop being run."""
    jobs = item.of in {(BATCH, "CronJob"), (BATCH, "Job")}
    if jobs and item.stays and at(item.new, "spec", "suspend") is True and at(item.old, "spec", "suspend") is not True:
        yield Risk(
            "suspends-job",
            f"{item} is suspended: suspend {shown(at(item.old, 'spec', 'suspend') or False)} -> true.",
            "Make sure that somebody resumes it, and that missed runs do not matter.",
        )


def unwatched(item: Touched) -> Iterator[Risk]:
    """Find containers that lose a probe."""
    yield from _lost(
        item,
        "removes-probe",
        lambda container: [probe for probe in _PROBES if mapping(container.value.get(probe))],
        "Give it another one, or say why it needs none.",
    )


def unlimited(item: Touched) -> Iterator[Risk]:
    """Find containers that lose a limit."""
    yield from _lost(
        item,
        "removes-limit",
        lambda container: [
            f"limit of {key}" for key in mapping(at(container.value, "resources", "limits")) if isinstance(key, str)
        ],
        "Set a limit that it stays below in normal work.",
    )


def _lost(item: Touched, code: str, what: Callable[[Container], Iterable[str]], advice: str) -> Iterator[Risk]:
    """Find what containers had and have no longer."""
    said = []
    for old, new in _both(item):
        kept = set(what(new))
        gone = [name for name in what(old) if name not in kept]
        said += [f"{listed(gone)} of container {new.name}"] if gone else []
    if said:
        yield Risk(code, f"{item} loses {listed(said, 3)}.", advice)


def _both(item: Touched) -> Iterator[tuple[Container, Container]]:
    """Give the containers that are there before and after."""
    old, new = item.old_pod, item.new_pod
    for key, container in new.containers.items():
        before = old.containers.get(key)
        if before is not None:
            yield before, container


def images(item: Touched) -> Iterator[Risk]:
    """Find images that nobody can name, older ones, and those that come from elsewhere."""
    old, new = item.old_pod, item.new_pod
    found: dict[str, list[str]] = {}
    for key, container in new.containers.items():
        before, after = _image(old, key), text(container.value.get("image"))
        if before != after:
            for code in _image_risks(parse_image(before), parse_image(after)):
                arrow = f"{shown(before)} -> {shown(after)}" if before else shown(after)
                found.setdefault(code, []).append(f"{container.name} {arrow}")
    for code, said in found.items():
        yield Risk(code, _IMAGE_WORDS[code][0].format(item, listed(said, 2)), _IMAGE_WORDS[code][1])


_IMAGE_WORDS = {
    "image-latest": ("{} runs an image that may be another one tomorrow: {}.", "Name a version, or a digest."),
    "image-downgraded": ("{} goes back to an older image: {}.", "Make sure that the older one can read today's data."),
    "image-source": ("{} takes an image from elsewhere: {}.", "Make sure that the new place is trusted."),
}


def _image(pod: Pod, key: str) -> str:
    container = pod.containers.get(key)
    return text(container.value.get("image")) if container else ""


def _image_risks(old: Image | None, new: Image | None) -> Iterator[str]:
    if new is None:
        return
    if new.floating:
        yield "image-latest"
    if old is None:
        return
    if old.source != new.source:
        yield "image-source"
    elif compare_versions(old.tag, new.tag) == -1:
        yield "image-downgraded"


WORKLOAD_RULES: tuple[Rule, ...] = (nothing_runs, suspended, unwatched, unlimited, images)
