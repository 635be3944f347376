"""The team's pages, and going from one tenant to another."""

from __future__ import annotations

import re

import pytest

from controlplane.tenants.access import SYSTEM, PlatformRole, Role
from controlplane.tenants.models import Member
from controlplane.tenants.services import add_member
from tests.signed_in import browse, build, present, text
from tests.world import World, member

pytestmark = pytest.mark.django_db


def test_a_person_of_several_tenants_goes_from_one_to_the_other(world: World) -> None:
    build(world)
    add_member(actor=SYSTEM, tenant=world.basalt, user=world.vera.user, role=Role.ADMIN)
    client = browse(world.vera)
    assert "checkout" in text(client.get("/"))
    client.post("/tenant", {"tenant": "basalt"})
    page = text(client.get("/"))
    assert "checkout" not in page
    assert "admin of Basalt" in page
    Member.objects.filter(tenant=world.basalt, user=world.vera.user).delete()
    assert "viewer of Archipel" in text(client.get("/"))


@pytest.mark.parametrize("slug", ["basalt", "*", "nowhere", ""])
def test_nobody_goes_where_they_do_not_belong(world: World, slug: str) -> None:
    present(world.basalt)
    client = browse(world.vera)
    client.post("/tenant", {"tenant": slug})
    assert "viewer of Archipel" in text(client.get("/"))


def test_one_of_the_team_who_is_a_member_too_may_look_over_all_tenants(world: World) -> None:
    present(world.main, world.shop)
    sam = world.sam
    assert sam.user.platform_role == PlatformRole.SRE
    add_member(actor=SYSTEM, tenant=world.archipel, user=sam.user, role=Role.VIEWER)
    client = browse(sam)
    assert not re.search(r"\bMain\b", text(client.get("/accounts/")))
    client.post("/tenant", {"tenant": "*"})
    assert re.search(r"\bMain\b", text(client.get("/accounts/")))


def test_the_last_owner_is_told_why_they_can_not_leave(world: World) -> None:
    client = browse(member("olga", world.archipel, Role.OWNER))
    answer = client.post("/team/leave")
    assert answer.status_code == 409
    assert "last owner" in text(answer)


def test_an_admin_is_not_offered_to_make_owners(world: World) -> None:
    page = browse(world.alice).get("/team/").content.decode()
    assert 'value="admin"' in page
    assert 'value="owner"' not in page


def test_the_platform_s_team_names_the_tenant_whose_team_it_wants(world: World) -> None:
    present(world.vera)
    client = browse(world.sam)
    assert "Of which tenant?" in text(client.get("/team/"))
    page = text(client.get("/team/?tenant=archipel"))
    assert "vera" in page
    assert "Invite somebody" not in page
    assert client.get("/team/?tenant=nowhere").status_code == 404
