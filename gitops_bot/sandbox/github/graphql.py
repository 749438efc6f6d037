"""POST /graphql: https://docs.github.com/en/graphql. Errors of a query come with status 200, as GitHub's do."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from gitops_bot.sandbox.github.calls import Answer, Call
from gitops_bot.sandbox.github.front import Endpoint
from gitops_bot.sandbox.github.graphql_mutations import Mutations, find_node
from gitops_bot.sandbox.github.graphql_objects import Arguments, GraphQlError, Objects, Thing
from gitops_bot.sandbox.github.graphql_single_sign_on import single_sign_on
from gitops_bot.sandbox.github.graphql_syntax import Field, Operation, SyntaxWrong, filled, read
from gitops_bot.sandbox.github.limits import Limits
from gitops_bot.sandbox.github.records import at_least
from gitops_bot.sandbox.github.refusals import Refusal, requires_authentication
from gitops_bot.sandbox.github.syncing import Syncing

# The path on a GitHub Enterprise Server, next to /api/v3.
GRAPHQL_PREFIX = "/api"


class GraphQl:
    """Answers queries about repositories and pull requests, and the few mutations that REST does not have."""

    def __init__(self, objects: Objects, syncing: Syncing, limits: Limits) -> None:
        self._objects = objects
        self._state = objects.state
        self._syncing = syncing
        self._limits = limits

    def endpoint(self) -> Endpoint:
        """Give the endpoint."""
        return Endpoint("POST", "/graphql", self.answer, resource="graphql")

    async def answer(self, call: Call) -> Answer:
        """Carry out one operation."""
        if call.token is None:
            raise requires_authentication()
        text, variables = call.field("query"), call.field("variables") or {}
        if not isinstance(text, str):
            raise Refusal(400, "A query attribute must be specified and must be a string.")
        try:
            operation = read(text, call.field("operationName"))
        except SyntaxWrong as wrong:
            return Answer({"errors": [{"message": f"Parse error: {wrong}", "locations": []}]})
        run = _Run(operation, operation.defaults | variables)
        root = Mutations(self._objects, call).root() if operation.kind == "mutation" else self._query(call)
        data = await run.select(root, operation.selection, ())
        if run.undefined:
            return Answer({"errors": run.errors})
        return Answer({"data": data} | ({"errors": run.errors} if run.errors else {}))

    def _query(self, call: Call) -> Thing:
        async def repository(arguments: Arguments) -> Thing:
            name = f"{arguments['owner']}/{arguments['name']}"
            found = self._state.repositories.get(name.lower())
            permission = call.permission(found) if found else "none"
            if found is None or not at_least(permission, "read"):
                raise GraphQlError(f"Could not resolve to a Repository with the name '{name}'.", "NOT_FOUND")
            await self._syncing.sync(found)
            return self._objects.repository(found, permission)

        async def organization(arguments: Arguments) -> Thing:
            return single_sign_on(self._objects, call, str(arguments["login"]))

        async def node(arguments: Arguments) -> Thing:
            return find_node(self._objects, call, str(arguments["id"]))[2]

        async def rate_limit(_: Arguments) -> Thing:
            now = self._limits.overview(call.token, "graphql")
            reset = datetime.fromtimestamp(now["reset"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            shown = {name: now[name] for name in ("limit", "used", "remaining")}
            return Thing("RateLimit", shown | {"cost": 1, "resetAt": reset})

        viewer = self._objects.user(call.caller)
        if call.token is not None and call.token.installation is not None:
            viewer = Thing("User", {**viewer.fields, "login": call.caller.login})
        fields = {"viewer": viewer, "repository": repository, "organization": organization}
        return Thing("Query", fields | {"node": node, "rateLimit": rate_limit})


class _Run:
    """One operation being carried out: collects its errors."""

    def __init__(self, operation: Operation, variables: Mapping[str, Any]) -> None:
        self.errors: list[dict[str, Any]] = []
        self.undefined = False
        self._name = f"{operation.kind} {operation.name}".strip()
        self._variables = variables

    async def select(self, thing: Thing, fields: Sequence[Field], path: tuple[str, ...]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for field in fields:
            if field.on and not _is_a(thing, field.on):
                continue
            if field.name == "__typename":
                found[field.alias] = thing.typename
                continue
            if field.name not in thing.fields:
                self._undefined(thing, field, path)
                continue
            value = await self._value(thing.fields[field.name], field, (*path, field.alias))
            known = found.get(field.alias)
            # The same field, asked for in two fragments: both answers are one.
            found[field.alias] = known | value if isinstance(known, dict) and isinstance(value, dict) else value
        return found

    async def _value(self, value: Any, field: Field, path: tuple[str, ...]) -> Any:
        if callable(value):
            try:
                value = await value(filled(field.arguments, self._variables))
            except GraphQlError as wrong:
                error: dict[str, Any] = {"type": wrong.kind} if wrong.kind else {}
                self.errors.append(error | {"path": list(path), "locations": [], "message": str(wrong)})
                return None
            except KeyError as missing:
                words = f"Field '{field.name}' is missing required arguments: {missing.args[0]}"
                self.errors.append({"path": list(path), "locations": [], "message": words})
                return None
        if isinstance(value, Thing):
            return await self.select(value, field.selection, path)
        if isinstance(value, list | tuple):
            return [await self._value(one, field, path) for one in value]
        return value

    def _undefined(self, thing: Thing, field: Field, path: tuple[str, ...]) -> None:
        self.undefined = True
        self.errors.append(
            {
                "path": [self._name, *path, field.alias],
                "extensions": {"code": "undefinedField", "typeName": thing.typename, "fieldName": field.name},
                "locations": [],
                "message": f"Field '{field.name}' doesn't exist on type '{thing.typename}'",
            }
        )


def _is_a(thing: Thing, name: str) -> bool:
    interfaces = {"Actor": {"User", "Bot", "Organization"}, "RepositoryOwner": {"User", "Organization"}}
    return name in {thing.typename, "Node"} or thing.typename in interfaces.get(name, ())
