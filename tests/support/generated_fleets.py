"""Random fleet repositories in which every way of kustomize to take a path decides what is rendered.

A fleet is made of nodes (folders with a kustomization) that overlay each other; each feature is put
into some node together with the change of one file that must show in whatever is built from it.
"""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

Files = dict[str, bytes]
# What a change does to files: new content, or None for a file that goes.
Edit = Mapping[str, bytes | None]


def dump(*documents: Any) -> bytes:
    return yaml.safe_dump_all(documents, sort_keys=False).encode()


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def flux_kustomization(name: str, path: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": name, "namespace": "flux-system"},
        "spec": {
            "interval": "1h",
            "path": path,
            "prune": True,
            "sourceRef": {"kind": "GitRepository", "name": "flux-system"},
            **spec,
        },
    }


@dataclass
class Node:
    """A folder with a kustomization of its own."""

    folder: str
    uid: str
    kind: str = "Kustomization"
    fields: dict[str, Any] = field(default_factory=dict)

    def add(self, name: str, *items: Any) -> None:
        self.fields.setdefault(name, []).extend(items)


@dataclass
class Fleet:
    """Files, Flux Kustomizations and changes: (feature, edit)."""

    chance: random.Random
    files: Files = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)
    kustomizations: dict[str, dict[str, Any]] = field(default_factory=dict)
    changes: list[tuple[str, Edit]] = field(default_factory=list)
    _count: int = 0

    def uid(self) -> str:
        self._count += 1
        return f"n{self._count}"

    def node(self, folder: str, kind: str = "Kustomization") -> Node:
        uid = self.uid()
        found = self.nodes[folder] = Node(folder, uid, kind)
        if kind == "Kustomization":
            self.files[f"{folder}/own.yaml"] = dump(config_map(f"own-{uid}", v="one", w="uno"))
            found.add("resources", "own.yaml")
        return found

    def write(self, node: Node, name: str, content: bytes) -> str:
        self.files[f"{node.folder}/{name}"] = content
        return f"{node.folder}/{name}"

    def change(self, feature: str, path: str, content: bytes | None) -> None:
        self.changes.append((feature, {path: content}))

    def tree(self) -> Files:
        """All files, the kustomizations written in one of the ways that kustomize reads."""
        written = {}
        for folder, node in self.nodes.items():
            name = self.chance.choice(
                ["kustomization.yaml", "kustomization.yaml", "kustomization.yml", "Kustomization"]
            )
            written[f"{folder}/{name}"] = _written(node, self.chance)
        return {**self.files, **written}


def _written(node: Node, chance: random.Random) -> bytes:  # noqa: PLR0911 # one for each way of writing
    version = "v1alpha1" if node.kind == "Component" else "v1beta1"
    head = {"apiVersion": f"kustomize.config.k8s.io/{version}", "kind": node.kind}
    style = chance.choice(["plain", "plain", "json", "capitals", "duplicate", "merge", "anchor", "second document"])
    fields = dict(node.fields)
    resources = fields.pop("resources", None)
    if resources is None:
        return dump({**head, **fields})
    if style == "json":
        return json.dumps({**head, **fields, "resources": resources}).encode()
    if style == "capitals":
        return dump({**head, **fields, "Resources": resources})
    rest = dump({**head, **fields})
    if style == "duplicate":
        return b"resources: [nowhere.yaml]\n" + rest + dump({"resources": resources})
    if style == "merge":
        return b"<<: " + json.dumps({"resources": resources}).encode() + b"\n" + rest
    if style == "anchor":
        return (
            b"metadata: {name: &first "
            + json.dumps(resources[0]).encode()
            + b"}\n"
            + rest
            + (b"resources: [*first" + b"".join(b", " + json.dumps(item).encode() for item in resources[1:]) + b"]\n")
        )
    if style == "second document":
        return rest + dump({"resources": resources}) + b"---\nresources: [ignored.yaml]\n"
    return rest + dump({"resources": resources})


