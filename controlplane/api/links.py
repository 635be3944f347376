"""Addresses of things, absolute, so that a client never builds one."""

from __future__ import annotations

from uuid import UUID

PREFIX = "/api/v1"


def runtime_url(base: str, runtime_id: UUID) -> str:
    """Return a runtime's address."""
    return f"{base}{PREFIX}/runtimes/{runtime_id}"


def operation_url(base: str, operation_id: UUID) -> str:
    """Return an operation's address."""
    return f"{base}{PREFIX}/operations/{operation_id}"


def rollout_url(base: str, rollout_id: UUID) -> str:
    """Return a rollout's address."""
    return f"{base}{PREFIX}/rollouts/{rollout_id}"


def account_url(base: str, account_id: UUID) -> str:
    """Return an account's address."""
    return f"{base}{PREFIX}/accounts/{account_id}"


def tenant_url(base: str, tenant_id: UUID) -> str:
    """Return a tenant's address."""
    return f"{base}{PREFIX}/tenants/{tenant_id}"


def provider_url(base: str, provider_id: UUID) -> str:
    """Return an identity provider's address."""
    return f"{base}{PREFIX}/identity-providers/{provider_id}"


def sign_in_callback(base: str, provider_id: UUID) -> str:
    """Return the one address that an identity provider sends people back to."""
    return f"{base}/sign-in/callback/{provider_id}"


def audit_export_url(base: str, export_id: UUID) -> str:
    """Return the address of an export of the audit trail."""
    return f"{base}{PREFIX}/audit/exports/{export_id}"


def plan_url(base: str, key: str) -> str:
    """Return a plan's address."""
    return f"{base}{PREFIX}/plans/{key}"


def invitation_page(base: str, secret: str) -> str:
    """Return the page on which an invitation is accepted."""
    return f"{base}/join/{secret}"
