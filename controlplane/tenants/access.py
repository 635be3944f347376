"""Who acts, and which role may do what: the one place that says so. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
    """One thing that a role may or may not do; the value's first word is what it is done to."""

    READ = "runtime.read"
    CREATE = "runtime.create"
    UPDATE = "runtime.update"
    UPGRADE = "runtime.upgrade"  # to a release; pin it to one
    DELETE = "runtime.delete"
    SUSPEND = "runtime.suspend"  # and resume
    KUBECONFIG_VIEW = "runtime.kubeconfig.view"
    KUBECONFIG = "runtime.kubeconfig"  # as editor or admin of the cluster
    OPERATE = "operation.control"
    SKIP = "operation.skip"
    ACCOUNT_CREATE = "account.create"
    ACCOUNT_CHANGE = "account.change"  # rename, suspend, resume, schedule its deletion
    ACCOUNT_MOVE = "account.move"  # to another tenant
    MEMBER_READ = "member.read"
    MEMBER_MANAGE = "member.manage"  # invite, change a role, remove; owners only by owners
    OWNER_MANAGE = "member.manage.owner"
    TOKEN_READ = "token.read"  # noqa: S105
    TOKEN_MANAGE = "token.manage"  # noqa: S105 - service accounts too; never above one's own role
    IDENTITY_MANAGE = "identity.manage"  # the tenant's identity provider
    BROKER_MANAGE = "broker.manage"  # credentials of the service broker
    QUOTA_READ = "quota.read"
    QUOTA_REQUEST = "quota.request"
    QUOTA_ANSWER = "quota.answer"
    AUDIT_READ = "audit.read"  # and export
    TRIAL_CHANGE = "trial.change"  # extend one's own, convert it
    TRIAL_MANAGE = "trial.manage"  # everybody's: queue, blocklist, capacity
    COST_READ = (
        "cost.read"  # the whole tenant's: nobody is bound to one account, and who orders sees what it costs
    )
    COST_MANAGE = "cost.manage"  # budgets, and what was said about a day out of the ordinary
    STATEMENT_READ = "statement.read"  # what was billed, and what it came from
    STATEMENT_MANAGE = "statement.manage"  # draft, seal, check, adjust
    FOOTPRINT_READ = "footprint.read"  # what runtimes take up; its money needs COST_READ
    FLEET_FOOTPRINT = "footprint.fleet"  # what the platform's components take up, over all tenants
    METER = "usage.meter"  # push samples of any runtime, and look into what was put aside
    PRICE_READ = (
        "price.read"  # everybody's: price books, contracts, credits; one's own prices are COST_READ's
    )
    PRICE_MANAGE = "price.manage"  # upload and activate price books, agree contracts, publish exchange rates
    COST_EXPORT = "cost.export"  # everybody's: write FOCUS files, import a provider's bill
    RELEASE_MANAGE = "release.manage"  # publish and withdraw releases, point channels
    ROLLOUT_READ = "rollout.read"
    ROLLOUT_MANAGE = "rollout.manage"  # plan, start, pause, steer and abort; waivers; the emergency stop
    WEBHOOK_MANAGE = "webhook.manage"  # where events of the tenant are sent
    TENANT_CREATE = "tenant.create"
    TENANT_CHANGE = "tenant.change"  # its name, its deletion
    TENANT_SUSPEND = "tenant.suspend"  # and resume
    TENANT_OPEN = "tenant.open"  # look into any tenant, with a reason that is audited


P = Permission
_LOOK = frozenset({P.READ, P.FOOTPRINT_READ, P.KUBECONFIG_VIEW, P.MEMBER_READ, P.QUOTA_READ})
_WORK = _LOOK | {
    P.CREATE,
    P.UPDATE,
    P.UPGRADE,
    P.DELETE,
    P.SUSPEND,
    P.KUBECONFIG,
    P.OPERATE,
    P.QUOTA_REQUEST,
    P.COST_READ,
}
_ADMINISTER = _WORK | {
    P.ACCOUNT_CREATE,
    P.ACCOUNT_CHANGE,
    P.MEMBER_MANAGE,
    P.TOKEN_READ,
    P.TOKEN_MANAGE,
    P.IDENTITY_MANAGE,
    P.BROKER_MANAGE,
    P.WEBHOOK_MANAGE,
    P.AUDIT_READ,
    P.TRIAL_CHANGE,
    P.COST_MANAGE,
    P.STATEMENT_READ,
}