def _own(node: Node) -> dict[str, str]:
    return {"kind": "ConfigMap", "name": f"own-{node.uid}"}


def _merge_patch(node: Node, key: str, value: str) -> bytes:
    return dump(config_map(f"own-{node.uid}", **{key: value}))


def _json_patch(value: str, key: str = "j") -> bytes:
    return dump([{"op": "add", "path": f"/data/{key}", "value": value}])


def resources_file(fleet: Fleet, node: Node) -> None:
    name = f"r-{fleet.uid()}"
    path = fleet.write(node, f"{name}.yaml", dump(config_map(name, v="one")))
    node.add("resources", f"{name}.yaml")
    fleet.change("resources: file", path, dump(config_map(name, v="two")))


def resources_list(fleet: Fleet, node: Node) -> None:
    name = f"l-{fleet.uid()}"

    def content(value: str) -> bytes:
        return dump({"apiVersion": "v1", "kind": "ConfigMapList", "items": [config_map(name, v=value)]})

    path = fleet.write(node, f"{name}.yaml", content("one"))
    node.add("resources", f"./{name}.yaml")
    fleet.change("resources: kind List", path, content("two"))


def _base(field_name: str, feature: str) -> Callable[[Fleet, Node], None]:
    def build(fleet: Fleet, node: Node) -> None:
        uid = fleet.uid()
        parent = node.folder.rpartition("/")[0]
        below = fleet.node(f"{parent}/base-{uid}")
        path = fleet.write(below, "b.yaml", dump(config_map(f"b-{uid}", v="one")))
        below.add("resources", "b.yaml")
        node.add(field_name, f"../base-{uid}")
        fleet.change(feature, path, dump(config_map(f"b-{uid}", v="two")))

    return build


def outside_file(fleet: Fleet, node: Node) -> None:
    name = f"shared/o-{fleet.uid()}.yaml"
    fleet.files[name] = dump(config_map(name[9:-5], v="one"))
    node.add("resources", "../" * (node.folder.count("/") + 1) + name)
    fleet.change("resources: ../", name, dump(config_map(name[9:-5], v="two")))


def _component(fleet: Fleet, folder: str, target: Node) -> tuple[Node, str]:
    component = fleet.node(folder, "Component")
    component.add("patches", {"path": "p.yaml", "target": _own(target)})
    return component, fleet.write(component, "p.yaml", _json_patch("one", component.uid))


def component(fleet: Fleet, node: Node) -> None:
    folder = f"components/c-{fleet.uid()}"
    below, path = _component(fleet, folder, node)
    node.add("components", "../" * (node.folder.count("/") + 1) + folder)
    fleet.change("components", path, _json_patch("two", below.uid))


def component_of_component(fleet: Fleet, node: Node) -> None:
    folder = f"components/c-{fleet.uid()}"
    outer, _ = _component(fleet, folder, node)
    inner, path = _component(fleet, f"{folder}/inner", node)
    outer.add("components", "inner")
    node.add("components", "../" * (node.folder.count("/") + 1) + folder)
    fleet.change("component of a component", path, _json_patch("two", inner.uid))


def patches_merge(fleet: Fleet, node: Node) -> None:
    name, key = f"pm-{fleet.uid()}.yaml", fleet.uid()
    path = fleet.write(node, name, _merge_patch(node, key, "one"))
    node.add("patches", {"path": name})
    fleet.change("patches: path", path, _merge_patch(node, key, "two"))


def patches_json(fleet: Fleet, node: Node) -> None:
    name, key = f"pj-{fleet.uid()}.yaml", fleet.uid()
    path = fleet.write(node, name, _json_patch("one", key))
    node.add("patches", {"path": name, "target": _own(node)})
    fleet.change("patches: path, JSON", path, _json_patch("two", key))


