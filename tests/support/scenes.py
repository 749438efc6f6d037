"""What a pull request does to a cluster that has a life of its own, scene by scene.

Each scene says what ``main`` was when Flux applied it last, what people then did by hand, what the
base branch is now (the same, unless main is ahead) and what the merge would make of it. ``expected``
is what the report must say; after the merge the real controller applies the result, and the objects
are compared with what was said. How to read it::

    change ConfigMap/web (pull_request)          operation, object, origin
      pull_request data.mode: blue -> green      origin, field: live -> after the merge
    ! immutable-field Deployment/web blocks      finding, object, and whether it blocks
    [failing]                                    the row's state, unless it is "changed"

An origin is one of: *pull_request*; *drift* (somebody's change that Flux would undo, merge or not);
*pending* (on the base branch, not applied yet); *adopted* (somebody did by hand what the pull request
says); *withdrawn* (on the base branch, never applied, taken back); *undone* (somebody changed what the
pull request changes too).
"""

# ruff: noqa: E501 # a line of an expected report is one line here, however long

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from family_stage import child
from scene_stage import Step, create, delete, edit, forbid, limit, mutate, scale


def config(name: str, *, marks: Mapping[str, str] | None = None, **data: str) -> str:
    """Write a ConfigMap; ``marks`` are annotations."""
    metadata = {"name": name, **({"annotations": dict(marks)} if marks else {})}
    return _document("v1", "ConfigMap", metadata, data=data)


def secret(name: str, **data: str) -> str:
    """Write a Secret with plain values."""
    return _document("v1", "Secret", {"name": name}, stringData=data)


def deployment(name: str = "web", *, marks: Mapping[str, str] | None = None, **container: Any) -> str:
    """Write a Deployment of one container; ``replicas``, ``selector`` and ``sidecar`` are taken out of its fields."""
    spec: dict[str, Any] = {"replicas": container.pop("replicas")} if "replicas" in container else {}
    selector = {"app": container.pop("selector", name)}
    containers = [{"name": "app", "image": "web:1", **container}]
    containers.insert(1, container.pop("sidecar")) if "sidecar" in container else None
    containers[0].pop("sidecar", None)
    template = {"metadata": {"labels": selector}, "spec": {"containers": containers}}
    metadata = {"name": name, **({"annotations": dict(marks)} if marks else {})}
    return _document(
        "apps/v1", "Deployment", metadata, spec={**spec, "selector": {"matchLabels": selector}, "template": template}
    )


def service(name: str = "web", **spec: Any) -> str:
    """Write a Service."""
    return _document("v1", "Service", {"name": name}, spec={"selector": {"app": name}, "ports": [{"port": 80}], **spec})


def widget(name: str, **spec: Any) -> str:
    """Write an object of a kind of our own, whose schema has a default (``size: 1``)."""
    return _document("scenes.example/v1", "Widget", {"name": name}, spec=spec)


def definition(plural: str, kind: str) -> str:
    """Write the definition of a kind, with one field and its default."""
    schema = {
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "properties": {
                    "size": {"type": "integer", "default": 1},
                    "colour": {"type": "string"},
                    "notes": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                },
            }
        },
    }
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": plural, "singular": kind.lower(), "kind": kind}
    spec = {"group": "scenes.example", "scope": "Namespaced", "names": names, "versions": [version]}
    return _document(
        "apiextensions.k8s.io/v1", "CustomResourceDefinition", {"name": f"{plural}.scenes.example"}, spec=spec
    )


def namespace(name: str) -> str:
    """Write a Namespace."""
    return _document("v1", "Namespace", {"name": name})


def _document(version: str, kind: str, metadata: Mapping[str, Any], **rest: Any) -> str:
    value = json.loads(json.dumps({"apiVersion": version, "kind": kind, "metadata": metadata, **rest}))
    return "---\n" + yaml.safe_dump(value, sort_keys=False)


def _environment(values: Mapping[str, str]) -> Step:
    """Somebody edits the variables of Deployment/web by hand."""
    container = {
        "name": "app",
        "image": "web:1",
        "env": [{"name": key, "value": value} for key, value in values.items()],
    }
    return edit("Deployment/web", {"spec": {"template": {"spec": {"containers": [container]}}}})


def _containers(images: Mapping[str, str]) -> Step:
    """Somebody edits the containers of Deployment/web by hand."""
    containers = [{"name": name, "image": image} for name, image in images.items()]
    return edit("Deployment/web", {"spec": {"template": {"spec": {"containers": containers}}}})


def _labelled(name: str, **labels: str) -> str:
    """Write a ConfigMap with labels."""
    return _document("v1", "ConfigMap", {"name": name, "labels": labels}, data={"x": "1"})


def _placed(place: str, text: str) -> str:
    """Put one object into a namespace."""
    return text.replace("metadata:\n", f"metadata:\n  namespace: {place}\n", 1)


FORCE = {"kustomize.toolkit.fluxcd.io/force": "enabled"}
KEEP = {"kustomize.toolkit.fluxcd.io/prune": "disabled"}
PAUSE = {"kustomize.toolkit.fluxcd.io/reconcile": "disabled"}
ONCE = {"kustomize.toolkit.fluxcd.io/ssa": "IfNotPresent"}
MERGE = {"kustomize.toolkit.fluxcd.io/ssa": "Merge"}

Tree = str | Mapping[str, str]


@dataclass(frozen=True)
class Scene:
    """One situation, and what must be said about it."""

    name: str
    # What Flux applied last.
    main: Tree
    # What the merge makes of the base branch.
    result: Tree
    expected: str
    # The base branch now; None: as main.
    base: Tree | None = None
    by_hand: tuple[Step, ...] = ()
    # What the cluster is like before Flux applies anything.
    before: tuple[Step, ...] = ()
    # Fields of the Kustomization's spec.
    spec: Mapping[str, Any] = field(default_factory=dict)
    # Why the outcome of the merge is not compared ("" when it is).
    no_outcome: str = ""


