"""Where a person is signed in: seen, listed, ended."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.test import Client

from controlplane.identity.models import UserSession
from controlplane.identity.sessions import digest_of, short_agent
from controlplane.kernel.clock import utcnow
from controlplane.tenants.access import Role
from controlplane.tenants.models import AuditEvent, Member, User
from tests.signed_in import browse, present, text
from tests.world import PASSWORD, Person, World, member

pytestmark = pytest.mark.django_db
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture(autouse=True)
def nobody_failed_before() -> None:
    cache.clear()


def sign_in(person: Person, address: str = "203.0.113.1", agent: str = FIREFOX) -> Client:
    client = Client(REMOTE_ADDR=address, headers={"User-Agent": agent})
    answer = client.post("/sign-in", {"username": person.user.username, "password": PASSWORD})
    assert answer.status_code == 302
    return client


def inside(client: Client) -> bool:
    return client.get("/accounts/").status_code == 200


def ends(page: str) -> list[str]:
    return re.findall(r'action="(/sessions/[0-9a-f-]+/end)"', page)


def test_a_person_sees_where_they_are_signed_in(world: World) -> None:
    here = sign_in(world.alice)
    sign_in(world.alice, "203.0.113.2", "curl/8.5.0")
    sign_in(world.vera)
    page = here.get("/sessions/")
    assert "Firefox on Linux" in text(page)
    assert "203.0.113.2" in text(page)
    assert text(page).count("with a password") == 2
    assert len(ends(page.content.decode())) == 1  # not the present one


def test_a_sign_in_leaves_its_trace(world: World) -> None:
    sign_in(world.alice)
    row = AuditEvent.objects.get(action="session.begin")
    assert (row.actor, row.address, row.changes) == ("alice", "203.0.113.1", {"provider": "password"})


def test_one_session_is_ended_at_once_and_the_others_stay(world: World) -> None:
    here, there = sign_in(world.alice), sign_in(world.alice)
    (address,) = ends(here.get("/sessions/").content.decode())
    assert inside(there)
    here.post(address)
    assert inside(here)
    assert not inside(there)
    assert AuditEvent.objects.filter(action="session.end").count() == 1


def test_all_others_are_ended_at_once(world: World) -> None:
    here, *others = (sign_in(world.alice) for _ in range(3))
    vera = sign_in(world.vera)
    here.post("/sessions/end-others")
    assert inside(here)
    assert inside(vera)
    assert not any(inside(other) for other in others)


def test_nobody_ends_another_persons_session(world: World) -> None:
    alice, vera = sign_in(world.alice), sign_in(world.vera)
    row = UserSession.objects.get(user=world.vera.user)
    alice.post(f"/sessions/{row.pk}/end")
    assert inside(vera)


def test_an_admin_ends_a_members_sessions(world: World) -> None:
    alice, vera = sign_in(world.alice), sign_in(world.vera)
    address = f"/members/{world.vera.user.pk}/sessions"
    assert "Signed in 1 time" in text(alice.get(address))
    alice.post(address)
    assert not inside(vera)
    assert AuditEvent.objects.filter(action="session.end", tenant=world.archipel).count() == 1


def test_only_an_owner_ends_an_owners(world: World) -> None:
    owner = member("olga", world.archipel, Role.OWNER)
    alice, olga = sign_in(world.alice), sign_in(owner)
    assert alice.post(f"/members/{owner.user.pk}/sessions").status_code == 403
    assert inside(olga)
    olga.post(f"/members/{world.alice.user.pk}/sessions")
    assert not inside(alice)


def test_a_role_that_was_changed_or_taken_counts_at_once(world: World) -> None:
    alice = sign_in(world.alice)
    assert alice.get("/identity/").status_code == 200
    Member.objects.filter(user=world.alice.user).update(role="viewer")
    assert alice.get("/identity/").status_code == 403
    Member.objects.filter(user=world.alice.user).delete()
    assert alice.get("/accounts/").status_code == 403


def test_a_person_who_was_deactivated_is_out_at_once(world: World) -> None:
    alice = sign_in(world.alice)
    User.objects.filter(pk=world.alice.user.pk).update(is_active=False)
    assert not inside(alice)


def test_signing_out_ends_the_row_too_and_the_key_is_worth_nothing_afterwards(world: World) -> None:
    alice = sign_in(world.alice)
    kept = alice.cookies["sessionid"].value
    alice.post("/sign-out")
    assert not UserSession.objects.exists()
    alice.cookies["sessionid"] = kept
    assert not inside(alice)


def test_a_session_ends_by_itself_however_busy_it_is(world: World) -> None:
    alice = sign_in(world.alice)
    past = utcnow() - timedelta(hours=13)
    UserSession.objects.update(began_at=past, expires_at=past + timedelta(hours=12))
    assert not inside(alice)


def test_what_was_seen_is_written_at_most_every_five_minutes(world: World) -> None:
    alice = sign_in(world.alice)
    before = UserSession.objects.get().seen_at
    inside(alice)
    assert UserSession.objects.get().seen_at == before
    UserSession.objects.update(seen_at=before - timedelta(minutes=6))
    inside(alice)
    assert UserSession.objects.get().seen_at >= before


def test_the_key_itself_is_kept_in_no_row_of_ours(world: World) -> None:
    alice = sign_in(world.alice)
    row = UserSession.objects.get()
    assert bytes(row.digest) == digest_of(alice.cookies["sessionid"].value)


def test_a_session_that_began_before_anybody_noted_them_is_noted_now(world: World) -> None:
    client = browse(world.alice)
    assert not UserSession.objects.exists()
    assert inside(client)
    assert UserSession.objects.get().user == world.alice.user


def test_a_new_session_sweeps_up_some_that_are_over(world: World) -> None:
    present(world.alice)
    sign_in(world.vera)
    past = utcnow() - timedelta(days=2)
    UserSession.objects.update(began_at=past, expires_at=past + timedelta(hours=12))
    Session.objects.update(expire_date=past)
    sign_in(world.alice)
    assert UserSession.objects.count() == 1
    assert Session.objects.count() == 1


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (FIREFOX, "Firefox on Linux"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 Version/18.0 Safari/604.1",
            "Safari on iPhone",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537 Chrome/140.0 Safari/537 Edg/140.0",
            "Edge on Windows",
        ),
        ("curl/8.5.0", "curl"),
        ("<script>alert(1)</script>", "script"),
        ("", "Unknown device"),
    ],
)
def test_a_device_is_named_in_a_few_words(agent: str, words: str) -> None:
    assert short_agent(agent) == words