def patches_strategic(fleet: Fleet, node: Node) -> None:
    name, key = f"ps-{fleet.uid()}.yaml", fleet.uid()
    path = fleet.write(node, name, _merge_patch(node, key, "one"))
    node.add("patchesStrategicMerge", name, _merge_patch(node, f"{key}i", "inline").decode())
    fleet.change("patchesStrategicMerge", path, _merge_patch(node, key, "two"))


def patches_6902(fleet: Fleet, node: Node) -> None:
    name, key = f"p6-{fleet.uid()}.yaml", fleet.uid()
    path = fleet.write(node, name, _json_patch("one", key))
    node.add("patchesJson6902", {"path": name, "target": {"version": "v1", **_own(node)}})
    fleet.change("patchesJson6902", path, _json_patch("two", key))


def _generator(kind: str, source: str, text: str, feature: str) -> Callable[[Fleet, Node], None]:
    def build(fleet: Fleet, node: Node) -> None:
        uid = fleet.uid()
        name = f"{kind[:3].lower()}-{uid}"
        path = fleet.write(node, f"conf/{uid}.txt", b"KEY=one\n")
        entry = text.format(path=f"conf/{uid}.txt")
        node.add(kind, {"name": name, source: entry if source == "env" else [entry]})
        fleet.change(feature, path, b"KEY=two\n")

    return build


def replacements(fleet: Fleet, node: Node) -> None:
    uid = fleet.uid()

    def content(key: str) -> bytes:
        target = {"select": _own(node), "fieldPaths": [f"data.{uid}"], "options": {"create": True}}
        return dump({"source": {**_own(node), "fieldPath": f"data.{key}"}, "targets": [target]})

    path = fleet.write(node, f"repl-{uid}.yaml", content("v"))
    node.add("replacements", {"path": f"repl-{uid}.yaml"})
    fleet.change("replacements: path", path, content("w"))


def _fresh(fleet: Fleet, parent: Node) -> Node:
    """A base of its own, for features that alter more than their own objects."""
    folder = f"{parent.folder}/own-{fleet.uid()}"
    parent.add("resources", folder.rpartition("/")[2])
    return fleet.node(folder)


def crds(fleet: Fleet, parent: Node) -> None:
    uid, node = fleet.uid(), _fresh(fleet, parent)
    bee = {"apiVersion": "v1", "kind": f"Bee{uid}", "metadata": {"name": "bee"}, "spec": {"action": f"own-{node.uid}"}}

    def content(field_name: str) -> bytes:
        spec = {
            "Schema": {"properties": {field_name: {"x-kubernetes-object-ref-api-version": "v1",
                                                   "x-kubernetes-object-ref-kind": "ConfigMap",
                                                   "x-kubernetes-object-ref-name-key": "action"}}},
        }  # fmt: skip
        top = {
            "Schema": {
                "properties": {
                    "apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"},
                    **spec["Schema"]["properties"],
                }
            }
        }  # fmt: skip
        return json.dumps({f"x.v1.Bee{uid}": top}).encode()

    fleet.write(node, f"bee-{uid}.yaml", dump(bee))
    path = fleet.write(node, f"crd-{uid}.json", content("spec"))
    node.add("resources", f"bee-{uid}.yaml")
    node.add("crds", f"crd-{uid}.json")
    node.fields["namePrefix"] = "pre-"
    fleet.change("crds", path, content("other"))


def configurations(fleet: Fleet, node: Node) -> None:
    uid = fleet.uid()
    widget = {
        "apiVersion": "w.example/v1",
        "kind": f"Widget{uid}",
        "metadata": {"name": "w"},
        "spec": {"a": {"image": "nginx"}, "b": {"image": "nginx"}},
    }

    def content(field_name: str) -> bytes:
        return dump({"images": [{"path": f"spec/{field_name}/image", "kind": f"Widget{uid}"}]})

    fleet.write(node, f"widget-{uid}.yaml", dump(widget))
    path = fleet.write(node, f"conf-{uid}.yaml", content("a"))
    node.add("resources", f"widget-{uid}.yaml")
    node.add("configurations", f"conf-{uid}.yaml")
    node.fields["images"] = [{"name": "nginx", "newTag": "1.2"}]
    fleet.change("configurations", path, content("b"))