SCENES = (
    # ------------------------------------------------------------------ values
    Scene(
        "one value changes",
        main=config("web", mode="blue", size="1"),
        result=config("web", mode="green", size="1"),
        expected="""
            change ConfigMap/web (pull_request)
              pull_request data.mode: blue -> green
        """,
    ),
    Scene(
        "nothing changes but the name of a file",
        main={"a.yaml": config("web", mode="blue")},
        result={"b.yaml": config("web", mode="blue")},
        expected="[unchanged]",
    ),
    Scene(
        "somebody edited another field",
        main=config("web", mode="blue", size="1"),
        result=config("web", mode="green", size="1"),
        by_hand=(edit("ConfigMap/web", {"data": {"size": "9"}}),),
        expected="""
            change ConfigMap/web (pull_request)
              pull_request data.mode: blue -> green
              drift data.size: 9 -> 1
        """,
    ),
    Scene(
        "somebody did by hand what the pull request says",
        main=config("web", mode="blue"),
        result=config("web", mode="green"),
        by_hand=(edit("ConfigMap/web", {"data": {"mode": "green"}}),),
        expected="""
            change ConfigMap/web (adopted)
              adopted data.mode: green -> green
        """,
    ),
    Scene(
        "somebody set the field to a third value",
        main=config("web", mode="blue"),
        result=config("web", mode="green"),
        by_hand=(edit("ConfigMap/web", {"data": {"mode": "red"}}),),
        expected="""
            change ConfigMap/web (undone)
              undone data.mode: red -> green
        """,
    ),
    Scene(
        "two people in one object: one field adopted, one undone, one drifted",
        main=config("web", a="1", b="1", c="1"),
        result=config("web", a="2", b="2", c="1"),
        by_hand=(edit("ConfigMap/web", {"data": {"a": "2"}}), edit("ConfigMap/web", {"data": {"b": "7", "c": "7"}})),
        expected="""
            change ConfigMap/web (undone)
              undone data.b: 7 -> 2
              drift data.c: 7 -> 1
              adopted data.a: 2 -> 2
        """,
    ),
    Scene(
        "a revert of what was applied",
        main=config("web", mode="green"),
        result=config("web", mode="blue"),
        expected="""
            change ConfigMap/web (pull_request)
              pull_request data.mode: green -> blue
        """,
    ),
    Scene(
        "keys with dots and slashes",
        main=config("web", marks={"example.com/team.name": "a"}, **{"app": "x", "app.yaml": "k: 1"}),
        result=config("web", marks={"example.com/team.name": "b"}, **{"app": "x", "app.yaml": "k: 2"}),
        by_hand=(edit("ConfigMap/web", {"data": {"app": "y"}}),),
        expected="""
            change ConfigMap/web (pull_request)
              pull_request data.app.yaml: k: 1 -> k: 2
              pull_request metadata.annotations.example.com/team.name: a -> b
              drift data.app: y -> x
        """,
    ),
    Scene(
        "text of several lines, with a line that looks like flux's own",
        main=config("web", script="one\ntwo\nthree\n"),
        result=config("web", script="one\n► Secret/apps/x created\nthree\n"),
        expected="""
            change ConfigMap/web (pull_request)
              pull_request data.script: two -> ► Secret/apps/x created
        """,
    ),
    Scene(
        "a key is added, a key is removed",
        main=config("web", old="1", keep="x"),
        result=config("web", new="2", keep="x"),
        expected="""
            change ConfigMap/web (pull_request)
              pull_request data: old: 1 ->
              pull_request data: -> new: 2
        """,
    ),
    # ------------------------------------------------------------------ main is ahead
    Scene(
        "main is ahead, the pull request is about something else",
        main=config("web", mode="blue", size="1"),
        base=config("web", mode="green", size="1"),
        result=config("web", mode="green", size="2"),
        expected="""
            change ConfigMap/web (pull_request)
              pull_request data.size: 1 -> 2
              pending data.mode: blue -> green
        """,
    ),
    Scene(
        "main is ahead, the pull request takes it back",
        main=config("web", mode="blue"),
        base=config("web", mode="green"),
        result=config("web", mode="blue"),
        expected="""
            change ConfigMap/web (withdrawn)
              withdrawn data.mode: blue -> blue
        """,
    ),
    Scene(
        "main is ahead, the pull request changes the same field again",
        main=config("web", mode="blue"),
        base=config("web", mode="green"),
        result=config("web", mode="black"),
        expected="""
            change ConfigMap/web (pull_request)
              pull_request data.mode: blue -> black
        """,
    ),
    Scene(
        "main is ahead, and somebody edited the field too",
        main=config("web", mode="blue"),
        base=config("web", mode="green"),
        result=config("web", mode="black"),
        by_hand=(edit("ConfigMap/web", {"data": {"mode": "red"}}),),
        expected="""
            change ConfigMap/web (undone)
              undone data.mode: red -> black
        """,
    ),
    Scene(
        "main is ahead, somebody did by hand what the pull request makes of it",
        main=config("web", mode="blue"),
        base=config("web", mode="green"),
        result=config("web", mode="black"),
        by_hand=(edit("ConfigMap/web", {"data": {"mode": "black"}}),),
        expected="""
            change ConfigMap/web (adopted)
              adopted data.mode: black -> black
        """,
    ),
    Scene(
        "main adds an object that is not applied yet",
        main=config("web", mode="blue"),
        base=config("web", mode="blue") + config("extra", x="1"),
        result=config("web", mode="green") + config("extra", x="1"),
        expected="""
            change ConfigMap/web (pull_request)
              pull_request data.mode: blue -> green
            create ConfigMap/extra (pending)
        """,
    ),
    Scene(
        "main adds an object, the pull request changes it before it was applied",
        main=config("web"),
        base=config("web") + config("extra", x="1"),
        result=config("web") + config("extra", x="2"),
        expected="create ConfigMap/extra (pull_request)",
    ),
    Scene(
        "main adds an object, the pull request takes it away before it was applied",
        main=config("web"),
        base=config("web") + config("extra", x="1"),
        result=config("web"),
        expected="create ConfigMap/extra (withdrawn)",
    ),
    Scene(
        "main removes an object, which is not applied yet",
        main=config("web", mode="blue") + config("old", x="1"),
        base=config("web", mode="blue"),
        result=config("web", mode="green"),
        expected="""
            change ConfigMap/web (pull_request)
              pull_request data.mode: blue -> green
            delete ConfigMap/old (pending)
        """,
    ),
    Scene(
        "main removes an object, the pull request brings it back before it was applied",
        main=config("web") + config("old", x="1"),
        base=config("web"),
        result=config("web") + config("old", x="1"),
        expected="change ConfigMap/old (withdrawn)",
    ),
    Scene(
        "main adds a key, the pull request removes it again",
        main=config("web", a="1"),
        base=config("web", a="1", b="2"),
        result=config("web", a="1"),
        expected="""
            change ConfigMap/web (withdrawn)
              withdrawn data.b: ->
        """,
    ),
    Scene(
        "main is ahead in two objects, one of which somebody edited to what main says",
        main=config("a", x="1") + config("b", x="1") + config("c", x="1"),
        base=config("a", x="2") + config("b", x="2") + config("c", x="1"),
        result=config("a", x="2") + config("b", x="2") + config("c", x="2"),
        by_hand=(edit("ConfigMap/a", {"data": {"x": "2"}}),),
        expected="""
            change ConfigMap/c (pull_request)
              pull_request data.x: 1 -> 2
            change ConfigMap/b (pending)
              pending data.x: 1 -> 2
        """,
    ),
    Scene(
        "a stale branch: what others merged meanwhile is not this pull request's",
        main=deployment(image="web:1", env=[{"name": "A", "value": "1"}]),
        base=deployment(image="web:2", env=[{"name": "A", "value": "1"}, {"name": "B", "value": "1"}]),
        result=deployment(image="web:2", env=[{"name": "A", "value": "2"}, {"name": "B", "value": "1"}]),
        expected="""
            change Deployment/web (pull_request)
              pull_request spec.template.spec.containers.app.env.A.value: 1 -> 2
              pending spec.template.spec.containers.app.env: -> - name: B\\n  value: 1
              pending spec.template.spec.containers.app.image: web:1 -> web:2
        """,
    ),
    Scene(
        "main is ahead and somebody edited another field: pending beside drift",
        main=config("web", a="1", b="1", c="1"),
        base=config("web", a="2", b="1", c="1"),
        result=config("web", a="2", b="1", c="2"),
        by_hand=(edit("ConfigMap/web", {"data": {"b": "7"}}),),
        expected="""
            change ConfigMap/web (pull_request)
              pull_request data.c: 1 -> 2
              pending data.a: 1 -> 2
              drift data.b: 7 -> 1
        """,
    ),
    # ------------------------------------------------------------------ whole objects
    Scene(
        "an object is added",
        main=config("web"),
        result=config("web") + config("new", x="1"),
        expected="create ConfigMap/new (pull_request)",
    ),
    Scene(
        "an object is removed, though somebody edited it",
        main=config("web") + config("old", x="1"),
        result=config("web"),
        by_hand=(edit("ConfigMap/old", {"data": {"x": "9"}}),),
        expected="delete ConfigMap/old (pull_request)",
    ),
    Scene(
        "an object is renamed",
        main=config("old", x="1"),
        result=config("new", x="1"),
        expected="""
            create ConfigMap/new (pull_request)
            delete ConfigMap/old (pull_request)
        """,
    ),
    Scene(
        "somebody deleted an object that git still has",
        main=config("web", mode="blue") + config("lost", x="1"),
        result=config("web", mode="green") + config("lost", x="1"),
        by_hand=(delete("ConfigMap/lost"),),
        expected="""
            change ConfigMap/web (pull_request)
              pull_request data.mode: blue -> green
            create ConfigMap/lost (drift)
        """,
    ),
    Scene(
        "somebody deleted an object that the pull request changes",
        main=config("lost", x="1"),
        result=config("lost", x="2"),
        by_hand=(delete("ConfigMap/lost"),),
        expected="create ConfigMap/lost (undone)",
    ),
    Scene(
        "somebody deleted an object that the pull request removes",
        main=config("web") + config("lost", x="1"),
        result=config("web"),
        by_hand=(delete("ConfigMap/lost"),),
        expected="[unchanged]",
    ),
    Scene(
        "an object exists already, made by somebody without Flux",
        main=config("web"),
        result=config("web") + config("mine", x="1", y="2"),
        by_hand=(create(config("mine", x="1", y="1"), manager="somebody"),),
        expected="""
            change ConfigMap/mine (pull_request)
              pull_request data.y: 1 -> 2
              pull_request metadata: -> labels:\\n  kustomize.toolkit.fluxcd.io/name: apps\\n  kustomize.toolkit.fluxcd.io/namespace: NAMESPACE
        """,
    ),
    Scene(
        "an object that says prune: disabled stays",
        main=config("web") + config("old", marks=KEEP, x="1"),
        result=config("web"),
        expected="""
            [unchanged]
            ! orphaned ConfigMap/old
        """,
    ),
    Scene(
        "prune is off: what leaves git stays",
        main=config("web") + config("old", x="1"),
        result=config("web"),
        spec={"prune": False},
        expected="""
            [unchanged]
            ! orphaned ConfigMap/old
        """,
    ),
    Scene(
        "reconcile: disabled from the start: the object was never made",
        main=config("web", marks=PAUSE, mode="blue"),
        result=config("web", marks=PAUSE, mode="green"),
        expected="skip ConfigMap/web (pull_request)",
    ),
    Scene(
        "somebody told Flux to leave an object alone: the change has no effect",
        main=config("web", mode="blue"),
        result=config("web", mode="green"),
        by_hand=(edit("ConfigMap/web", {"metadata": {"annotations": PAUSE}}),),
        expected="skip ConfigMap/web (pull_request)",
    ),
    Scene(
        "ssa: IfNotPresent, the change has no effect on what exists",
        main=config("web", marks=ONCE, mode="blue"),
        result=config("web", marks=ONCE, mode="green"),
        expected="skip ConfigMap/web (pull_request)",
    ),
    # ------------------------------------------------------------------ what kubectl leaves behind
    Scene(
        "a label added with kubectl goes at the next apply, though no diff shows it",
        main=config("web", mode="blue"),
        result=config("web", mode="green"),
        by_hand=(edit("ConfigMap/web", {"metadata": {"labels": {"hand": "x"}}}),),
        expected="""
            change ConfigMap/web (pull_request)
              pull_request data.mode: blue -> green
              drift metadata.labels.hand: x ->
        """,
    ),
    Scene(
        "a label added by another program stays",
        main=config("web", mode="blue"),
        result=config("web", mode="green"),
        by_hand=(edit("ConfigMap/web", {"metadata": {"labels": {"hand": "x"}}}, manager="operator"),),
        expected="""
            change ConfigMap/web (pull_request)
              pull_request data.mode: blue -> green
        """,
    ),
    Scene(
        "a key added with kubectl, which the pull request writes down",
        main=config("web", mode="blue"),
        result=config("web", mode="blue", hand="x"),
        by_hand=(edit("ConfigMap/web", {"data": {"hand": "x"}}),),
        expected="""
            change ConfigMap/web (adopted)
              adopted data.hand: x -> x
        """,
    ),
    Scene(
        "a key that somebody changed with kubectl and the pull request removes",
        main=config("web", mode="blue", hand="x"),
        result=config("web", mode="blue"),
        by_hand=(edit("ConfigMap/web", {"data": {"hand": "y"}}),),
        expected="""
            change ConfigMap/web (undone)
              undone data.hand: y ->
        """,
    ),
    Scene(
        "with ssa: Merge what kubectl added stays",
        main=config("web", marks=MERGE, mode="blue"),
        result=config("web", marks=MERGE, mode="green"),
        by_hand=(edit("ConfigMap/web", {"data": {"hand": "x"}}),),
        expected="""
            change ConfigMap/web (pull_request)
              pull_request data.mode: blue -> green
        """,
    ),
    Scene(
        "an environment variable added with kubectl edit, in a list with names",
        main=deployment(env=[{"name": "A", "value": "1"}]),
        result=deployment(env=[{"name": "A", "value": "2"}]),
        by_hand=(_environment({"A": "1", "B": "9"}),),
        expected="""
            change Deployment/web (pull_request)
              pull_request spec.template.spec.containers.app.env.A.value: 1 -> 2
              drift spec.template.spec.containers.app.env.B: {"name": "B", "value": "9"} ->
        """,
    ),
    Scene(
        "kubectl rollout restart is undone, which is a rollout of its own",
        main=deployment(image="web:1"),
        result=deployment(image="web:2"),
        by_hand=(
            edit(
                "Deployment/web",
                {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}}},
                manager="kubectl-rollout",
            ),
        ),
        expected="""
            change Deployment/web (pull_request)
              pull_request spec.template.spec.containers.app.image: web:1 -> web:2
              drift spec.template.metadata.annotations.kubectl.kubernetes.io/restartedAt: now ->
        """,
    ),
    # ------------------------------------------------------------------ Deployments, lists, defaults
    Scene(
        "replicas belong to an autoscaler, git does not state them",
        main=deployment(image="web:1"),
        result=deployment(image="web:2"),
        by_hand=(scale("Deployment/web", 5),),
        expected="""
            change Deployment/web (pull_request)
              pull_request spec.template.spec.containers.app.image: web:1 -> web:2
        """,
    ),
    Scene(
        "the pull request takes the replicas from the autoscaler",
        main=deployment(),
        result=deployment(replicas=3),
        by_hand=(scale("Deployment/web", 5),),
        expected="""
            change Deployment/web (pull_request)
              pull_request spec.replicas: 5 -> 3
        """,
    ),
    Scene(
        "git states the replicas, somebody scaled",
        main=deployment(replicas=2, image="web:1"),
        result=deployment(replicas=2, image="web:2"),
        by_hand=(scale("Deployment/web", 5),),
        expected="""
            change Deployment/web (pull_request)
              pull_request spec.template.spec.containers.app.image: web:1 -> web:2
              drift spec.replicas: 5 -> 2
        """,
    ),
    Scene(
        "git states the replicas, somebody scaled, the pull request scales too",
        main=deployment(replicas=2),
        result=deployment(replicas=4),
        by_hand=(scale("Deployment/web", 5),),
        expected="""
            change Deployment/web (undone)
              undone spec.replicas: 5 -> 4
        """,
    ),
    Scene(
        "the default of the API server is written out",
        main=deployment(),
        result=deployment(imagePullPolicy="IfNotPresent", terminationMessagePath="/dev/termination-log"),
        expected="[unchanged]",
    ),
    Scene(
        "a default of a definition's schema is written out, and one is overridden",
        main=widget("a", colour="red") + widget("b", colour="red"),
        result=widget("a", colour="red", size=1) + widget("b", colour="red", size=2),
        expected="""
            change Widget/b (pull_request)
              pull_request spec.size: 1 -> 2
        """,
    ),
    Scene(
        "a field goes back to its default",
        main=widget("a", colour="red", size=3),
        result=widget("a", colour="red"),
        expected="""
            change Widget/a (pull_request)
              pull_request spec.size: 3 -> 1
        """,
    ),
    Scene(
        "environment variables change their order",
        main=deployment(env=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]),
        result=deployment(env=[{"name": "B", "value": "2"}, {"name": "A", "value": "1"}]),
        expected="""
            change Deployment/web (pull_request)
              pull_request spec.template.spec.containers.app.env: A, B -> B, A
        """,
    ),
    Scene(
        "a variable in the middle of a list, another one drifted",
        main=deployment(env=[{"name": "A", "value": "1"}, {"name": "C", "value": "3"}]),
        result=deployment(env=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}, {"name": "C", "value": "3"}]),
        by_hand=(_environment({"A": "1", "C": "9"}),),
        expected="""
            change Deployment/web (pull_request)
              pull_request spec.template.spec.containers.app.env: -> - name: B\\n  value: 2
              drift spec.template.spec.containers.app.env.C.value: 9 -> 3
        """,
    ),
    Scene(
        "a list without names is one field",
        main=deployment(args=["--a", "--b"]),
        result=deployment(args=["--a", "--c", "--d"]),
        expected="""
            change Deployment/web (pull_request)
              pull_request spec.template.spec.containers.app.args: - "--b" -> - "--c"\\n- "--d"
        """,
    ),
    Scene(
        "a list without names that somebody changed too",
        main=deployment(args=["--a"]),
        result=deployment(args=["--a", "--c"]),
        by_hand=(
            edit(
                "Deployment/web",
                {
                    "spec": {
                        "template": {
                            "spec": {"containers": [{"name": "app", "image": "web:1", "args": ["--a", "--b"]}]}
                        }
                    }
                },
            ),
        ),
        expected="""
            change Deployment/web (undone)
              undone spec.template.spec.containers.app.args: - "--b" -> - "--c"
        """,
    ),
    Scene(
        "a sidecar is added by the pull request",
        main=deployment(),
        result=deployment(sidecar={"name": "log", "image": "log:1"}),
        expected="""
            change Deployment/web (pull_request)
              pull_request spec.template.spec.containers: -> - name: log\\n  image: "log:1"\\n  imagePullPolicy: IfNotPresent\\n  resources: {}\\n  terminationMessagePath: /dev/termination-log\\n  terminationMessagePolicy: File
        """,
    ),
    Scene(
        "a Service gets another type, and with it what the API server adds",
        main=service(),
        result=service(type="NodePort", ports=[{"port": 80, "nodePort": 30080}]),
        expected="""
            change Service/web (pull_request)
              pull_request spec: -> externalTrafficPolicy: Cluster
              pull_request spec.ports.0: -> nodePort: 30080
              pull_request spec.type: ClusterIP -> NodePort
        """,
    ),
    Scene(
        "texts that look like something else",
        main=config("web", a="true", b="1", c="yes", d="false-positive", e="=", f=""),
        result=config("web", a="false", b="2", c="no", d="false-negative", e="==", f="x"),
        expected="""
            change ConfigMap/web (pull_request)
              pull_request data.a: true -> false
              pull_request data.b: 1 -> 2
              pull_request data.c: yes -> no
              pull_request data.d: false-positive -> false-negative
              pull_request data.e: = -> ==
              pull_request data.f: -> x
        """,
    ),
    Scene(
        "quantities that are written in another way",
        main=deployment(resources={"limits": {"cpu": "1000m"}}),
        result=deployment(resources={"limits": {"cpu": "1"}}),
        expected="[unchanged]",
    ),
    Scene(
        "a sidecar that somebody added with kubectl goes",
        main=deployment(image="web:1"),
        result=deployment(image="web:2"),
        by_hand=(_containers({"app": "web:1", "spy": "spy:1"}),),
        expected="""
            change Deployment/web (pull_request)
              pull_request spec.template.spec.containers.app.image: web:1 -> web:2
              drift spec.template.spec.containers.spy: {"name": "spy", "image": "spy:1", "resources": {}, "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File", "imagePullPolicy": "IfNotPresent"} ->
        """,
    ),
    Scene(
        "main adds a sidecar, and the pull request changes it before it was applied",
        main=deployment(),
        base=deployment(sidecar={"name": "log", "image": "log:1"}),
        result=deployment(sidecar={"name": "log", "image": "log:2"}),
        expected="""
            change Deployment/web (pull_request)
              pull_request spec.template.spec.containers.log.image: -> log:2
              pending spec.template.spec.containers.log.name: -> log
              pending spec.template.spec.containers.log.imagePullPolicy: -> IfNotPresent
              pending spec.template.spec.containers.log.resources: -> {}
              pending spec.template.spec.containers.log.terminationMessagePath: -> /dev/termination-log
              pending spec.template.spec.containers.log.terminationMessagePolicy: -> File
        """,
    ),
    # ------------------------------------------------------------------ what kustomize does
    Scene(
        "a new tag by the images transformer, with a prefix to the names",
        main={
            "app.yaml": deployment(image="web"),
            "kustomization.yaml": "resources: [app.yaml]\nnamePrefix: my-\nimages: [{name: web, newTag: v1}]\n",
        },
        result={
            "app.yaml": deployment(image="web"),
            "kustomization.yaml": "resources: [app.yaml]\nnamePrefix: my-\nimages: [{name: web, newTag: v2}]\n",
        },
        expected="""
            change Deployment/my-web (pull_request)
              pull_request spec.template.spec.containers.app.image: web:v1 -> web:v2
        """,
    ),
    Scene(
        "a generated ConfigMap gets a new name, and its user follows",
        main={
            "app.yaml": deployment(envFrom=[{"configMapRef": {"name": "settings"}}]),
            "kustomization.yaml": "resources: [app.yaml]\nconfigMapGenerator: [{name: settings, literals: [a=1]}]\n",
        },
        result={
            "app.yaml": deployment(envFrom=[{"configMapRef": {"name": "settings"}}]),
            "kustomization.yaml": "resources: [app.yaml]\nconfigMapGenerator: [{name: settings, literals: [a=2]}]\n",
        },
        expected="""
            change Deployment/web (pull_request)
              pull_request spec.template.spec.containers.app.envFrom.0.configMapRef.name: settings-h29d89cmmt -> settings-6gtghh96k8
            create ConfigMap/settings-6gtghh96k8 (pull_request)
            delete ConfigMap/settings-h29d89cmmt (pull_request)
        """,
    ),
    Scene(
        "variables with defaults",
        main=config("web", a="s${SIZE:=1}", b="${COLOUR}"),
        result=config("web", a="s${SIZE:=2}", b="${COLOUR}"),
        spec={"postBuild": {"substitute": {"COLOUR": "red"}}},
        expected="""
            change ConfigMap/web (pull_request)
              pull_request data.a: s1 -> s2
        """,
    ),
    Scene(
        "a field that spec.ignore leaves to others",
        main=deployment(replicas=2, image="web:1"),
        result=deployment(replicas=4, image="web:2"),
        spec={"ignore": [{"paths": ["/spec/replicas"], "target": {"kind": "Deployment"}}]},
        expected="""
            change Deployment/web (pull_request)
              pull_request spec.template.spec.containers.app.image: web:1 -> web:2
        """,
    ),
    # ------------------------------------------------------------------ Secrets
    Scene(
        "a Secret: which keys change, and no value",
        main=secret("web", a="x", b="y", gone="z"),
        result=secret("web", a="x", b="yy", new="zz"),
        expected="""
            change Secret/web (pull_request)
              pull_request data: gone: "***" ->
              pull_request data: -> new: "***"
              pull_request data.b: *** (before) -> *** (after)
        """,
    ),
    # ------------------------------------------------------------------ nothing left to do
    Scene(
        "somebody scaled, and the pull request leaves the replicas to others",
        main=deployment(replicas=2),
        result=deployment(),
        by_hand=(scale("Deployment/web", 5),),
        expected="""
            change Deployment/web (adopted)
              adopted spec.replicas: 5 -> 5
        """,
    ),
    Scene(
        "somebody had taken away the label that the pull request removes",
        main=_labelled("web", a="1", b="1"),
        result=_labelled("web", a="1"),
        by_hand=(edit("ConfigMap/web", {"metadata": {"labels": {"b": None}}}),),
        expected="""
            change ConfigMap/web (adopted)
              adopted metadata.labels.b: ->
        """,
    ),
    Scene(
        "somebody had scaled, and the pull request writes it down",
        main=deployment(replicas=2),
        result=deployment(replicas=5),
        by_hand=(scale("Deployment/web", 5),),
        expected="""
            change Deployment/web (adopted)
              adopted spec.replicas: 5 -> 5
        """,
    ),
    Scene(
        "somebody had added the variable to the list by hand",
        main=deployment(env=[{"name": "A", "value": "1"}]),
        result=deployment(env=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]),
        by_hand=(_environment({"A": "1", "B": "2"}),),
        expected="""
            change Deployment/web (adopted)
              adopted spec.template.spec.containers.app.env.B.name: B -> B
              adopted spec.template.spec.containers.app.env.B.value: 2 -> 2
        """,
    ),
    Scene(
        "main changed an image, which was never applied, and the pull request changes it back",
        main=deployment(image="web:1", replicas=1),
        base=deployment(image="web:2", replicas=1),
        result=deployment(image="web:1", replicas=3),
        expected="""
            change Deployment/web (pull_request)
              pull_request spec.replicas: 1 -> 3
              withdrawn spec.template.spec.containers.app.image: web:1 -> web:1
        """,
    ),
    # ------------------------------------------------------------------ what the cluster refuses
    Scene(
        "an immutable field",
        main=deployment(selector="web"),
        result=deployment(selector="other"),
        expected="""
            [failing]
            change Deployment/web (pull_request)
              pull_request spec.selector.matchLabels.app: web -> other
              pull_request spec.template.metadata.labels.app: web -> other
            ! immutable-field Deployment/web blocks
        """,
    ),
    Scene(
        "an immutable field, which spec.force gets past",
        main=deployment(selector="web"),
        result=deployment(selector="other"),
        spec={"force": True},
        expected="""
            recreate Deployment/web (pull_request)
              pull_request spec.selector.matchLabels.app: web -> other
              pull_request spec.template.metadata.labels.app: web -> other
            ! recreate Deployment/web
        """,
    ),
    Scene(
        "an immutable field, which the object's annotation gets past",
        main=deployment(selector="web", marks=FORCE),
        result=deployment(selector="other", marks=FORCE),
        expected="""
            recreate Deployment/web (pull_request)
              pull_request spec.selector.matchLabels.app: web -> other
              pull_request spec.template.metadata.labels.app: web -> other
        """,
    ),
    Scene(
        "an object with Flux's force that somebody deleted: made anew, not recreated",
        main=config("web") + deployment("lost", marks=FORCE),
        result=config("web") + deployment("lost", marks=FORCE),
        by_hand=(delete("Deployment/lost"),),
        expected="create Deployment/lost (drift)",
    ),
    Scene(
        "a type that the schema does not know, which does not hide a deletion",
        main=deployment() + config("old"),
        result=deployment(replicas="three"),
        expected="""
            [failing]
            change Deployment/web (pull_request)
              pull_request spec.replicas: -> three
            delete ConfigMap/old (pull_request)
            ! schema Deployment/web blocks
        """,
    ),
    Scene(
        "a kind that nobody defined",
        main=config("web"),
        result=config("web") + widget("a").replace("Widget", "Gadget"),
        expected="""
            [failing]
            create Gadget/a (pull_request)
            ! missing-crd Gadget/a blocks
        """,
    ),
    Scene(
        "a kind whose definition comes along",
        main=config("web"),
        # Not the kind of the scene before: this one is applied at the end, and its definition stays.
        result=config("web") + definition("gimmicks", "Gimmick") + widget("a").replace("Widget", "Gimmick"),
        expected="""
            create CustomResourceDefinition/gimmicks.scenes.example (pull_request)
            create Gimmick/a (pull_request)
            ! pending-crd Gimmick/a
        """,
    ),
    Scene(
        "a field of a kind whose definition comes along: it cannot be checked before, and works",
        main=definition("gizmos-NAMESPACE", "Gizmo") + widget("a").replace("Widget", "Gizmo"),
        result=definition("gizmos-NAMESPACE", "Gizmo").replace(
            "size:", "shade:\n                type: string\n              size:"
        )
        + widget("a", shade="red").replace("Widget", "Gizmo"),
        expected="""
            change CustomResourceDefinition/gizmos-NAMESPACE.scenes.example (pull_request)
              pull_request spec.versions.v1.schema.openAPIV3Schema.properties.spec.properties: -> shade:\\n  type: string
            change Gizmo/a (pull_request)
              pull_request spec: {} -> {"shade": "red"}
            ! pending-crd Gizmo/a incomplete
        """,
    ),
    Scene(
        "a namespace that comes along: what lies in it waits, everything else is compared",
        main=_placed("NAMESPACE", config("web", mode="blue")),
        result=_placed("NAMESPACE", config("web", mode="green"))
        + namespace("NAMESPACE-young")
        + _placed("NAMESPACE-young", config("toy", x="1")),
        by_hand=(edit("ConfigMap/web", {"metadata": {"labels": {"hand": "x"}}}),),
        spec={"targetNamespace": None},
        expected="""
            change ConfigMap/web (pull_request)
              pull_request data.mode: blue -> green
              drift metadata.labels.hand: x ->
            create Namespace/NAMESPACE-young (pull_request)
            create ConfigMap/toy (pull_request)
            ! pending-namespace ConfigMap/toy
        """,
    ),
    Scene(
        "a namespace that does not exist",
        main=config("web").replace("name: web", "name: web\n  namespace: NAMESPACE"),
        result=config("web").replace("name: web", "name: web\n  namespace: NAMESPACE")
        + config("a").replace("name: a", "name: a\n  namespace: nowhere"),
        spec={"targetNamespace": None},
        expected="""
            [failing]
            create ConfigMap/a (pull_request)
            ! missing-namespace ConfigMap/a blocks
        """,
    ),
    Scene(
        "a variable without a value",
        main=config("web", a="x"),
        result=config("web", a="${NOBODY}"),
        spec={"postBuild": {"substitute": {"COLOUR": "red"}}},
        expected="""
            [failing]
            ! undefined-variable blocks
        """,
    ),
    Scene(
        "a folder that does not build",
        main={"app.yaml": config("web"), "kustomization.yaml": "resources: [app.yaml]\n"},
        result={"app.yaml": config("web"), "kustomization.yaml": "resources: [app.yaml, missing.yaml]\n"},
        expected="""
            [failing]
            ! build-failed blocks
        """,
    ),
    # ------------------------------------------------------------------ the cluster has its own mind
    Scene(
        "a policy of the cluster sets a field: nobody's change",
        before=(mutate("injected", "x"),),
        main=config("web", mode="blue"),
        result=config("web", mode="green"),
        expected="""
            change ConfigMap/web (pull_request)
              pull_request data.mode: blue -> green
        """,
    ),
    Scene(
        "a policy that came after the last apply: drift that no manifest states",
        main=config("web", mode="blue"),
        result=config("web", mode="green"),
        by_hand=(mutate("injected", "x"),),
        expected="""
            change ConfigMap/web (pull_request)
              pull_request data.mode: blue -> green
              drift data: -> injected: x
        """,
        no_outcome="the outcome is that of the policy too, which the next scene shows without a change of the pull request",
    ),
    Scene(
        "a policy of the cluster overrules git: the pull request has no effect",
        before=(mutate("mode", "grey"),),
        main=config("web", mode="blue"),
        result=config("web", mode="green"),
        expected="[unchanged]",
    ),
    Scene(
        "a policy of the cluster refuses the object",
        before=(forbid("object.data.mode != 'green'", "no green"),),
        main=config("web", mode="blue"),
        result=config("web", mode="green"),
        expected="""
            [failing]
            change ConfigMap/web (pull_request)
              pull_request data.mode: blue -> green
            ! admission-denied ConfigMap/web blocks
        """,
    ),
    Scene(
        "a quota is used up",
        main=config("web"),
        result=config("web") + secret("more", a="x"),
        by_hand=(limit("count/secrets", "0"),),
        expected="""
            [failing]
            create Secret/more (pull_request)
            ! quota Secret/more blocks
        """,
    ),
    Scene(
        "half applied: the namespace is made although something else is refused",
        main=config("web").replace("name: web", "name: web\n  namespace: NAMESPACE"),
        result=config("web").replace("name: web", "name: web\n  namespace: NAMESPACE")
        + namespace("NAMESPACE-half")
        + deployment(replicas="three").replace(
            "metadata:\n  name: web", "metadata:\n  name: web\n  namespace: NAMESPACE"
        ),
        spec={"targetNamespace": None},
        expected="""
            [failing]
            create Namespace/NAMESPACE-half (pull_request)
            create Deployment/web (pull_request)
            ! schema Deployment/web blocks
            ! half-applied Namespace/NAMESPACE-half
        """,
    ),
    Scene(
        "a field that the kind does not know",
        main=widget("a", colour="red"),
        result=widget("a", color="red"),
        expected="""
            [failing]
            change Widget/a (pull_request)
              pull_request spec.color: -> red
              pull_request spec.colour: red ->
            ! unknown-field Widget/a blocks
        """,
    ),
    Scene(
        "main asks for what the cluster refuses, the pull request takes it back",
        main=deployment(selector="web"),
        base=deployment(selector="other"),
        result=deployment(selector="web"),
        expected="""
            [unchanged]
            ! base-not-compared incomplete
        """,
    ),
    Scene(
        "main does not build, the pull request mends it",
        main={"app.yaml": config("web"), "kustomization.yaml": "resources: [app.yaml]\n"},
        base={"app.yaml": config("web"), "kustomization.yaml": "resources: [app.yaml, missing.yaml]\n"},
        result={"app.yaml": config("web", a="x"), "kustomization.yaml": "resources: [app.yaml]\n"},
        expected="""
            [not_analysed]
            ! base-does-not-build incomplete
        """,
        no_outcome="there is nothing that was told",
    ),
    Scene(
        "a number in a Secret, at which flux's own comparison fails, and nothing else",
        main=secret("web", a="1"),
        result=secret("web", a="2"),
        expected="""
            change Secret/web (pull_request)
              pull_request data.a: *** -> ***
            ! number-in-secret Secret/web incomplete
        """,
    ),
    # ------------------------------------------------------------------ the text itself
    Scene(
        "blocks too wide for two columns, and more than twelve entries",
        main=config("web", marks={"old.example/a": "a" * 50}, keep="x"),
        result=config("web", marks={"new.example/a": "b" * 50}, keep="x", **{f"k{at}": f"v{at}" for at in range(13)}),
        expected="""
            change ConfigMap/web (pull_request)
              pull_request data: -> k0: v0\\nk1: v1\\nk2: v2\\nk3: v3\\nk4: v4\\nk5: v5\\nk6: v6\\nk7: v7\\nk8: v8\\nk9: v9\\nk10: v10\\nk11: v11\\nk12: v12
              pull_request metadata.annotations: old.example/a: A50 ->
              pull_request metadata.annotations: -> new.example/a: B50
        """.replace("A50", "a" * 50).replace("B50", "b" * 50),
    ),
    Scene(
        "items that are put in another order, one of which forges a heading",
        main=deployment(args=["x", "a\n► ConfigMap/b/c created\n"]),
        result=deployment(args=["a\n► ConfigMap/b/c created\n", "x"]),
        expected="""
            change Deployment/web (pull_request)
              pull_request spec.template.spec.containers.app.args: ->
            ! diff-not-understood incomplete
            ! diff-not-understood incomplete
        """,
    ),
    Scene(
        "free fields whose keys forge a heading",
        main=widget("a", notes={"x": "1", "y\n► ConfigMap/b/c created\nz": "1"}),
        result=widget("a", notes={"x": "2"}),
        expected="""
            change Widget/a (pull_request)
              pull_request spec.notes: y ->
            ! diff-not-understood incomplete
            ! diff-not-understood incomplete
            ! diff-not-understood incomplete
        """,
        no_outcome="what is not understood promises nothing",
    ),
    # ------------------------------------------------------------------ more of kustomize, more of Flux
    Scene(
        "a component and a patch",
        main={
            "base/app.yaml": deployment(),
            "base/kustomization.yaml": "resources: [app.yaml]\n",
            "extra/kustomization.yaml": 'apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\npatches: [{target: {kind: Deployment}, patch: \'[{"op": "add", "path": "/spec/replicas", "value": 2}]\'}]\n',
            "kustomization.yaml": "resources: [base]\ncomponents: [extra]\n",
        },
        result={
            "base/app.yaml": deployment(),
            "base/kustomization.yaml": "resources: [app.yaml]\n",
            "extra/kustomization.yaml": 'apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\npatches: [{target: {kind: Deployment}, patch: \'[{"op": "add", "path": "/spec/replicas", "value": 3}]\'}]\n',
            "kustomization.yaml": "resources: [base]\ncomponents: [extra]\n",
        },
        expected="""
            change Deployment/web (pull_request)
              pull_request spec.replicas: 2 -> 3
        """,
    ),
    Scene(
        "suspended: what would happen when it is resumed",
        main=config("web", mode="blue"),
        result=config("web", mode="green"),
        spec={"suspend": True},
        expected="""
            [suspended]
            change ConfigMap/web (pull_request)
              pull_request data.mode: blue -> green
        """,
        no_outcome="nothing happens",
    ),
    Scene(
        "an object changes its API version only",
        main=_document(
            "autoscaling/v1",
            "HorizontalPodAutoscaler",
            {"name": "web"},
            spec={"maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "web", "apiVersion": "apps/v1"}},
        ),
        result=_document(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            {"name": "web"},
            spec={"maxReplicas": 4, "scaleTargetRef": {"kind": "Deployment", "name": "web", "apiVersion": "apps/v1"}},
        ),
        expected="""
            change HorizontalPodAutoscaler/web (pull_request)
              pull_request spec.maxReplicas: 3 -> 4
        """,
    ),
    Scene(
        "the pull request drops what somebody had applied with the same value",
        main=config("web", a="1", b="1"),
        result=config("web", a="1"),
        by_hand=(create(config("web", b="1"), manager="kubectl-client-side-apply"),),
        expected="""
            change ConfigMap/web (pull_request)
              pull_request data.b: 1 ->
        """,
    ),
    Scene(
        "the pull request drops what another program keeps: it stays",
        main=config("web", a="1", b="1"),
        result=config("web", a="1"),
        by_hand=(create(config("web", b="1"), manager="operator"),),
        expected="[unchanged]",
    ),
)


