"""Make the demo's tenants, people and tokens, and keep them: the same call again changes nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from controlplane.config.demo.people import PEOPLE, TENANTS, DemoPerson, DemoTenant, new_password
from controlplane.osb.credentials import find_platform, issue_credential, revoke_credential
from controlplane.osb.models import BrokerCredential
from controlplane.tenants import services
from controlplane.tenants.access import SYSTEM, PlatformRole, Role
from controlplane.tenants.models import Account, Member, Tenant, User
from provisioner.landscapes.services import register_landscape

LANDSCAPE = "embedded"
BROKER = "demo"
PROVIDERS = ("aws", "azure", "gcp", "openstack")

SIMULATOR_CALLS_PER_SECOND = 500.0  # a process of this machine bears what a Gardener of others' should not


def make_access(*, url: str, file: Path, kubeconfig: Path) -> dict[str, Any]:
    """Return the demo's access, as written to `file`; what is there already and still valid is kept.

    Tokens and passwords are kept nowhere else in the clear, so a lost file means new ones.
    """
    known = _read(file)
    access = {
        "url": url,
        "tenants": [_tenant(tenant, known) for tenant in TENANTS],
        "sre_token": _platform_token(known.get("sre_token", ""), PlatformRole.SRE),
        "finops_token": _platform_token(known.get("finops_token", ""), PlatformRole.FINOPS),
        "osb": _broker(known),
        "console": [_person(person, known) for person in PEOPLE],
        "landscape_kubeconfig": str(kubeconfig),
    }
    _register(kubeconfig)
    _write(file, access)
    return access


def _tenant(wanted: DemoTenant, known: dict[str, Any]) -> dict[str, Any]:
    tenant = Tenant.objects.filter(slug=wanted.slug).first()
    if tenant is None:
        tenant = services.create_tenant(actor=SYSTEM, slug=wanted.slug, name=wanted.name)
    there = set(Account.objects.filter(tenant=tenant).values_list("slug", flat=True))
    for slug, name in wanted.accounts:
        if slug not in there:
            services.create_account(actor=SYSTEM, tenant=tenant, slug=slug, name=name)
    token = next((one["token"] for one in known.get("tenants", []) if one["slug"] == wanted.slug), "")
    if services.actor_of_token(token) is None:
        _row, token = services.issue_token(actor=SYSTEM, name="demo", tenant=tenant, role=Role.ADMIN)
    return {"slug": wanted.slug, "token": token, "accounts": [slug for slug, _name in wanted.accounts]}


def _platform_token(token: str, role: PlatformRole) -> str:
    if services.actor_of_token(token) is None:
        _row, token = services.issue_token(actor=SYSTEM, name=f"demo-{role.value}", platform_role=role)
    return token


def _broker(known: dict[str, Any]) -> dict[str, str]:
    """Return the credential of a platform of the first tenant's, as a marketplace would be given it."""
    kept = known.get("osb") or {}
    username, password = str(kept.get("username", "")), str(kept.get("password", ""))
    if find_platform(secret=password, username=username) is not None:
        return {"username": username, "password": password}
    tenant = Tenant.objects.get(slug=TENANTS[0].slug)
    for lost in BrokerCredential.objects.filter(tenant=tenant, name=BROKER, revoked_at=None):
        revoke_credential(actor=SYSTEM, tenant=tenant, credential_id=lost.pk)
    row, secret = issue_credential(actor=SYSTEM, tenant=tenant, name=BROKER)
    return {"username": row.username, "password": secret}


def _person(wanted: DemoPerson, known: dict[str, Any]) -> dict[str, Any]:
    people = {one["username"]: one["password"] for one in known.get("console", [])}
    password = people.get(wanted.username) or new_password()
    user = User.objects.filter(username=wanted.username).first()
    if user is None:
        user = services.create_user(
            actor=SYSTEM,
            username=wanted.username,
            password=password,
            email=f"{wanted.username}@{wanted.tenant or 'nesoi'}.example",
            platform_role=wanted.platform_role,
        )
    elif wanted.username not in people:
        user.set_password(password)
        user.save(update_fields=["password"])
    if wanted.role:
        tenant = Tenant.objects.get(slug=wanted.tenant)
        if not Member.objects.filter(tenant=tenant, user=user, role=wanted.role.value).exists():
            services.add_member(actor=SYSTEM, tenant=tenant, user=user, role=wanted.role)
    return {"username": wanted.username, "password": password, "role": wanted.role_name}


def _register(kubeconfig: Path) -> None:
    register_landscape(
        actor=SYSTEM,
        key=LANDSCAPE,
        kind="gardener",
        providers=PROVIDERS,
        config={"namespace": "garden-nesoi", "project": "nesoi"},
        credentials_path=str(kubeconfig),
        calls_per_second=SIMULATOR_CALLS_PER_SECOND,
    )


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(file: Path, access: dict[str, Any]) -> None:
    """Write it in one piece, for its owner's eyes only."""
    beside = file.with_suffix(".new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        json.dump(access, out, indent=2)
        out.write("\n")
    beside.replace(file)