def openapi(fleet: Fleet, node: Node) -> None:
    uid = fleet.uid()
    kind = f"Crate{uid}"
    crate = {
        "apiVersion": "c.example/v1",
        "kind": kind,
        "metadata": {"name": "c"},
        "spec": {"items": [{"name": "x", "v": "1"}, {"name": "y", "v": "2"}]},
    }
    patch = {**crate, "spec": {"items": [{"name": "x", "v": "patched"}]}}

    def content(extensions: Mapping[str, str]) -> bytes:
        items = {"type": "array", "items": {"type": "object"}, **extensions}
        schema = {
            "type": "object",
            "properties": {"spec": {"type": "object", "properties": {"items": items}}},
            "x-kubernetes-group-version-kind": [{"group": "c.example", "kind": kind, "version": "v1"}],
        }
        return json.dumps({"definitions": {f"example.c.v1.{kind}": schema}}).encode()

    merging = {"x-kubernetes-patch-merge-key": "name", "x-kubernetes-patch-strategy": "merge"}
    fleet.write(node, f"crate-{uid}.yaml", dump(crate))
    fleet.write(node, f"crate-patch-{uid}.yaml", dump(patch))
    path = fleet.write(node, f"schema-{uid}.json", content(merging))
    node.add("resources", f"crate-{uid}.yaml")
    node.add("patches", {"path": f"crate-patch-{uid}.yaml"})
    node.fields["openapi"] = {"path": f"schema-{uid}.json"}
    fleet.change("openapi", path, content({}))


def _plugin(kind: str, name: str, **rest: Any) -> dict[str, Any]:
    return {"apiVersion": "builtin", "kind": kind, "metadata": {"name": name}, **rest}


def generators_file(fleet: Fleet, node: Node) -> None:
    uid = fleet.uid()
    path = fleet.write(node, f"g-{uid}.txt", b"one")
    fleet.write(
        node, f"plugins/g-{uid}.yaml", dump(_plugin("ConfigMapGenerator", f"gf-{uid}", files=[f"k=g-{uid}.txt"]))
    )
    node.add("generators", f"plugins/g-{uid}.yaml")
    fleet.change("generators: file", path, b"two")


def generators_itself(fleet: Fleet, node: Node) -> None:
    uid = fleet.uid()

    def content(value: str) -> bytes:
        return dump(_plugin("SecretGenerator", f"gs-{uid}", literals=[f"k={value}"]))

    path = fleet.write(node, f"gs-{uid}.yaml", content("one"))
    node.add("generators", f"gs-{uid}.yaml")
    fleet.change("generators: the configuration", path, content("two"))


def generators_inline(fleet: Fleet, node: Node) -> None:
    uid = fleet.uid()
    path = fleet.write(node, f"gi-{uid}.env", b"A=one\n")
    node.add("generators", dump(_plugin("SecretGenerator", f"gi-{uid}", envs=[f"gi-{uid}.env"])).decode())
    fleet.change("generators: inline", path, b"A=two\n")


def generators_folder(fleet: Fleet, node: Node) -> None:
    uid = fleet.uid()
    path = fleet.write(node, f"gd-{uid}.txt", b"one")
    below = fleet.nodes[f"{node.folder}/gen-{uid}"] = Node(f"{node.folder}/gen-{uid}", uid)
    fleet.write(below, "g.yaml", dump(_plugin("ConfigMapGenerator", f"gd-{uid}", files=[f"k=gd-{uid}.txt"])))
    below.add("resources", "g.yaml")
    node.add("generators", f"gen-{uid}")
    fleet.change("generators: folder", path, b"two")


