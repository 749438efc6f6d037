"""An organisation's single sign-on, as GraphQL tells of it to its administrators.

https://docs.github.com/en/graphql/reference/objects#organizationidentityprovider
"""

from gitops_bot.sandbox.github.calls import Call
from gitops_bot.sandbox.github.graphql_objects import Arguments, GraphQlError, Objects, Thing, connection


def single_sign_on(objects: Objects, call: Call, login: str) -> Thing:
    """Give an organisation; its identity provider is null for all but those who may administer it."""
    known = objects.state.single_sign_on.get(login.lower())
    if known is None:
        raise GraphQlError(f"Could not resolve to an Organization with the login of '{login}'.", "NOT_FOUND")
    identities, administrators = known

    async def external_identities(arguments: Arguments) -> Thing:
        wanted = arguments.get("userName")
        found = [
            Thing(
                "ExternalIdentity",
                {
                    "guid": f"{address}-{number}",
                    "user": objects.user(objects.state.users[person.lower()]),
                    "samlIdentity": Thing("ExternalIdentitySamlAttributes", {"nameId": address, "username": address}),
                    "scimIdentity": None,
                },
            )
            for number, (address, person) in enumerate(identities)
            if wanted in {None, address}
        ]
        return connection(found, "ExternalIdentity", arguments)

    provider = None
    if call.caller.login in administrators:
        provider = Thing("OrganizationIdentityProvider", {"externalIdentities": external_identities})
    return Thing("Organization", {"login": login, "samlIdentityProvider": provider})
