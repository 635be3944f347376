"""Platform admins make tenants, whose first owner comes by an invitation; owners rename their own."""

from __future__ import annotations

import pytest
from django.test import Client
from pytest_django import Settings

from controlplane.notices.models import Notice
from controlplane.tenants.access import SYSTEM, PlatformRole, Role
from controlplane.tenants.access_models import Invitation
from controlplane.tenants.models import AuditEvent, Member, State, Tenant
from controlplane.tenants.services import issue_token
from tests.api.asking import Asking, problem, read
from tests.api.test_invitations import CHOSEN, link
from tests.world import World, member

pytestmark = pytest.mark.django_db

COBALT = {"slug": "cobalt", "name": "Cobalt", "owner_email": "Nora@Example.org"}


@pytest.fixture
def paula() -> Asking:
    return Asking(token=issue_token(actor=SYSTEM, name="paula", platform_role=PlatformRole.ADMIN)[1])


@pytest.fixture
def olga(world: World) -> Asking:
    return Asking(member("olga", world.archipel, Role.OWNER))


def test_a_tenant_begins_with_an_owner_who_is_invited_and_comes(paula: Asking) -> None:
    response = paula.post("/tenants", COBALT)
    assert response.status_code == 201
    told = read(response)
    assert response["Location"] == told["url"]
    assert (told["slug"], told["state"], told["owners"]) == ("cobalt", "active", 0)
    assert Notice.objects.get().to == "nora@example.org"
    assert Client().post(link(), CHOSEN).status_code == 302
    assert Member.objects.get(tenant__slug="cobalt").role == "owner"
    assert read(paula.get("/tenants/cobalt"))["owners"] == 1
    actions = AuditEvent.objects.filter(tenant__slug="cobalt").values_list("action", flat=True)
    assert {"tenant.create", "invitation.invite", "member.join"} <= set(actions)


def test_asking_twice_with_one_key_makes_one_tenant_and_one_letter(paula: Asking) -> None:
    first, second = (paula.post("/tenants", COBALT, Idempotency_Key="k1") for _ in range(2))
    assert read(first) == read(second)
    assert second["Idempotent-Replayed"] == "true"
    assert Notice.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"slug": "No Slug"}, (422, "slug_invalid")),
        ({"slug": "archipel"}, (409, "slug_taken")),
        ({"name": "  "}, (422, "name_invalid")),
        ({"owner_email": "nobody"}, (422, "email_invalid")),
    ],
)
def test_what_can_not_be_is_refused_and_leaves_nothing(
    paula: Asking, world: World, changes: dict[str, str], code: tuple[int, str]
) -> None:
    assert world.archipel.slug == "archipel"
    before = Tenant.objects.count()
    assert problem(paula.post("/tenants", {**COBALT, **changes})) == code
    assert Tenant.objects.count() == before
    assert not Notice.objects.exists()


def test_an_owner_who_never_came_can_be_replaced(paula: Asking) -> None:
    paula.post("/tenants", COBALT)
    lost = link()
    response = paula.post("/tenants/cobalt/owner", {"email": "otto@example.org"})
    assert response.status_code == 201
    assert read(response)["role"] == "owner"
    assert Client().get(lost).status_code == 410
    assert Client().post(link(), CHOSEN).status_code == 302
    assert Member.objects.get(tenant__slug="cobalt").role == "owner"
    assert problem(paula.post("/tenants/cobalt/owner", {"email": "x@example.org"})) == (409, "owner_there")
    assert Invitation.objects.filter(accepted_at=None, revoked_at=None).count() == 0


def test_the_same_address_can_be_invited_again(paula: Asking) -> None:
    paula.post("/tenants", COBALT)
    assert paula.post("/tenants/cobalt/owner", {"email": "nora@example.org"}).status_code == 201
    assert Invitation.objects.filter(accepted_at=None, revoked_at=None).count() == 1


def test_the_list_goes_by_pages_and_shows_every_tenant_to_the_platform(paula: Asking, world: World) -> None:
    for number in range(5):
        Tenant.objects.create(slug=f"t{number}", name=f"T{number}")
    found, path = [], "/tenants?limit=2"
    while path:
        told = read(paula.get(path))
        found += [row["slug"] for row in told["results"]]
        path = told["next"]
    assert len(found) == len(set(found)) == Tenant.objects.count()


def test_a_member_sees_the_own_tenant_only(alice: Asking, bob: Asking) -> None:
    assert [row["slug"] for row in read(alice.get("/tenants"))["results"]] == ["archipel"]
    assert [row["slug"] for row in read(bob.get("/tenants"))["results"]] == ["basalt"]
    assert problem(alice.get("/tenants/basalt")) == (404, "tenant_not_found")
    assert problem(alice.patch("/tenants/basalt", {"name": "X"})) == (404, "tenant_not_found")


def test_an_owner_renames_the_own_tenant_and_the_slug_stays(olga: Asking, world: World) -> None:
    told = read(olga.patch("/tenants/archipel", {"name": " Archipel AG "}))
    assert (told["name"], told["slug"]) == ("Archipel AG", "archipel")
    event = AuditEvent.objects.get(action="tenant.rename")
    assert event.changes == {"name": {"before": "Archipel", "after": "Archipel AG"}}
    assert problem(olga.patch("/tenants/archipel", {"name": "a\tb"})) == (422, "name_invalid")


def test_an_admin_renames_nothing(alice: Asking) -> None:
    assert problem(alice.patch("/tenants/archipel", {"name": "X"})) == (403, "forbidden")


def test_a_closed_tenant_keeps_its_name(paula: Asking, world: World) -> None:
    Tenant.objects.filter(pk=world.archipel.pk).update(state=State.SUSPENDED, closed_at="2026-01-01T00:00Z")
    assert problem(paula.patch("/tenants/archipel", {"name": "X"})) == (409, "tenant_closed")
    assert problem(paula.post("/tenants/archipel/owner", {"email": "x@example.org"})) == (
        403,
        "tenant_suspended",
    )
    assert read(paula.get("/tenants/archipel"))["closed_at"]


@pytest.mark.parametrize("who", ["olga", "paula"])
def test_its_deletion_is_scheduled_and_undone_over_the_api(
    who: str, request: pytest.FixtureRequest, settings: Settings
) -> None:
    asking: Asking = request.getfixturevalue("olga")
    asking = request.getfixturevalue(who)
    address = "/tenants/archipel/deletion"
    assert problem(asking.post(address, {"confirm": "basalt"})) == (422, "confirmation_wrong")
    assert read(asking.post(address, {"confirm": "archipel"}))["delete_after"]
    assert Tenant.objects.get(slug="archipel").state == "suspended"
    assert read(asking.delete(address))["delete_after"] is None
    assert Tenant.objects.get(slug="archipel").state == "active"
    assert problem(asking.delete(address)) == (409, "deletion_not_scheduled")


def test_owners_letters_are_counted_like_all_others(paula: Asking, settings: Settings) -> None:
    settings.INVITATIONS_PER_ADDRESS = 2
    assert paula.post("/tenants", COBALT).status_code == 201
    again = {"email": "nora+x@example.org"}
    assert [paula.post("/tenants/cobalt/owner", again).status_code for _ in range(2)] == [201, 429]
    assert problem(paula.post("/tenants", {**COBALT, "slug": "nickel"})) == (429, "too_many_invitations")
    assert not Tenant.objects.filter(slug="nickel").exists()
    assert Notice.objects.count() == 2