def transformers_file(fleet: Fleet, node: Node) -> None:
    uid = fleet.uid()
    path = fleet.write(node, f"tp-{uid}.yaml", _json_patch("one", uid))
    plugin = _plugin("PatchTransformer", f"t-{uid}", path=f"tp-{uid}.yaml", target=_own(node))
    fleet.write(node, f"t-{uid}.yaml", dump(plugin))
    node.add("transformers", f"t-{uid}.yaml")
    fleet.change("transformers: file", path, _json_patch("two", uid))


def transformers_inline(fleet: Fleet, node: Node) -> None:
    uid = fleet.uid()
    path = fleet.write(node, f"ti-{uid}.yaml", _json_patch("one", uid))
    plugin = _plugin("PatchJson6902Transformer", f"t-{uid}", path=f"ti-{uid}.yaml", target=_own(node))
    node.add("transformers", dump(plugin).decode())
    fleet.change("transformers: inline", path, _json_patch("two", uid))


def transformers_paths(fleet: Fleet, node: Node) -> None:
    uid = fleet.uid()
    path = fleet.write(node, f"tm-{uid}.yaml", _merge_patch(node, uid, "one"))
    plugin = _plugin("PatchStrategicMergeTransformer", f"t-{uid}", paths=[f"tm-{uid}.yaml"])
    node.add("transformers", dump(plugin).decode())
    fleet.change("transformers: paths", path, _merge_patch(node, uid, "two"))


def transformers_replacements(fleet: Fleet, node: Node) -> None:
    uid = fleet.uid()

    def content(key: str) -> bytes:
        target = {"select": _own(node), "fieldPaths": [f"data.{uid}"], "options": {"create": True}}
        return dump([{"source": {**_own(node), "fieldPath": f"data.{key}"}, "targets": [target]}])

    path = fleet.write(node, f"tr-{uid}.yaml", content("v"))
    plugin = _plugin("ReplacementTransformer", f"t-{uid}", replacements=[{"path": f"tr-{uid}.yaml"}])
    node.add("transformers", dump(plugin).decode())
    fleet.change("transformers: replacements", path, content("w"))


def transformers_targets(fleet: Fleet, node: Node) -> None:
    uid = fleet.uid()

    def content(key: str) -> bytes:
        return dump({"targets": [{"selector": _own(node), "fieldPath": f"data/{key}"}]})

    path = fleet.write(node, f"ta-{uid}.yaml", content("v"))
    plugin = _plugin("ValueAddTransformer", f"t-{uid}", value="added", targetFilePath=f"ta-{uid}.yaml")
    node.add("transformers", dump(plugin).decode())
    fleet.change("transformers: targetFilePath", path, content("w"))


def validators(fleet: Fleet, node: Node) -> None:
    uid = fleet.uid()

    def content(name: str) -> bytes:
        target = {"kind": "ConfigMap", "name": name}
        return dump(_plugin("PatchTransformer", f"v-{uid}", patch=_json_patch("bad", uid).decode(), target=target))

    path = fleet.write(node, f"v-{uid}.yaml", content("nothing-matches"))
    node.add("validators", f"v-{uid}.yaml")
    fleet.change("validators", path, content(f".*own-{node.uid}"))


def missing_then_there(fleet: Fleet, node: Node) -> None:
    path = fleet.write(node, f"gone-{fleet.uid()}.yaml", dump(config_map(f"gone-{fleet.uid()}", v="one")))
    node.add("resources", path.rpartition("/")[2])
    fleet.change("a file goes", path, None)


Feature = Callable[[Fleet, Node], None]

