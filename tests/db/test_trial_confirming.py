"""Opening the link: once, one trial per person and organisation, a place or a number in the queue."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from pytest_django import Settings

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Actor, PlatformRole, Role
from controlplane.tenants.models import AuditEvent, Member, Tenant, User
from controlplane.trials.confirm import confirm, find_link
from controlplane.trials.managing import change_offer, reject_trial
from controlplane.trials.models import SignUp, Trial
from controlplane.trials.sign_in import ask_for_link, send_links, use_link
from controlplane.trials.status import read_status
from controlplane.trials.ticking import tick
from provisioner.landscapes.models import Landscape
from provisioner.runtimes.models import Runtime
from tests.trialling import BASE, ask, letters, settle, token_to, trial_of, try_out
from tests.world import World, order

ADMIN = Actor("pia", platform_role=PlatformRole.ADMIN)
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def somewhere_to_build(world: World) -> None:
    assert world.landscape.accepting


def offer(places: int) -> None:
    change_offer(actor=ADMIN, places=places, closed_regions=[], is_open=True)


def test_confirming_makes_a_tenant_with_an_owner_an_account_and_a_runtime() -> None:
    trial = trial_of(try_out(company="Engine Wörks & Söhne"))
    assert (trial.stage, trial.tenant.slug, trial.tenant.name) == (
        "provisioning",
        "engine-works-sohne",
        "Engine Wörks & Söhne",
    )
    assert trial.runtime is not None
    assert (trial.runtime.plan_id, trial.runtime.region, trial.runtime.account.slug) == (
        "trial",
        "eu-central-1",
        "trial",
    )
    member = Member.objects.get(tenant=trial.tenant)
    assert (member.user, member.role) == (trial.owner, Role.OWNER)
    assert not trial.owner.has_usable_password()
    assert AuditEvent.objects.filter(tenant=trial.tenant, action="trial.confirm").count() == 1


def test_a_link_confirms_once() -> None:
    ask()
    token = token_to("ada@engine.example")
    assert find_link(token).email == "ada@engine.example"
    confirm(token)
    for again in (confirm, find_link):
        with pytest.raises(Refused) as refused:
            again(token)
        assert (refused.value.code, refused.value.status) == ("link_invalid", 410)
    assert Trial.objects.count() == Runtime.objects.count() == 1


@pytest.mark.parametrize("token", ["", "x", "a" * 43, "ä" * 43])
def test_a_link_that_nobody_sent_confirms_nothing(token: str) -> None:
    with pytest.raises(Refused):
        confirm(token)


@pytest.mark.parametrize("other", ["ada@gmail.com", "A.d.a+two@googlemail.com"])
def test_one_person_has_one_live_trial(other: str) -> None:
    try_out("ada@gmail.com", client="203.0.113.1")
    ask(other, company="Another", client="203.0.113.2")
    second = confirm(token_to(other))
    assert (second.trial, second.sign_up.reason) == (None, "trial_exists")
    assert Runtime.objects.count() == 1


def test_one_organisation_has_one_live_trial_but_two_people_of_a_public_provider_have_two() -> None:
    try_out("ada@engine.example")
    second = try_out("bob@mail.engine.example", company="Another")
    assert (second.trial, second.sign_up.reason) == (None, "organisation_has_trial")
    try_out("ada@gmail.com", company="A")
    assert trial_of(try_out("bob@gmail.com", company="B")).stage == "provisioning"


def test_runtimes_of_other_plans_do_not_count(world: World) -> None:
    User.objects.filter(pk=world.alice.user.pk).update(email="alice@archipel.example")
    order(world)
    assert trial_of(try_out("alice@archipel.example")).stage == "provisioning"


@pytest.mark.parametrize("email", ["ada@engine.example", "bob@engine.example"])
def test_nor_does_a_live_trial_of_another_plan(email: str) -> None:
    earlier = trial_of(try_out("ada@engine.example"))
    Trial.objects.filter(pk=earlier.pk).update(plan="trial-of-last-year")
    assert trial_of(try_out(email, company="Another", client="198.51.100.1")).stage == "provisioning"


def test_a_person_with_the_same_name_who_came_another_way_stays_apart(world: World) -> None:
    User.objects.filter(pk=world.alice.user.pk).update(username="ada@engine.example")
    trial = trial_of(try_out("ada@engine.example"))
    assert trial.owner_id != world.alice.user.pk
    assert not Member.objects.filter(user=world.alice.user, tenant=trial.tenant).exists()


def test_two_companies_of_one_name_are_two_tenants() -> None:
    first = trial_of(try_out("ada@engine.example", company="日本"))
    second = trial_of(try_out("bob@other.example", company="Engine Works"))
    third = trial_of(try_out("eve@third.example", company="engine works"))
    assert len({first.tenant_id, second.tenant_id, third.tenant_id}) == 3
    assert third.tenant.slug.startswith("engine-works-")


def test_who_finds_no_place_waits_with_a_number_and_gets_the_next_place() -> None:
    offer(1)
    first = trial_of(try_out("a@a.example"))
    asked = ask("b@b.example", client="203.0.113.9")
    second = trial_of(confirm(token_to("b@b.example")))
    third = trial_of(try_out("c@c.example"))
    found = read_status(asked.sign_up.id, asked.secret)
    assert found is not None
    assert (second.stage, found.status, found.position) == ("waiting", "waiting", 1)
    assert letters("trial-waiting", "c@c.example")[0][1]["position"] == 2
    settle(first.runtime, "ready")
    offer(2)
    tick()
    second.refresh_from_db()
    third.refresh_from_db()
    assert (second.stage, third.stage) == ("provisioning", "waiting")
    assert letters("trial-started", "b@b.example")


def test_a_newcomer_does_not_pass_those_who_wait() -> None:
    offer(0)
    try_out("a@a.example")
    offer(1)
    assert trial_of(try_out("b@b.example")).stage == "waiting"
    tick()
    assert [trial.stage for trial in Trial.objects.order_by("id")] == ["provisioning", "waiting"]


def test_a_trial_taken_off_the_list_says_why_and_leaves_its_number() -> None:
    offer(0)
    asked = ask("a@a.example")
    trial = trial_of(confirm(token_to("a@a.example")))
    second = ask("b@b.example")
    confirm(token_to("b@b.example"))
    reject_trial(actor=ADMIN, trial_id=trial.id)
    gone = read_status(asked.sign_up.id, asked.secret)
    next_one = read_status(second.sign_up.id, second.secret)
    assert gone is not None
    assert next_one is not None
    assert (gone.status, gone.reason, next_one.position) == ("rejected", "withdrawn", 1)
    with pytest.raises(Refused):
        reject_trial(actor=ADMIN, trial_id=trial.id)


def test_where_nothing_can_be_built_a_trial_waits_and_says_so_to_those_who_can_help() -> None:
    Landscape.objects.update(accepting=False)
    trial = trial_of(try_out())
    assert trial.stage == "waiting"
    assert trial.problem
    Landscape.objects.update(accepting=True)
    tick()
    trial.refresh_from_db()
    assert (trial.stage, trial.problem) == ("provisioning", "")


def test_a_waiting_tenant_can_create_nothing() -> None:
    offer(0)
    assert trial_of(try_out()).tenant.runtime_quota == 0


def test_a_link_signs_its_owner_in_once() -> None:
    trial = trial_of(try_out())
    ask_for_link(email="Ada@engine.example", client="203.0.113.7", base=BASE)
    send_links()
    token = token_to("Ada@engine.example", "trial-sign-in")
    assert use_link(token, client="203.0.113.7") == trial.owner
    with pytest.raises(Refused) as refused:
        use_link(token, client="203.0.113.7")
    assert refused.value.code == "link_invalid"


def test_a_link_sent_before_its_owner_joined_the_platforms_team_opens_nothing() -> None:
    trial = trial_of(try_out())
    ask_for_link(email="ada@engine.example", client="203.0.113.7", base=BASE)
    send_links()
    token = token_to("ada@engine.example", "trial-sign-in")
    User.objects.filter(pk=str(trial.owner_id)).update(platform_role="sre")
    with pytest.raises(Refused):
        use_link(token, client="203.0.113.7")


def test_a_sign_in_link_lives_for_a_quarter_of_an_hour() -> None:
    try_out()
    ask_for_link(email="ada@engine.example", client="203.0.113.7", base=BASE)
    send_links()
    token = token_to("ada@engine.example", "trial-sign-in")
    with time_machine.travel(utcnow() + timedelta(minutes=16)), pytest.raises(Refused):
        use_link(token, client="203.0.113.7")


def test_asking_for_a_link_does_the_same_for_known_and_unknown_and_other_peoples_addresses(
    world: World,
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    try_out()
    User.objects.filter(pk=world.sam.user.pk).update(email="sam@platform.example")
    seen = set()
    for email in ("ada@engine.example", "nobody@engine.example", "sam@platform.example", "alice@example.org"):
        with CaptureQueriesContext(connection) as captured:
            ask_for_link(email=email, client="203.0.113.7", base=BASE)
        seen.add(len(captured))
    assert len(seen) == 1
    send_links()
    assert len(letters("trial-sign-in")) == 1


def test_one_network_asks_for_thirty_links_in_an_hour() -> None:
    for number in range(30):
        ask_for_link(email=f"a{number}@engine.example", client="203.0.113.7", base=BASE)
    with pytest.raises(Refused) as refused:
        ask_for_link(email="b@engine.example", client="203.0.113.8", base=BASE)
    assert refused.value.status == 429


def test_sign_ups_that_led_to_nothing_are_forgotten_after_a_month(settings: Settings) -> None:
    ask("nobody@engine.example")
    try_out("ada@other.example")
    with time_machine.travel(utcnow() + timedelta(days=2)):
        tick()
        assert SignUp.objects.get(email="nobody@engine.example").reason == "not_confirmed"
    with time_machine.travel(utcnow() + timedelta(days=31)):
        tick()
    assert [row.state for row in SignUp.objects.all()] == ["confirmed"]
    assert Tenant.objects.filter(slug="engine-works").exists()
