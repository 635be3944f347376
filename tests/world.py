"""The cast that every test shares, made by plain functions.

Archipel (tenant `archipel`) has the accounts `shop` and `lab`; Alice is its admin, Vera its viewer. Basalt is the other tenant,
with the account `main` and Bob its admin: whatever is Archipel's, Bob must never see. Sam is the platform's SRE.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from controlplane.tenants import services
from controlplane.tenants.access import SYSTEM, Actor, PlatformRole, Role
from controlplane.tenants.models import Account, Tenant, User
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
        return services.create_tenant(actor=SYSTEM, slug="archipel", name="Archipel")

    @cached_property
    def basalt(self) -> Tenant:
        return services.create_tenant(actor=SYSTEM, slug="basalt", name="Basalt")

    @cached_property
    def shop(self) -> Account:
        return services.create_account(actor=SYSTEM, tenant=self.archipel, slug="shop", name="Shop")

    @cached_property
    def lab(self) -> Account:
        return services.create_account(actor=SYSTEM, tenant=self.archipel, slug="lab", name="Lab")

    @cached_property
    def main(self) -> Account:
        return services.create_account(actor=SYSTEM, tenant=self.basalt, slug="main", name="Main")

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


def member(name: str, tenant: Tenant, role: Role) -> Person:
    """A person with a role in a tenant, and a token of the same role."""
    user = services.create_user(actor=SYSTEM, username=name, password=PASSWORD, email=f"{name}@example.org")
    services.add_member(actor=SYSTEM, tenant=tenant, user=user, role=role)
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