ALLOWED: Mapping[Role, frozenset[Permission]] = {
    Role.VIEWER: _LOOK,
    Role.FINANCE: frozenset(
        {P.READ, P.FOOTPRINT_READ, P.MEMBER_READ, P.QUOTA_READ, P.COST_READ, P.COST_MANAGE, P.STATEMENT_READ}
    ),
    Role.DEVELOPER: _WORK,
    Role.ADMIN: _ADMINISTER,
    Role.OWNER: _ADMINISTER | {P.OWNER_MANAGE, P.TENANT_CHANGE},
}
_SEE_ALL = frozenset({P.READ, P.FOOTPRINT_READ, P.MEMBER_READ, P.QUOTA_READ, P.ROLLOUT_READ, P.TENANT_OPEN})
PLATFORM_ALLOWED: Mapping[PlatformRole, frozenset[Permission]] = {
    PlatformRole.NONE: frozenset(),
    PlatformRole.FINOPS: _SEE_ALL
    | {
        P.FLEET_FOOTPRINT,
        P.COST_READ,
        P.COST_EXPORT,
        P.PRICE_READ,
        P.PRICE_MANAGE,
        P.STATEMENT_READ,
        P.STATEMENT_MANAGE,
    },
    PlatformRole.SUPPORT: _SEE_ALL | {P.AUDIT_READ, P.TOKEN_READ},
    PlatformRole.SRE: _SEE_ALL
    | {
        P.FLEET_FOOTPRINT,
        P.UPGRADE,
        P.RELEASE_MANAGE,
        P.ROLLOUT_MANAGE,
        P.OPERATE,
        P.SKIP,
        P.AUDIT_READ,
        P.METER,
    },
    PlatformRole.ADMIN: _SEE_ALL
    | {
        P.ROLLOUT_MANAGE,
        P.FLEET_FOOTPRINT,
        P.UPGRADE,
        P.RELEASE_MANAGE,
        P.OPERATE,
        P.SKIP,
        P.AUDIT_READ,
        P.COST_READ,
        P.COST_EXPORT,
        P.PRICE_READ,
        P.PRICE_MANAGE,
        P.STATEMENT_READ,
        P.STATEMENT_MANAGE,
        P.METER,
        P.ACCOUNT_CREATE,
        P.ACCOUNT_MOVE,
        P.QUOTA_ANSWER,
        P.TRIAL_MANAGE,
        P.TENANT_CREATE,
        P.TENANT_CHANGE,
        P.TENANT_SUSPEND,
        P.TOKEN_READ,
    },
}


class TokenScope(StrEnum):
    """What a token is for; it may do what its role may and one of its scopes names. Every scope includes reading."""

    READ = "read"
    RUNTIMES = "runtimes"  # order, change and remove them; kubeconfigs
    OPERATE = "operate"  # pause, resume, retry, cancel
    ADMIN = "admin"  # accounts, members, tokens, and what else is neither of the others


_READING = frozenset(
    {
        P.READ,
        P.MEMBER_READ,
        P.TOKEN_READ,
        P.QUOTA_READ,
        P.AUDIT_READ,
        P.COST_READ,
        P.FOOTPRINT_READ,
        P.FLEET_FOOTPRINT,
        P.STATEMENT_READ,
        P.PRICE_READ,
        P.ROLLOUT_READ,
        P.TENANT_OPEN,
    }
)
_RUNTIMES = frozenset(
    {P.CREATE, P.UPDATE, P.UPGRADE, P.DELETE, P.SUSPEND, P.KUBECONFIG_VIEW, P.KUBECONFIG, P.QUOTA_REQUEST}
)
_OPERATE = frozenset({P.OPERATE, P.SKIP, P.METER, P.UPGRADE, P.RELEASE_MANAGE, P.ROLLOUT_MANAGE})
IN_SCOPE: Mapping[TokenScope, frozenset[Permission]] = {
    TokenScope.READ: _READING,
    TokenScope.RUNTIMES: _READING | _RUNTIMES,
    TokenScope.OPERATE: _READING | _OPERATE,
    TokenScope.ADMIN: frozenset(Permission) - _RUNTIMES - _OPERATE,
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
    scopes: frozenset[TokenScope] | None = field(default=None, compare=False)  # None: not narrowed
    on_behalf_of: str = field(default="", compare=False)  # whom another platform names as its own person
    request_id: str = field(default="", compare=False)
    address: str = field(default="", compare=False)

    def may(self, permission: Permission, *, tenant_id: UUID | None = None) -> bool:
        """Whether this actor may do `permission` in the tenant (its own, when none is named)."""
        if self.scopes is not None and not any(permission in IN_SCOPE[scope] for scope in self.scopes):
            return False
        if permission in PLATFORM_ALLOWED[self.platform_role]:
            return True
        own = tenant_id is None or tenant_id == self.tenant_id
        return own and self.role is not None and permission in ALLOWED[self.role]

    def may_grant(self, role: Role, *, tenant_id: UUID, scopes: Iterable[TokenScope] = TokenScope) -> bool:
        """Whether a role, narrowed to scopes, holds nothing that this actor may not do: nobody grants above their own."""
        reach = frozenset().union(*(IN_SCOPE[scope] for scope in scopes))
        return all(self.may(permission, tenant_id=tenant_id) for permission in ALLOWED[role] & reach)

    @property
    def sees_every_tenant(self) -> bool:
        """Whether reads are not bounded by one tenant."""
        return self.platform_role is not PlatformRole.NONE and self.tenant_id is None


SYSTEM = Actor(name="system", platform_role=PlatformRole.ADMIN)
