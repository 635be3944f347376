"""The JSON Schema of identity providers."""

from __future__ import annotations

from controlplane.catalog.plans import PlanFacts
from controlplane.catalog.properties import Schema, ordered, word

SIGNING_ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512")


def signing_algorithms() -> Schema:
    """What tokens may be signed with."""
    return {
        "type": "array",
        "title": "Signing algorithms",
        "description": "Algorithms that a token may be signed with. Noted only: the cluster accepts every secure one.",
        "items": {"type": "string", "enum": list(SIGNING_ALGORITHMS)},
        "minItems": 1,
        "uniqueItems": True,
        "default": ["RS256"],
    }


def required_claims() -> Schema:
    """Claims that every token must carry."""
    return {
        "type": "array",
        "title": "Required claims",
        "description": "Claims that a token must carry, each as key=value.",
        "items": {
            "type": "string",
            "maxLength": 512,
            "pattern": r"^[^\s=\u0000-\u001f]+=[^\s\u0000-\u001f]+$",
            "x-pattern-text": "the form key=value",
        },
        "maxItems": 20,
        "uniqueItems": True,
        "default": [],
    }


def oidc_issuer(title: str) -> Schema:
    """One identity provider, in the vocabulary of the Kubernetes API server's OIDC flags."""
    issuer = "The provider's https address, as in its tokens' `iss`."
    prefix = {"type": "string", "maxLength": 253, "default": "-"}
    return {
        "type": "object",
        "title": title,
        "required": ["clientID", "issuerURL"],
        "additionalProperties": False,
        "properties": ordered(
            {
                "issuerURL": word("Issuer URL", issuer, maxLength=2048),
                "clientID": word("Client ID", "The audience that tokens must carry."),
                "groupsClaim": word("Groups claim", "The claim with the user's groups.", default="groups"),
                "usernameClaim": word("Username claim", "The claim with the user's name.", default="sub"),
                "usernamePrefix": prefix
                | {"title": "Username prefix", "description": "Set before every name; '-' for none."},
                "groupsPrefix": prefix
                | {"title": "Groups prefix", "description": "Set before every group; '-' for none."},
                "signingAlgs": signing_algorithms(),
                "requiredClaims": required_claims(),
            }
        ),
    }


def oidc(_: PlanFacts) -> Schema:
    """Who may sign in to the runtime: one provider, or a list of them."""
    return {
        "type": "object",
        "title": "Identity providers",
        "description": "OpenID Connect providers whose users may sign in to the runtime.",
        "oneOf": [
            oidc_issuer("One provider"),
            {
                "type": "object",
                "title": "Several providers",
                "required": ["list"],
                "additionalProperties": False,
                "properties": {
                    "list": {
                        "type": "array",
                        "title": "Providers",
                        "items": oidc_issuer("Provider"),
                        "maxItems": 10,
                    }
                },
            },
        ],
        "x-codes": {"oneOf": "oidc_list_and_fields"},
    }
