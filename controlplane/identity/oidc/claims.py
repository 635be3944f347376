"""What claims say about a person. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LONGEST_EMAIL = 254
LONGEST_NAME = 150
MOST_GROUPS = 2000


@dataclass(frozen=True)
class Person:
    """Somebody as their provider describes them; texts are cut to what a row holds, and empty when not told."""

    subject: str
    email: str = ""
    email_verified: bool = False
    given_name: str = ""
    family_name: str = ""
    username: str = ""
    groups: frozenset[str] = frozenset()
    groups_elsewhere: bool = False  # too many for a token: then nobody knows them, and "none" would be wrong
    session: str = ""

    @property
    def domain(self) -> str:
        """The part of the address behind the @, in lower case."""
        return self.email.rpartition("@")[2].lower()


def read_person(claims: Mapping[str, Any], *, groups_claim: str) -> Person:
    """Return who the claims describe; `sub` has been checked."""
    email = _text(claims.get("email"), LONGEST_EMAIL)
    elsewhere = claims.get("_claim_names")
    return Person(
        subject=str(claims["sub"]),
        email=email if email.count("@") == 1 and not email.startswith("@") else "",
        email_verified=claims.get("email_verified") is True or claims.get("email_verified") == "true",
        given_name=_text(claims.get("given_name"), LONGEST_NAME),
        family_name=_text(claims.get("family_name"), LONGEST_NAME),
        username=_text(claims.get("preferred_username"), LONGEST_NAME),
        groups=frozenset(_groups(claims, groups_claim)),
        groups_elsewhere=isinstance(elsewhere, Mapping) and groups_claim in elsewhere,
        session=_text(claims.get("sid"), 255),
    )


def _groups(claims: Mapping[str, Any], name: str) -> list[str]:
    """The groups under a claim, or under a path such as realm_access.roles where no claim has that very name."""
    found: Any = claims.get(name)
    if found is None and "." in name:
        found = claims
        for part in name.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    listed = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    return [entry for entry in listed if isinstance(entry, str)][:MOST_GROUPS]


def _text(value: Any, longest: int) -> str:
    if not isinstance(value, str):
        return ""
    return "".join(letter for letter in value if letter.isprintable()).strip()[:longest]
