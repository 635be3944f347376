"""The platform's team sees every tenant; its admins make them, and owners call theirs what they like."""

from __future__ import annotations

import pytest
from django.test import Client

from controlplane.notices.models import Notice
from controlplane.tenants.access import SYSTEM, PlatformRole, Role
from controlplane.tenants.access_models import Invitation
from controlplane.tenants.models import Member, Tenant
from controlplane.tenants.services import add_member, create_user
from tests.api.test_invitations import CHOSEN, link
from tests.signed_in import browse, text
from tests.world import PASSWORD, World, member

pytestmark = pytest.mark.django_db

COBALT = {"slug": "cobalt", "name": "Cobalt", "owner_email": "nora@example.org"}
FLEET = "/fleet/tenants"


def of_the_team(role: PlatformRole) -> Client:
    client = Client()
    client.force_login(create_user(actor=SYSTEM, username=f"p-{role}", password=PASSWORD, platform_role=role))
    return client


def test_a_tenant_is_made_and_its_owner_comes(world: World) -> None:
    paula = of_the_team(PlatformRole.ADMIN)
    page = paula.post(FLEET, COBALT, follow=True)
    assert "Cobalt is there" in text(page)
    assert "Invite one for Cobalt" in text(page)
    assert Client().post(link(), CHOSEN).status_code == 302
    assert Member.objects.get(tenant__slug="cobalt").role == "owner"
    assert "Invite one for Cobalt" not in text(paula.get(FLEET))


def test_a_fault_is_told_at_its_field_and_what_was_typed_stays() -> None:
    page = of_the_team(PlatformRole.ADMIN).post(FLEET, {**COBALT, "slug": "No Slug"})
    assert page.status_code == 422
    assert "can't be a slug" in text(page)
    assert 'value="nora@example.org"' in page.content.decode()
    assert not Tenant.objects.filter(name="Cobalt").exists()
    assert not Notice.objects.exists()


def test_an_owner_who_never_came_can_be_replaced() -> None:
    paula = of_the_team(PlatformRole.ADMIN)
    paula.post(FLEET, COBALT)
    tenant = Tenant.objects.get(slug="cobalt")
    page = f"{FLEET}/{tenant.pk}/owner"
    assert "Invite an owner of Cobalt" in text(paula.get(page))
    assert paula.post(page, {"email": "nobody"}).status_code == 422
    assert "on its way to otto@example.org" in text(
        paula.post(page, {"email": "otto@example.org"}, follow=True)
    )
    assert Invitation.objects.get(accepted_at=None, revoked_at=None).email == "otto@example.org"


def test_an_sre_sees_the_list_and_no_form(world: World) -> None:
    assert world.archipel.slug == "archipel"
    page = of_the_team(PlatformRole.SRE).get(FLEET)
    assert "Archipel" in text(page)
    assert "none yet" in text(page)
    assert "Make a tenant" not in text(page)


def test_a_platform_admin_who_works_in_a_tenant_makes_one_too(world: World) -> None:
    user = create_user(actor=SYSTEM, username="both", password=PASSWORD, platform_role=PlatformRole.ADMIN)
    add_member(actor=SYSTEM, tenant=world.archipel, user=user, role=Role.VIEWER)
    client = Client()
    client.force_login(user)
    assert "Make a tenant" in text(client.get(FLEET))
    assert client.post(FLEET, COBALT).status_code == 302
    assert Tenant.objects.filter(slug="cobalt").exists()


def test_pages_go_on(world: World) -> None:
    for number in range(30):
        Tenant.objects.create(slug=f"t{number}", name=f"T{number}")
    paula = of_the_team(PlatformRole.ADMIN)
    first = paula.get(FLEET)
    older = next(part.split('"')[0] for part in first.content.decode().split("?after=")[1:])
    rest = text(paula.get(f"{FLEET}?after={older}"))
    names = [f"T{number}" for number in range(30)]
    assert sum(f" {name} " in text(first) for name in names) == 25
    assert sum(f" {name} " in rest for name in names) == 5


def test_an_owner_renames_the_own_tenant(world: World) -> None:
    olga = browse(member("olga", world.archipel, Role.OWNER))
    address = f"/standing/tenant/{world.archipel.id}"
    assert "Rename it" in text(olga.get(address))
    page = olga.post(address, {"do": "rename", "name": "Archipel AG"}, follow=True)
    assert "It is called Archipel AG now." in text(page)
    assert Tenant.objects.get(pk=world.archipel.pk).name == "Archipel AG"
    bad = olga.post(address, {"do": "rename", "name": " "})
    assert bad.status_code == 422
    assert "1 to 120 printable characters" in text(bad)


def test_an_admin_renames_nothing(world: World) -> None:
    alice = browse(world.alice)
    address = f"/standing/tenant/{world.archipel.id}"
    assert "Rename it" not in text(alice.get(address))
    assert alice.post(address, {"do": "rename", "name": "X"}).status_code == 403
