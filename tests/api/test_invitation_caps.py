"""A tenant can't write to strangers without end: letters are counted per tenant and hour, and per address and day."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import F
from pytest_django import Settings

from controlplane.notices.models import Notice
from controlplane.tenants.access_models import Invitation, InvitationLetter
from controlplane.tenants.letters import plain
from provisioner.runtimes.models import Runtime
from tests.api.asking import Asking, problem, read
from tests.signed_in import browse, build, text
from tests.trialling import begin_trial
from tests.world import World

pytestmark = pytest.mark.django_db

TOO_MANY = (429, "too_many_invitations")


@pytest.fixture(autouse=True)
def few(settings: Settings) -> None:
    settings.INVITATIONS_PER_HOUR = 4
    settings.TRIAL_INVITATIONS_PER_HOUR = 2
    settings.INVITATIONS_PER_ADDRESS = 3


def invite(asking: Asking, name: str) -> tuple[int, str]:
    response = asking.post("/invitations", {"email": f"{name}@example.org", "role": "viewer"})
    return (201, "") if response.status_code == 201 else problem(response)


def later(**time: int) -> None:
    """As if all letters had been sent so much earlier."""
    InvitationLetter.objects.update(at=F("at") - timedelta(**time))


def test_a_tenant_sends_so_many_in_an_hour_and_is_told_when_to_try_again(alice: Asking, bob: Asking) -> None:
    assert [invite(alice, f"n{number}")[0] for number in range(4)] == [201] * 4
    response = alice.post("/invitations", {"email": "n5@example.org", "role": "viewer"})
    assert problem(response) == TOO_MANY
    assert 3500 <= int(response["Retry-After"]) <= 3600
    assert "4 invitations in an hour; try again in 60 minutes" in read(response)["detail"]
    assert Notice.objects.count() == Invitation.objects.count() == 4
    assert invite(bob, "n5")[0] == 201
    later(minutes=61)
    assert invite(alice, "n5")[0] == 201


def test_sending_again_counts_as_sending(alice: Asking, world: World) -> None:
    assert invite(alice, "nora")[0] == 201
    known = str(Invitation.objects.get().pk)
    assert [alice.post(f"/invitations/{known}/resend").status_code for _ in range(3)] == [200, 200, 429]
    digest = bytes(Invitation.objects.get().digest)
    page = browse(world.alice).post(f"/team/invitations/{known}/resend")
    assert page.status_code == 429
    assert int(page["Retry-After"]) > 3600 * 23
    assert "try again in 24 hours" in text(page)
    assert bytes(Invitation.objects.get().digest) == digest  # the link that was sent still works
    assert Notice.objects.count() == 3


def test_revoking_and_inviting_anew_counts_too(alice: Asking) -> None:
    for _ in range(3):
        assert invite(alice, "nora")[0] == 201
        assert alice.delete(f"/invitations/{Invitation.objects.latest('pk').pk}").status_code == 200
    assert invite(alice, "nora") == TOO_MANY


def test_one_address_gets_so_many_in_a_day_whoever_sends_them(alice: Asking, bob: Asking) -> None:
    assert [invite(alice, name)[0] for name in ("nora", "nora+1")] == [201, 201]
    assert invite(bob, "nora+other")[0] == 201
    assert invite(bob, "nora") == TOO_MANY
    assert invite(alice, "nora+2") == TOO_MANY
    assert invite(bob, "someone.else")[0] == 201
    later(hours=23, minutes=59)
    assert invite(bob, "nora") == TOO_MANY
    later(minutes=1)
    assert invite(bob, "nora")[0] == 201


def test_a_tenant_on_trial_sends_fewer_until_it_takes_a_paid_plan(alice: Asking, world: World) -> None:
    trial = begin_trial(world.archipel, Runtime.objects.get(pk=build(world).pk), owner=world.alice.user)
    assert [invite(alice, f"n{number}")[0] for number in range(3)] == [201, 201, 429]
    type(trial).objects.update(stage="converted", ended_at=trial.created_at)
    assert [invite(alice, f"n{number}")[0] for number in range(2, 5)] == [201, 201, 429]


def test_the_console_says_it_on_a_page(world: World) -> None:
    client = browse(world.alice)
    for number in range(4):
        client.post("/team/", {"email": f"n{number}@example.org", "role": "viewer"})
    page = client.post("/team/", {"email": "n5@example.org", "role": "viewer"})
    assert page.status_code == 429
    assert int(page["Retry-After"]) > 3500
    assert "may send 4 invitations in an hour" in text(page)


def test_no_invitations_at_all_can_be_set(alice: Asking, settings: Settings) -> None:
    settings.INVITATIONS_PER_HOUR = 0
    assert invite(alice, "nora") == TOO_MANY


def test_letters_are_forgotten_after_a_day(alice: Asking) -> None:
    invite(alice, "nora")
    later(hours=25)
    invite(alice, "otto")
    assert list(InvitationLetter.objects.values_list("address", flat=True)) == ["otto@example.org"]


def test_a_tag_behind_a_plus_is_the_same_person() -> None:
    assert plain("Nora+News@Example.org") == plain("nora@example.org") == "nora@example.org"
    assert plain("+x@example.org") == "+x@example.org"


def test_at_gmail_dots_are_nothing_and_googlemail_is_the_same() -> None:
    assert plain("No.ra+x@googlemail.com") == plain("nora@gmail.com") == plain("n.o.r.a@GMail.com")
    assert plain("no.ra@example.org") != plain("nora@example.org")
    assert plain(".@gmail.com") == ".@gmail.com"