FEATURES: tuple[Feature, ...] = (
    resources_file, resources_list, _base("resources", "resources: folder"), _base("bases", "bases"), outside_file,
    component, component_of_component, patches_merge, patches_json, patches_strategic, patches_6902,
    _generator("configMapGenerator", "files", "key={path}", "configMapGenerator: key=path"),
    _generator("configMapGenerator", "files", "{path}", "configMapGenerator: files"),
    _generator("configMapGenerator", "envs", "{path}", "configMapGenerator: envs"),
    _generator("configMapGenerator", "env", "{path}", "configMapGenerator: env"),
    _generator("secretGenerator", "files", "key={path}", "secretGenerator: files"),
    _generator("secretGenerator", "envs", "{path}", "secretGenerator: envs"),
    replacements, crds, configurations, openapi,
    generators_file, generators_itself, generators_inline, generators_folder,
    transformers_file, transformers_inline, transformers_paths, transformers_replacements, transformers_targets,
    validators, missing_then_there,
)  # fmt: skip

# Only the kustomization that a build starts with may name a schema.
ROOT_FEATURES: tuple[Feature, ...] = (openapi,)


def _generated_folder(fleet: Fleet, name: str) -> None:
    """A Kustomization of a folder without a kustomization file: Flux lists it."""
    folder = f"plain/{name}"
    below = fleet.node(f"{folder}/sub/built")
    inner = fleet.write(below, "inner.yaml", dump(config_map(f"in-{name}", v="one")))
    below.add("resources", "inner.yaml")
    fleet.files |= {
        f"{folder}/a.yaml": dump(config_map(f"a-{name}", v="one")),
        f"{folder}/deep/er/b.yml": dump(config_map(f"b-{name}", v="one")),
        f"{folder}/deep/ignored.yaml": dump(config_map(f"i-{name}", v="one")),
        f"{folder}/sub/built/not-listed.yaml": dump(config_map(f"n-{name}", v="one")),
        f"{folder}/README.md": b"one",
        f"{folder}/.sourceignore": b"ignored.yaml\n",
    }
    fleet.kustomizations[name] = flux_kustomization(name, f"./{folder}")
    fleet.change("generated: a file changes", f"{folder}/deep/er/b.yml", dump(config_map(f"b-{name}", v="two")))
    fleet.change("generated: a file comes", f"{folder}/deep/new.yaml", dump(config_map(f"new-{name}", v="one")))
    fleet.change("generated: a kustomization inside", inner, dump(config_map(f"in-{name}", v="two")))
    fleet.change("generated: .sourceignore", f"{folder}/.sourceignore", b"nothing\n")
    fleet.change("nothing: not listed", f"{folder}/sub/built/not-listed.yaml", b"a: b\n")
    fleet.change("nothing: ignored", f"{folder}/deep/ignored.yaml", dump(config_map(f"i-{name}", v="two")))
    fleet.change("nothing: README", f"{folder}/README.md", b"two")


def _flux_component(fleet: Fleet, name: str, node: Node) -> None:
    folder = f"components/flux-{fleet.uid()}"
    below, path = _component(fleet, folder, node)
    fleet.kustomizations[name]["spec"]["components"] = ["../../" + folder, "../../components/not-there"]
    fleet.kustomizations[name]["spec"]["ignoreMissingComponents"] = True
    fleet.change("spec.components", path, _json_patch("two", below.uid))


def _variables(fleet: Fleet, giver: Node, reader: str, reader_node: Node) -> None:
    """A ConfigMap of one Kustomization whose values another substitutes."""
    uid = fleet.uid()

    def values(used: str, unused: str) -> bytes:
        document = config_map(f"vars-{uid}", **{f"used_{uid}": used, f"unused_{uid}": unused, f"hidden_{uid}": unused})
        document["metadata"]["namespace"] = "flux-system"
        return dump(document)

    path = fleet.write(giver, f"vars-{uid}.yaml", values("one", "one"))
    giver.add("resources", f"vars-{uid}.yaml")
    shown = config_map(f"reads-{uid}", v=f"is ${{used_{uid}:=none}} and ${{hidden_{uid}}}")
    fleet.write(reader_node, f"reads-{uid}.yaml", dump(shown))
    reader_node.add("resources", f"reads-{uid}.yaml")
    fleet.kustomizations[reader]["spec"]["postBuild"] = {
        "substituteFrom": [{"kind": "ConfigMap", "name": f"vars-{uid}"}],
        "substitute": {f"hidden_{uid}": "stays"},
    }
    fleet.change("substituteFrom", path, values("two", "one"))
    fleet.change("substituteFrom: not used", path, values("one", "two"))


