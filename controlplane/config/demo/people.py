"""Who the demo's tenants are and who works there. Pure."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from controlplane.tenants.access import PlatformRole, Role

_WORDS = (
    "amber", "bay", "cape", "cedar", "coral", "dune", "fern", "gulf", "harbour", "heron", "island", "juniper",
    "kelp", "lagoon", "lemon", "linen", "maple", "mint", "olive", "otter", "pearl", "pine", "reef", "sage",
    "shell", "slate", "spruce", "thyme", "tide", "walnut", "willow", "wren",
)  # fmt: skip
_HIGHEST_NUMBER = 9000


@dataclass(frozen=True)
class DemoTenant:
    """A tenant with its accounts (slug, name)."""

    slug: str
    name: str
    accounts: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class DemoPerson:
    """Somebody who can sign in: a member of a tenant, or one of the platform's team."""

    username: str
    tenant: str = ""
    role: Role | None = None
    platform_role: PlatformRole = PlatformRole.NONE

    @property
    def role_name(self) -> str:
        """Return the one role that they have."""
        return self.role.value if self.role else self.platform_role.value


TENANTS = (
    DemoTenant(
        "aegean-shipping",
        "Aegean Shipping",
        (
            ("fleet-ops", "Fleet operations"),
            ("customer-portal", "Customer portal"),
            ("analytics", "Analytics"),
        ),
    ),
    DemoTenant("meltemi-energy", "Meltemi Energy", (("grid", "Grid control"), ("trading", "Energy trading"))),
    DemoTenant("kythira-games", "Kythira Games", (("studio", "Studio"), ("live", "Live services"))),
)

PEOPLE = (
    DemoPerson("alice", "aegean-shipping", Role.ADMIN),
    DemoPerson("vera", "aegean-shipping", Role.VIEWER),
    DemoPerson("dimitri", "meltemi-energy", Role.DEVELOPER),
    DemoPerson("nina", "kythira-games", Role.OWNER),
    DemoPerson("sam", platform_role=PlatformRole.SRE),
    DemoPerson("fiona", platform_role=PlatformRole.FINOPS),
    DemoPerson("sofia", platform_role=PlatformRole.SUPPORT),
    DemoPerson("paula", platform_role=PlatformRole.ADMIN),
)


def new_password() -> str:
    """Return a password that can be read aloud; about 28 bits, for a server that listens on this machine only."""
    words = [secrets.choice(_WORDS) for _ in range(3)]
    return "-".join([*words, str(1000 + secrets.randbelow(_HIGHEST_NUMBER))])
