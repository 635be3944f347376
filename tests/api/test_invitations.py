"""A person comes into a tenant by a link that works once."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from controlplane.kernel.clock import utcnow
from controlplane.notices.models import Notice
from controlplane.notices.services import CONTEXT
from controlplane.sealing import unseal
from controlplane.tenants.access import Role
from controlplane.tenants.access_models import Invitation
from controlplane.tenants.models import Member, State, Tenant, User
from tests.api.asking import Asking, problem, read
from tests.signed_in import browse, present, text
from tests.world import World, member

pytestmark = pytest.mark.django_db

NORA = {"email": "Nora@Example.org", "role": "developer"}
CHOSEN = {"username": "nora", "password": "a long and winding road"}


def link() -> str:
    """The path that the newest message leads to."""
    row = Notice.objects.order_by("-pk")[0]
    assert row.kind == "invitation"
    words: Any = json.loads(unseal(bytes(row.sealed), context=CONTEXT.format(id=row.id)))
    found = re.fullmatch(r"https?://[^/]+(/join/nesoi_inv_[A-Za-z0-9_-]{43})", words["link"])
    assert found, words["link"]
    return found[1]


@pytest.fixture
def invited(alice: Asking) -> str:
    response = alice.post("/invitations", NORA)
    assert response.status_code == 201
    told = read(response)
    assert told["state"] == "live"
    assert "nesoi_inv_" not in response.content.decode()
    return link()


def roles() -> dict[str, str]:
    return {row.user.username: row.role for row in Member.objects.select_related("user")}


def test_a_new_person_chooses_a_name_and_is_in(invited: str) -> None:
    client = Client()
    assert "Join Archipel" in text(client.get(invited))
    assert "nora" not in roles()
    assert client.post(invited, CHOSEN)["Location"] == "/"
    assert roles()["nora"] == "developer"
    assert User.objects.get(username="nora").email == "nora@example.org"
    assert client.get("/team/").status_code == 200


def test_looking_joins_nobody(invited: str, world: World) -> None:
    someone = member("nora", world.basalt, Role.VIEWER)
    for _ in range(2):
        assert browse(someone).get(invited).status_code == 200
    assert Invitation.objects.get().accepted_at is None


def test_somebody_who_is_known_joins_with_a_press(invited: str, world: World) -> None:
    someone = member("nora", world.basalt, Role.VIEWER)
    client = browse(someone)
    assert client.post(invited)["Location"] == "/"
    assert "Archipel" in text(client.get("/"))


def test_a_link_works_once(invited: str) -> None:
    assert Client().post(invited, CHOSEN).status_code == 302
    again = Client().post(invited, {**CHOSEN, "username": "other"})
    assert again.status_code == 410
    assert "other" not in roles()


def test_another_address_does_not_fit(invited: str, world: World) -> None:
    answer = browse(world.bob).post(invited)
    assert answer.status_code == 422
    assert "nora@example.org" in text(answer)
    assert Member.objects.filter(user=world.bob.user).count() == 1


def test_unless_the_inviter_allowed_any(alice: Asking, world: World) -> None:
    assert alice.post("/invitations", {**NORA, "any_address": True}).status_code == 201
    assert browse(world.bob).post(link()).status_code == 302
    assert Member.objects.filter(user=world.bob.user, tenant=world.archipel, role="developer").exists()


def test_every_dead_link_gets_the_same_answer(invited: str, alice: Asking) -> None:
    row = Invitation.objects.get()
    answers = {text(Client().get("/join/nesoi_inv_unknown"))}
    Invitation.objects.update(expires_at=utcnow() - timedelta(seconds=1))
    answers.add(text(Client().get(invited)))
    Invitation.objects.update(expires_at=utcnow() + timedelta(days=1))
    assert alice.delete(f"/invitations/{row.id}").status_code == 200
    gone = Client().get(invited)
    answers.add(text(gone))
    assert gone.status_code == 410
    assert len(answers) == 1


def test_sending_it_again_kills_the_former_link(invited: str, alice: Asking) -> None:
    assert alice.post(f"/invitations/{Invitation.objects.get().id}/resend").status_code == 200
    assert link() != invited
    assert Client().get(invited).status_code == 410
    assert Client().get(link()).status_code == 200


def test_an_address_is_invited_once_at_a_time(invited: str, alice: Asking) -> None:
    assert problem(alice.post("/invitations", {**NORA, "email": "nora@example.org"})) == (
        409,
        "already_invited",
    )
    Invitation.objects.update(expires_at=utcnow() - timedelta(seconds=1))
    assert alice.post("/invitations", NORA).status_code == 201


def test_the_answer_is_the_same_for_known_and_unknown_addresses(alice: Asking, world: World) -> None:
    assert world.bob.user.email
    known, unknown = (
        read(alice.post("/invitations", {"email": email, "role": "viewer"}))
        for email in (world.bob.user.email, "nobody@example.org")
    )
    private = {"id", "email", "created_at", "sent_at", "expires_at"}
    assert {k: v for k, v in known.items() if k not in private} == {
        k: v for k, v in unknown.items() if k not in private
    }


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({**NORA, "role": "owner"}, (403, "role_above_own")),
        ({**NORA, "email": "no address"}, (422, "email_invalid")),
        ({**NORA, "email": "vera@example.org"}, (409, "already_member")),
        ({**NORA, "tenant": "basalt"}, (403, "forbidden")),
    ],
)
def test_what_an_admin_can_not_send(
    alice: Asking, vera: Asking, world: World, body: dict[str, Any], code: tuple[int, str]
) -> None:
    assert world.basalt.slug == "basalt"
    assert problem(alice.post("/invitations", body)) == code
    assert not Invitation.objects.exists()


def test_fields_that_nobody_offered_are_refused(alice: Asking) -> None:
    for field in ("accepted_at", "invited_by", "expires_at", "id"):
        assert alice.post("/invitations", {**NORA, field: "x"}).status_code == 422


def test_a_weak_password_or_a_taken_name_makes_nobody(invited: str, world: World) -> None:
    present(world.vera)
    people = User.objects.count()
    for bad in ({**CHOSEN, "password": "password1234"}, {**CHOSEN, "username": "Vera"}, {"username": ""}):
        assert Client().post(invited, bad).status_code == 422
    assert User.objects.count() == people
    assert Invitation.objects.get().accepted_at is None


def test_a_suspended_tenant_takes_nobody(invited: str) -> None:
    Tenant.objects.filter(slug="archipel").update(state=State.SUSPENDED)
    assert Client().post(invited, CHOSEN).status_code == 422
    assert "nora" not in roles()
    assert not User.objects.filter(username="nora").exists()
