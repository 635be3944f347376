"""Who acts, and which role may do what: the one place that says so. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID


class Role(StrEnum):
    """What a member may be inside one tenant."""

    VIEWER = "viewer"
    DEVELOPER = "developer"
    ADMIN = "admin"
    OWNER = "owner"
    FINANCE = "finance"


class PlatformRole(StrEnum):
    """What a person of the platform's own team may be."""

    NONE = ""
    SRE = "sre"
    FINOPS = "finops"
    SUPPORT = "support"
    ADMIN = "platform-admin"


class Permission(StrEnum):
    """One thing that a role may or may not do."""

    READ = "runtime.read"
    CREATE = "runtime.create"
    UPDATE = "runtime.update"
    DELETE = "runtime.delete"
    KUBECONFIG = "runtime.kubeconfig"
    OPERATE = "operation.control"
    SKIP = "operation.skip"
    ACCOUNT_CREATE = "account.create"


_WORK = {
    Permission.READ,
    Permission.CREATE,
    Permission.UPDATE,
    Permission.DELETE,
    Permission.KUBECONFIG,
    Permission.OPERATE,
}

ALLOWED: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: frozenset({Permission.READ}),
    Role.FINANCE: frozenset({Permission.READ}),
    Role.DEVELOPER: frozenset(_WORK),
    Role.ADMIN: frozenset(_WORK | {Permission.ACCOUNT_CREATE}),
    Role.OWNER: frozenset(_WORK | {Permission.ACCOUNT_CREATE}),
}
PLATFORM_ALLOWED: dict[PlatformRole, frozenset[Permission]] = {
    PlatformRole.NONE: frozenset(),
    PlatformRole.FINOPS: frozenset({Permission.READ}),
    PlatformRole.SUPPORT: frozenset({Permission.READ}),
    PlatformRole.SRE: frozenset({Permission.READ, Permission.OPERATE, Permission.SKIP}),
    PlatformRole.ADMIN: frozenset(
        {Permission.READ, Permission.OPERATE, Permission.SKIP, Permission.ACCOUNT_CREATE}
    ),
}


@dataclass(frozen=True)
class Actor:
    """Who asks: a member of one tenant, a token of one tenant, one of the platform's team, or the system."""

    name: str  # what the audit trail shows: an address, "token:ci", "system"
    role: Role | None = None  # inside `tenant_id`
    tenant_id: UUID | None = None
    platform_role: PlatformRole = PlatformRole.NONE
    user_id: UUID | None = None
    token_id: UUID | None = None
    request_id: str = field(default="", compare=False)
    address: str = field(default="", compare=False)

    def may(self, permission: Permission, *, tenant_id: UUID | None = None) -> bool:
        """Whether this actor may do `permission` in the tenant (its own, when none is named)."""
        if permission in PLATFORM_ALLOWED[self.platform_role]:
            return True
        own = tenant_id is None or tenant_id == self.tenant_id
        return own and self.role is not None and permission in ALLOWED[self.role]

    @property
    def sees_every_tenant(self) -> bool:
        """Whether reads are not bounded by one tenant."""
        return self.platform_role is not PlatformRole.NONE and self.tenant_id is None


SYSTEM = Actor(name="system", platform_role=PlatformRole.ADMIN)
