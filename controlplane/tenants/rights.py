"""The permission table in words: what each permission lets somebody do, and who may. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from controlplane.kernel.errors import Refused
from controlplane.tenants.access import (
    ALLOWED,
    IN_SCOPE,
    PLATFORM_ALLOWED,
    Actor,
    Permission,
    PlatformRole,
    Role,
    TokenScope,
)

P = Permission
MEANING: Mapping[Permission, str] = {
    P.READ: "See runtimes, operations and accounts",
    P.CREATE: "Request a runtime",
    P.UPDATE: "Change a runtime and its labels",
    P.UPGRADE: "Upgrade a runtime, pin it to a release",
    P.DELETE: "Delete a runtime",
    P.SUSPEND: "Suspend and resume a runtime",
    P.KUBECONFIG_VIEW: "Get a kubeconfig that only reads",
    P.KUBECONFIG: "Get a kubeconfig as editor or admin of the cluster",
    P.OPERATE: "Pause, resume, retry and cancel operations",
    P.SKIP: "Skip a step of an operation",
    P.ACCOUNT_CREATE: "Open accounts",
    P.ACCOUNT_CHANGE: "Rename, suspend, resume and remove accounts",
    P.ACCOUNT_MOVE: "Move an account to another tenant",
    P.MEMBER_READ: "See members and invitations",
    P.MEMBER_MANAGE: "Invite people, change their roles, remove them",
    P.OWNER_MANAGE: "Make and unmake owners",
    P.TOKEN_READ: "See tokens and service accounts",
    P.TOKEN_MANAGE: "Make, rotate and revoke tokens; service accounts",
    P.IDENTITY_MANAGE: "Connect the tenant's identity provider",
    P.BROKER_MANAGE: "Manage credentials of the service broker",
    P.QUOTA_READ: "See quotas and what is used",
    P.QUOTA_REQUEST: "Ask for more quota",
    P.QUOTA_ANSWER: "Answer requests for quota",
    P.AUDIT_READ: "Read and export the audit trail",
    P.TRIAL_CHANGE: "Extend or convert the own trial",
    P.TRIAL_MANAGE: "Manage everybody's trials",
    P.COST_READ: "See costs",
    P.COST_MANAGE: "Set budgets, answer unusual days",
    P.STATEMENT_READ: "See statements, and what each line came from",
    P.STATEMENT_MANAGE: "Draft, check and seal statements; book credits and adjustments",
    P.FOOTPRINT_READ: "See what runtimes take up, and their carbon",
    P.RELEASE_MANAGE: "Publish and withdraw releases, point channels",
    P.ROLLOUT_READ: "See rollouts, their targets and who is left behind",
    P.ROLLOUT_MANAGE: "Plan, start, pause, steer and abort rollouts; waivers; the emergency stop",
    P.FLEET_FOOTPRINT: "See what the platform's components take up over all tenants",
    P.METER: "Push usage samples, see quarantined ones",
    P.PRICE_READ: "See every price book, and what was agreed with tenants",
    P.PRICE_MANAGE: "Upload and activate price books; agree contracts, credits, commitments; publish exchange rates",
    P.COST_EXPORT: "Write everybody's charges to files, import a provider's bill",
    P.WEBHOOK_MANAGE: "Say where events of the tenant are sent",
    P.TENANT_CREATE: "Create tenants",
    P.TENANT_CHANGE: "Rename and close the tenant",
    P.TENANT_SUSPEND: "Suspend and resume a tenant",
    P.TENANT_OPEN: "Look into any tenant",
}


@dataclass(frozen=True)
class Right:
    """One row of the table: `roles` and `platform_roles` may do it, a token only with one of `scopes`."""

    permission: Permission
    meaning: str
    roles: tuple[Role, ...]
    platform_roles: tuple[PlatformRole, ...]
    scopes: tuple[TokenScope, ...]


def rights() -> list[Right]:
    """Return the whole table, in the order of the permissions."""
    return [
        Right(
            permission,
            MEANING[permission],
            tuple(role for role in Role if permission in ALLOWED[role]),
            tuple(role for role in PlatformRole if role and permission in PLATFORM_ALLOWED[role]),
            tuple(scope for scope in TokenScope if permission in IN_SCOPE[scope]),
        )
        for permission in Permission
    ]


def _who_may(permission: Permission) -> str:
    roles = [role.value for role in Role if permission in ALLOWED[role]]
    if not roles:
        team = [role.value for role in PlatformRole if permission in PLATFORM_ALLOWED[role]]
        return f"ask somebody of the platform's team whose role does: {' or '.join(team)}."
    return f"ask somebody of the tenant whose role does: {' or '.join(roles)}."


def require(actor: Actor, permission: Permission, *, tenant_id: UUID) -> None:
    """Raise Refused 403 unless the actor may do this in the tenant."""
    if not actor.may(permission, tenant_id=tenant_id):
        role = actor.role or actor.platform_role or "no role"
        detail = f"Your role ({role}) does not allow {permission}; {_who_may(permission)}"
        if actor.scopes is not None and any(permission in ALLOWED[r] for r in Role if r == actor.role):
            detail = f"This token's scopes do not cover {permission}; use a token with a scope that does."
        raise Refused("forbidden", detail, status=403)


def require_grant(actor: Actor, role: Role, *, tenant_id: UUID) -> None:
    """Raise Refused 403 role_above_own when the role holds more than the actor may do."""
    if not actor.may_grant(role, tenant_id=tenant_id):
        detail = f"You can't give the role {role}: it may do more than you may. Ask somebody who has it."
        raise Refused("role_above_own", detail, field="role", status=403)


def seen_by(actor: Actor, rows: Any) -> Any:
    """Narrow a queryset to what the actor may see: the tenant's, or all for one of the platform's team."""
    return rows if actor.sees_every_tenant else rows.filter(tenant=actor.tenant_id)
