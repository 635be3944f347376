"""An identity provider as a form."""

from __future__ import annotations

from django.http import QueryDict

from controlplane.console.fields.tree import Field
from controlplane.identity.models import IdentityProvider
from controlplane.tenants.access import Role

_ROLES = ", ".join(role.value for role in Role)
_ISSUER = "Its address, letter by letter as it names itself in its discovery document."
_GROUPS = (
    f"One a line, as group=role. Roles are {_ROLES}; of several the highest counts. They are given, changed and taken back "
    "at each sign-in; members whom you added by hand stay as they are."
)
_DOMAINS = (
    "Their addresses lead here from the sign-in page, and to people who are here already, once whoever runs this "
    "installation has confirmed that they are yours."
)


def fields_of(provider: IdentityProvider | None, post: QueryDict | None) -> list[Field]:
    """Draw the fields, filled with what was typed, else with what stands; a secret is never shown."""
    values = _values(provider) if post is None else {key: str(value) for key, value in post.items()}
    fields = _blank(known=provider is not None)
    for field in fields:
        if field.kind != "secret":
            field.value = values.get(field.name, "")
        if provider is not None and field.name == "issuer":
            field.value, field.locked = provider.issuer, True
    return fields


def _blank(*, known: bool) -> list[Field]:
    keep = "Leave it empty to keep the one that is stored."
    first = "Stored sealed, and never shown again. Empty for a public client."
    return [
        Field("text", "name", "Name", "As people know it, for example “Acme SSO”.", required=True),
        Field("text", "issuer", "Issuer", _ISSUER, required=True),
        Field("text", "client_id", "Client id", "What the provider calls this application.", required=True),
        Field("secret", "client_secret", "Client secret", keep if known else first),
        Field("text", "scopes", "Scopes", "What is asked for; openid must be among them."),
        Field("text", "groups_claim", "Claim with groups", "For example groups, or realm_access.roles."),
        Field("pairs", "group_roles", "Groups and their roles", _GROUPS, spread=True),
        Field("lines", "domains", "E-mail domains", _DOMAINS, spread=True),
        Field("text", "contact", "Whom to ask", "Told to people who have none of these groups."),
        Field("switch", "enabled", "People may sign in with it"),
    ]


def _values(provider: IdentityProvider | None) -> dict[str, str]:
    if provider is None:
        return {"scopes": "openid email profile", "groups_claim": "groups", "enabled": "on"}
    pairs = provider.group_roles.order_by("group").values_list("group", "role")
    return {
        "name": provider.name,
        "client_id": provider.client_id,
        "scopes": provider.scopes,
        "groups_claim": provider.groups_claim,
        "group_roles": "\n".join(f"{group}={role}" for group, role in pairs),
        "domains": "\n".join(provider.domains.order_by("domain").values_list("domain", flat=True)),
        "contact": provider.contact,
        "enabled": "on" if provider.enabled else "",
    }
