"""What an identity may do in a cluster, and how the cluster calls its kinds."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, order=True)
class Right:
    """One verb on one resource, as RBAC knows it.

    ``namespace`` is "" for a resource without namespaces, and for all namespaces at once.
    ``name`` is "" for every object of the resource: rules that name objects count only where it is given.
    """

    group: str
    resource: str
    verb: str
    namespace: str = ""
    name: str = ""

    @property
    def nameless(self) -> "Right":
        """The same for every object of the resource."""
        return replace(self, name="")

    @property
    def everywhere(self) -> "Right":
        """The same for every object in all namespaces."""
        return replace(self, name="", namespace="")

    @property
    def full_resource(self) -> str:
        """``deployments.apps``, or ``configmaps``: as kubectl writes it."""
        return f"{self.resource}.{self.group}" if self.group else self.resource


@dataclass(frozen=True, order=True)
class ServedKind:
    """A kind that the API server serves. ``resource`` is its plural name in addresses and in rules."""

    group: str
    kind: str
    resource: str
    namespaced: bool


# By (group, kind).
ServedKinds = dict[tuple[str, str], ServedKind]


@dataclass(frozen=True, order=True)
class GrantedRule:
    """A rule that an identity has in one namespace, as the API server tells it; "*" stands for everything."""

    groups: tuple[str, ...]
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    # Empty: all objects.
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Granted:
    """What an identity may do in one namespace. ``whole`` is False where the API server cannot list all of it."""

    rules: tuple[GrantedRule, ...]
    whole: bool = True
