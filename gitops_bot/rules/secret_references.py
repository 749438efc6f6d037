"""References to secret variables that would print a part or a changed form of the value.

Replacing values afterwards cannot find those, so such a Kustomization is not run at all.
https://github.com/fluxcd/pkg/blob/envsubst/v1.7.1/envsubst/README.md
"""

import re

from gitops_bot.rules import yaml_nodes
from gitops_bot.rules.yaml_nodes import UnreadableTextError, child, text_of

# Behind the name: the end, or a default. Defaults do not touch a value that is there.
_HARMLESS = re.compile(r"\}|:=|:-|=")
_SUBSTITUTE = "kustomize.toolkit.fluxcd.io/substitute"
_SHOWN = 3


def transformed_references(render: str, secret_names: frozenset[str]) -> tuple[str, ...]:
    """Give such references in a render before substitution, shortened: ``${NAME:0:…}``, ``${#NAME…}``.

    ``$${NAME`` is Flux's way to write the text itself, and no reference.
    """
    if not secret_names:
        return ()
    names = "|".join(sorted(map(re.escape, secret_names)))
    pattern = re.compile(
        rf"(?<!(?<!\$)\$)\$\{{\s*(?P<length>#?)\s*(?P<name>{names})(?![A-Za-z0-9_])(?P<rest>.{{0,{_SHOWN}}})", re.DOTALL
    )
    found: dict[str, None] = {}
    for document in yaml_nodes.documents(render):
        bad = [match for match in pattern.finditer(document) if match["length"] or not _HARMLESS.match(match["rest"])]
        if bad and not _substitution_is_off(document):
            found |= dict.fromkeys(
                f"${{{match['length']}{match['name']}{match['rest'].split('}')[0]}…}}" for match in bad
            )
    return tuple(found)


def _substitution_is_off(document: str) -> bool:
    """Whether Flux leaves this object alone; False when that cannot be read."""
    try:
        node = yaml_nodes.compose(document)
    except UnreadableTextError:
        return False
    marks = (text_of(child(node, "metadata", kind, _SUBSTITUTE)) for kind in ("labels", "annotations"))
    return "disabled" in marks
