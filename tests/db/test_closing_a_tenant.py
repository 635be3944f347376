"""A tenant closes when nothing lives in it; nobody gets in any more, and what happened stays readable."""

from __future__ import annotations

import pytest

from controlplane.identity.models import IdentityProvider
from controlplane.identity.providers import Wish, add_provider
from controlplane.kernel.errors import Refused
from controlplane.osb.credentials import find_platform, issue_credential
from controlplane.tenants.access import SYSTEM, Actor, PlatformRole, Role
from controlplane.tenants.closing import close_tenant
from controlplane.tenants.models import AuditEvent, Member, Tenant
from controlplane.tenants.services import actor_of_token, create_account, issue_token
from tests.api.asking import Asking, read
from tests.months import CORE_HOUR, JUNE, begin, runtime, sealed, use
from tests.signed_in import build
from tests.world import World, member

pytestmark = pytest.mark.django_db

PAULA = Actor("paula", platform_role=PlatformRole.ADMIN)


def close(world: World, actor: Actor = PAULA) -> Tenant:
    return close_tenant(actor=actor, tenant_id=world.archipel.id)


def test_while_a_runtime_lives_it_stays_open(world: World) -> None:
    build(world)
    with pytest.raises(Refused, match="1 runtime") as refusal:
        close(world)
    assert refusal.value.code == "tenant_in_use"
    assert Tenant.objects.get(slug="archipel").closed_at is None


def test_nobody_gets_in_afterwards_not_even_its_last_owner(world: World) -> None:
    olga = member("olga", world.archipel, Role.OWNER)
    token = world.alice.token
    assert actor_of_token(token)
    close(world)
    assert actor_of_token(token) is None
    assert actor_of_token(olga.token) is None
    assert not Member.objects.filter(tenant=world.archipel).exists()


def test_neither_platforms_nor_identity_providers_get_in_afterwards(world: World) -> None:
    _, secret = issue_credential(actor=SYSTEM, tenant=world.archipel, name="cf")
    wish = Wish("Company", "nesoi", "a-client-secret")
    add_provider(actor=SYSTEM, tenant=world.archipel, issuer="https://login.example.org", wish=wish)
    assert find_platform(secret=secret, username=None) is not None
    close(world)
    assert find_platform(secret=secret, username=None) is None
    assert not IdentityProvider.objects.filter(tenant=world.archipel, enabled=True).exists()


def test_its_trail_stays_and_tells_the_end(world: World) -> None:
    created = AuditEvent.objects.filter(tenant=world.archipel, action="tenant.create")
    close(world)
    assert created.exists()
    assert AuditEvent.objects.get(tenant=world.archipel, action="tenant.close").actor == "paula"


def test_its_sealed_statements_stay_as_they_are_and_can_be_read(world: World) -> None:
    begin()
    use(runtime(), world.shop, JUNE, days=30, vcpu=10 * CORE_HOUR)
    june = sealed(world.archipel, JUNE)
    assert close(world).closed_at
    row = type(june).objects.get(pk=june.pk)
    assert (row.state, row.number, row.total, row.digest) == ("sealed", 1, june.total, june.digest)
    _, token = issue_token(actor=SYSTEM, name="fina", platform_role=PlatformRole.FINOPS)
    told = read(Asking(token=token).get(f"/statements/{row.pk}"))
    assert (told["number"], told["tenant"]) == (1, "archipel")


def test_nothing_begins_in_it(world: World) -> None:
    closed = close(world)
    with pytest.raises(Refused, match="suspended"):
        create_account(actor=SYSTEM, tenant=closed, slug="labor", name="Labor")


def test_closing_twice_changes_nothing(world: World) -> None:
    first = close(world)
    assert close(world).closed_at == first.closed_at
    assert AuditEvent.objects.filter(action="tenant.close").count() == 1


@pytest.mark.parametrize("role", [Role.ADMIN, Role.VIEWER, Role.FINANCE])
def test_only_owners_and_platform_admins_close(world: World, role: Role) -> None:
    with pytest.raises(Refused) as refusal:
        close(world, Actor("x", role=role, tenant_id=world.archipel.id))
    assert refusal.value.code == "forbidden"
    close(world, Actor("olga", role=Role.OWNER, tenant_id=world.archipel.id))