@dataclass(frozen=True)
class Family:
    """A situation with several Kustomizations, each line of ``expected`` below the row that it belongs to."""

    name: str
    main: Mapping[str, str]
    result: Mapping[str, str]
    expected: str
    # What the merge does to each object, in words of its own: "deleted", "created", "made anew", "changed".
    outcome: str
    # Kustomizations that no other one brings, by name, with fields of their spec.
    roots: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: {"apps": {}})
    by_hand: tuple[Step, ...] = ()


def _files(**texts: str) -> dict[str, str]:
    """Name files by their folders: ``apps="..."`` is ``apps/all.yaml``, whose objects are in the scene's namespace."""
    found = {}
    for folder, text in texts.items():
        documents = [document for document in yaml.safe_load_all(text) if document]
        for document in documents:
            document["metadata"]["namespace"] = "NAMESPACE"
        found[f"{folder}/all.yaml"] = yaml.safe_dump_all(documents, sort_keys=False)
    return found


FAMILIES = (
    Family(
        "an object moves from one Kustomization to another: a race, which is said",
        roots={"giver": {}, "taker": {}},
        main=_files(giver=config("stays", x="1") + config("moves", x="1"), taker=config("other", x="1")),
        result=_files(giver=config("stays", x="1"), taker=config("other", x="1") + config("moves", x="1")),
        expected="""
            giver
              delete ConfigMap/moves (pull_request)
              ! moved ConfigMap/moves
            taker
              change ConfigMap/moves (pull_request)
                pull_request metadata.labels.kustomize.toolkit.fluxcd.io/name: giver -> taker
              ! moved ConfigMap/moves
        """,
        outcome="ConfigMap/moves changed or made anew",
    ),
    Family(
        "an object that says prune: disabled moves safely",
        roots={"giver": {}, "taker": {}},
        main=_files(giver=config("stays", x="1") + config("moves", marks=KEEP, x="1"), taker=config("other", x="1")),
        result=_files(giver=config("stays", x="1"), taker=config("other", x="1") + config("moves", marks=KEEP, x="1")),
        expected="""
            giver [unchanged]
              ! orphaned ConfigMap/moves
            taker
              change ConfigMap/moves (pull_request)
                pull_request metadata.labels.kustomize.toolkit.fluxcd.io/name: giver -> taker
        """,
        outcome="ConfigMap/moves changed",
    ),
    Family(
        "a new child comes with its objects",
        main=_files(apps=config("web", x="1")),
        result=_files(apps=config("web", x="1") + child("young", "NAMESPACE"), young=config("toy", x="1")),
        expected="""
            apps
              create Kustomization/young (pull_request)
            young [new]
              create ConfigMap/toy (pull_request)
        """,
        outcome="""
            Kustomization/young created
            ConfigMap/toy created
        """,
    ),
    Family(
        "a child goes, and takes its objects along",
        main=_files(apps=config("web", x="1") + child("old", "NAMESPACE"), old=config("toy", x="1")),
        result=_files(apps=config("web", x="1"), old=config("toy", x="1")),
        expected="""
            apps
              delete Kustomization/old (pull_request)
            old [removed]
              delete ConfigMap/toy (pull_request)
        """,
        outcome="""
            Kustomization/old deleted
            ConfigMap/toy deleted
        """,
    ),
    Family(
        "a child goes, and its objects stay: deletionPolicy is Orphan",
        main=_files(
            apps=config("web", x="1") + child("old", "NAMESPACE", deletionPolicy="Orphan"), old=config("toy", x="1")
        ),
        result=_files(apps=config("web", x="1"), old=config("toy", x="1")),
        expected="""
            apps
              delete Kustomization/old (pull_request)
            old [removed]
              ! orphaned ConfigMap/toy
        """,
        outcome="Kustomization/old deleted",
    ),
    Family(
        "a child stops pruning and loses a file: its old spec meets the new commit first, and prunes",
        main=_files(apps=child("inner", "NAMESPACE"), inner=config("toy", x="1") + config("old", x="1")),
        result=_files(apps=child("inner", "NAMESPACE", prune=False), inner=config("toy", x="1")),
        expected="""
            apps
              change Kustomization/inner (pull_request)
                pull_request spec.prune: true -> false
            inner
              delete ConfigMap/old (pull_request)
        """,
        outcome="""
            Kustomization/inner changed
            ConfigMap/old deleted
        """,
    ),
    Family(
        "a child begins to prune and loses a file: its old spec may have let go of the object by then",
        main=_files(apps=child("inner", "NAMESPACE", prune=False), inner=config("toy", x="1") + config("old", x="1")),
        result=_files(apps=child("inner", "NAMESPACE"), inner=config("toy", x="1")),
        expected="""
            apps
              change Kustomization/inner (pull_request)
                pull_request spec.prune: false -> true
            inner
              delete ConfigMap/old (pull_request)
        """,
        outcome="""
            Kustomization/inner changed
            ConfigMap/old deleted or as before
        """,
    ),
    Family(
        "a child puts its objects into another namespace",
        main={
            **_files(apps=child("inner", "NAMESPACE", targetNamespace="NAMESPACE")),
            "inner/all.yaml": config("toy", x="1"),
        },
        result={
            **_files(apps=child("inner", "NAMESPACE", targetNamespace="NAMESPACE-b")),
            "inner/all.yaml": config("toy", x="1"),
        },
        expected="""
            apps
              change Kustomization/inner (pull_request)
                pull_request spec.targetNamespace: NAMESPACE -> NAMESPACE-b
            inner
              create ConfigMap/toy (pull_request)
              delete ConfigMap/toy (pull_request)
        """,
        outcome="""
            Kustomization/inner changed
            ConfigMap/toy created
            ConfigMap/toy deleted
        """,
    ),
    Family(
        "a child is built from another folder",
        main=_files(apps=child("inner", "NAMESPACE"), inner=config("toy", x="1")),
        result=_files(apps=child("inner", "NAMESPACE", path="./other"), other=config("doll", x="1")),
        expected="""
            apps
              change Kustomization/inner (pull_request)
                pull_request spec.path: ./inner -> ./other
            inner
              create ConfigMap/doll (pull_request)
              delete ConfigMap/toy (pull_request)
        """,
        outcome="""
            Kustomization/inner changed
            ConfigMap/doll created
            ConfigMap/toy deleted
        """,
    ),
)
