"""Who calls."""

from __future__ import annotations

from dataclasses import dataclass

MASTERS = "system:masters"
VIEWERS = "gardener.cloud:system:viewers"
ANONYMOUS_NAME = "system:anonymous"


@dataclass(frozen=True, slots=True)
class User:
    """A name and the groups it is in."""

    name: str
    groups: tuple[str, ...] = ()

    @property
    def anonymous(self) -> bool:
        """Say whether nobody proved anything."""
        return self.name == ANONYMOUS_NAME


ANONYMOUS = User(ANONYMOUS_NAME, ("system:unauthenticated",))