def _specs(fleet: Fleet) -> None:
    """Changes of the Kustomizations themselves; the edit of the file that states them is made by the caller."""
    changed = json.loads(json.dumps(fleet.kustomizations))
    changed["k3"]["spec"]["targetNamespace"] = "elsewhere"
    fleet.changes.append(("a spec changes", stated(changed)))
    removed = {name: value for name, value in fleet.kustomizations.items() if name != "k3"}
    fleet.changes.append(("a Kustomization goes", {**stated(removed), **_without(fleet.kustomizations, removed)}))
    added = {**fleet.kustomizations, "late": flux_kustomization("late", "./plain/listed")}
    fleet.changes.append(("a Kustomization comes", stated(added)))


def stated(kustomizations: Mapping[str, Any]) -> Files:
    """The files in which a fleet states its Kustomizations."""
    return {f"clusters/main/{name}.yaml": dump(value) for name, value in kustomizations.items()}


def _without(before: Mapping[str, Any], after: Mapping[str, Any]) -> Edit:
    return {f"clusters/main/{name}.yaml": None for name in before.keys() - after.keys()}


ROOT = flux_kustomization("flux-system", "./clusters/main")
SOURCE = {
    "apiVersion": "source.toolkit.fluxcd.io/v1",
    "kind": "GitRepository",
    "metadata": {"name": "flux-system", "namespace": "flux-system"},
    "spec": {"interval": "1m", "url": "ssh://git@github.com/acme/fleet", "ref": {"branch": "main"}},
}


def build_fleet(chance: random.Random, features: Sequence[Feature], *, with_flux: bool) -> Fleet:
    """A fleet with all of these features, each in a place that chance decides.

    ``with_flux`` adds what is Flux's own: generated folders, components and variables of the spec,
    changes of the Kustomizations themselves.
    """
    fleet = Fleet(chance)
    roots = {f"k{at}": fleet.node(f"apps/k{at}") for at in range(1, 4)}
    for name, node in roots.items():
        fleet.kustomizations[name] = flux_kustomization(name, chance.choice(["./", ""]) + node.folder)
    for at in range(2):
        shared = fleet.node(f"lib/s{at}")
        for node in chance.sample(list(roots.values()), chance.randint(1, 3)):
            node.add("resources", f"../../{shared.folder}")
    for feature in features:
        places = [node for node in fleet.nodes.values() if node.kind == "Kustomization" and "/own-" not in node.folder]
        places = [node for node in places if "/gen-" not in node.folder]
        feature(fleet, chance.choice(list(roots.values()) if feature in ROOT_FEATURES else places))
    if with_flux:
        _generated_folder(fleet, "listed")
        _flux_component(fleet, "k3", roots["k3"])
        _variables(fleet, roots["k1"], "k2", roots["k2"])
        _specs(fleet)
    fleet.files |= stated(fleet.kustomizations)
    fleet.files["clusters/main/flux-system/gotk-sync.yaml"] = dump(SOURCE, ROOT)
    fleet.files["apps/k1/unused.yaml"] = dump(config_map("unused", v="one"))
    fleet.change("nothing: a file that nobody names", "apps/k1/unused.yaml", dump(config_map("unused", v="two")))
    return fleet


# Changes that must show nowhere.
QUIET = {
    "nothing: not listed",
    "nothing: ignored",
    "nothing: README",
    "nothing: a file that nobody names",
    "substituteFrom: not used",
}
