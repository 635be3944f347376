"""The cast that every test shares, made by plain functions.

Archipel (tenant `archipel`) has the accounts `shop` and `lab`; Alice is its admin, Vera its viewer. Basalt is the other tenant,
with the account `main` and Bob its admin: whatever is Archipel's, Bob must never see. Sam is the platform's SRE.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from django.db.transaction import atomic

from controlplane.tenants import services
from controlplane.tenants.access import SYSTEM, Actor, PlatformRole, Role
from controlplane.tenants.audit.writing import record
from controlplane.tenants.models import Account, Member, Tenant, User
from provisioner.landscapes.models import Landscape

PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class Person:
    """Somebody with a token and an actor."""

    user: User
    token: str
    actor: Actor

    @property
    def headers(self) -> dict[str, str]:
        """What Django's test client sends for them."""
        return {"Authorization": f"Bearer {self.token}"}


class World:
    """Everything that stands before a test begins; people and places come to be when first asked for."""

    @cached_property
    def archipel(self) -> Tenant:
        return a_tenant("archipel", "Archipel")

    @cached_property
    def basalt(self) -> Tenant:
        return a_tenant("basalt", "Basalt")

    @cached_property
    def shop(self) -> Account:
        return an_account(self.archipel, "shop", "Shop")

    @cached_property
    def lab(self) -> Account:
        return an_account(self.archipel, "lab", "Lab")

    @cached_property
    def main(self) -> Account:
        return an_account(self.basalt, "main", "Main")

    @cached_property
    def alice(self) -> Person:
        return member("alice", self.archipel, Role.ADMIN)

    @cached_property
    def vera(self) -> Person:
        return member("vera", self.archipel, Role.VIEWER)

    @cached_property
    def bob(self) -> Person:
        return member("bob", self.basalt, Role.ADMIN)

    @cached_property
    def sam(self) -> Person:
        user = services.create_user(
            actor=SYSTEM, username="sam", password=PASSWORD, platform_role=PlatformRole.SRE
        )
        row, token = services.issue_token(actor=SYSTEM, name="sam", platform_role=PlatformRole.SRE)
        return Person(user, token, Actor("token:sam", platform_role=PlatformRole.SRE, token_id=row.id))

    @cached_property
    def landscape(self) -> Landscape:
        """A landscape that no test calls: for tests of rows only."""
        return landscape("embedded")


@atomic(savepoint=False)
def a_tenant(slug: str, name: str) -> Tenant:
    """A tenant as its service leaves it, which asks first whether there is one: a third of what a test's start takes."""
    row: Tenant = Tenant.objects.create(slug=slug, name=name)
    record("tenant.create", actor=SYSTEM, tenant_id=row.id, target_type="tenant", target_id=row.id)
    return row


@atomic(savepoint=False)
def an_account(tenant: Tenant, slug: str, name: str) -> Account:
    """An account, likewise."""
    row: Account = Account.objects.create(tenant=tenant, slug=slug, name=name)
    record("account.create", actor=SYSTEM, tenant_id=tenant.id, target_type="account", target_id=row.id)
    return row


@atomic(savepoint=False)
def member(name: str, tenant: Tenant, role: Role) -> Person:
    """A person with a role in a tenant, and a token of the same role."""
    user = services.create_user(actor=SYSTEM, username=name, password=PASSWORD, email=f"{name}@example.org")
    Member.objects.create(tenant=tenant, user=user, role=role.value)
    changes = {"role": role.value}
    record(
        "member.set",
        actor=SYSTEM,
        tenant_id=tenant.id,
        target_type="user",
        target_id=user.id,
        changes=changes,
    )
    row, token = services.issue_token(actor=SYSTEM, name=name, tenant=tenant, role=role)
    return Person(user, token, Actor(f"token:{name}", role=role, tenant_id=tenant.id, token_id=row.id))


def landscape(key: str, *, kubeconfig: Path | None = None, **fields: Any) -> Landscape:
    """A Gardener landscape, of the simulator whose kubeconfig is given."""
    return Landscape.objects.create(
        key=key,
        kind="gardener",
        providers=["aws", "azure", "gcp", "openstack"],
        config={"namespace": "garden-nesoi"},
        credentials_path=str(kubeconfig or "/nonexistent"),
        **fields,
    )


def load_catalog() -> None:
    """The reviewed catalog, as `manage.py catalog apply` loads it."""
    from controlplane.catalog.loading.apply import apply_catalog

    apply_catalog(actor=SYSTEM)


def ensure_catalog() -> None:
    """Load the catalog where a test before, one that ends by emptying every table, took it away."""
    from controlplane.catalog.models import Plan

    if not Plan.objects.exists():
        load_catalog()


def order(world: World, **changes: Any) -> Any:
    """Alice orders a runtime through the door that the faces use; the answer is its operation."""
    from provisioner.lifecycle.create import create_runtime

    wish: dict[str, Any] = {
        "actor": world.alice.actor,
        "tenant": world.archipel,
        "account": world.shop.slug,
        "name": "checkout",
        "plan": "aws",
        "parameters": {"region": "eu-central-1"},
        "labels": {},
    }
    return create_runtime(**{**wish, **changes})
