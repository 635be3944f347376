"""The waiting list: whoever can't begin lets the others by; what changed since the sign-up is asked again."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from controlplane.kernel.clock import utcnow
from controlplane.tenants.access import SYSTEM, Actor, PlatformRole
from controlplane.tenants.closing import close_tenant
from controlplane.tenants.isolation.scopes import tenant_scope
from controlplane.tenants.models import Tenant
from controlplane.trials.blocklist import add_rule
from controlplane.trials.confirm import confirm
from controlplane.trials.managing import change_offer
from controlplane.trials.models import SignUp, Trial
from controlplane.trials.promote import promote
from controlplane.trials.status import read_status, status_of_trial
from controlplane.trials.ticking import tick
from provisioner.runtimes.models import Runtime
from tests.trialling import ask, token_to, trial_of, try_out
from tests.world import World

ADMIN = Actor("pia", platform_role=PlatformRole.ADMIN)
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def somewhere_to_build(world: World) -> None:
    assert world.landscape.accepting


def offer(places: int, *closed: str, is_open: bool = True) -> None:
    change_offer(actor=ADMIN, places=places, closed_regions=list(closed), is_open=is_open)


def wait_in_line(number: int, region: str = "eu-central-1") -> Trial:
    email = f"p{number}@company{number}.example"
    return trial_of(try_out(email, company=f"Company {number}", client=f"10.0.{number}.1", region=region))


def stages(trials: list[Trial]) -> list[str]:
    return [Trial.objects.get(pk=trial.pk).stage for trial in trials]


@pytest.fixture
def stuck() -> list[Trial]:
    """More than one round looks at, none of which can begin: their tenants are suspended."""
    offer(0)
    rows = [wait_in_line(number) for number in range(25)]
    Tenant.objects.filter(pk__in=[row.tenant_id for row in rows]).update(state="suspended")
    return rows


def test_twenty_five_that_can_not_begin_do_not_block_the_next_one(stuck: list[Trial]) -> None:
    behind = wait_in_line(99)
    offer(1)
    assert promote() == 1
    assert stages([behind, stuck[0]]) == ["provisioning", "waiting"]
    assert "suspended" in Trial.objects.get(pk=stuck[0].pk).problem


def test_whoever_was_put_off_holds_up_no_newcomer_and_is_not_looked_at_until_due(stuck: list[Trial]) -> None:
    offer(1)
    assert promote() == 0
    with CaptureQueriesContext(connection) as captured:
        assert promote() == 0
    assert len(captured) == 1  # is anybody in line?
    assert wait_in_line(99).stage == "provisioning"


def test_whoever_was_put_off_has_the_old_place_again_when_it_is_due(stuck: list[Trial]) -> None:
    offer(1)
    tick()
    Tenant.objects.update(state="active")
    offer(0)
    behind = wait_in_line(99)
    offer(1)
    with time_machine.travel(utcnow() + timedelta(minutes=2)):
        tick()
    assert stages([stuck[0], behind]) == ["provisioning", "waiting"]


def test_a_closed_region_waits_and_the_others_go_on() -> None:
    offer(0)
    first, second = wait_in_line(1), wait_in_line(2, "us-east-1")
    offer(2, "eu-central-1")
    assert promote() == 1
    assert stages([first, second]) == ["waiting", "provisioning"]
    first.refresh_from_db()
    with tenant_scope(first.tenant_id):  # as its owner reads it
        assert "region that you chose takes no trials now" in status_of_trial(first).detail
    offer(2)
    with time_machine.travel(utcnow() + timedelta(minutes=2)):
        tick()
    assert stages([first]) == ["provisioning"]


def test_whoever_was_blocked_while_waiting_gets_no_place() -> None:
    offer(0)
    first, second = wait_in_line(1), wait_in_line(2)
    add_rule(actor=ADMIN, kind="network", pattern="10.0.1.0/24", why="mining", expires_at=None)
    offer(2)
    assert promote() == 1
    assert stages([first, second]) == ["rejected", "provisioning"]
    first.refresh_from_db()
    assert (first.reason, first.email) == ("not_eligible", "")
    assert SignUp.objects.get(trial=first).email == ""


def test_a_waiting_trial_ends_with_its_tenant() -> None:
    offer(0)
    asked = ask("a@a.example")
    trial = trial_of(confirm(token_to("a@a.example")))
    close_tenant(actor=SYSTEM, tenant_id=trial.tenant_id)
    found = read_status(asked.sign_up.id, asked.secret)
    assert found is not None
    assert (found.status, found.reason) == ("rejected", "tenant_closed")
    assert not Trial.objects.filter(stage="waiting").exists()


def test_one_whose_tenant_was_closed_before_ends_when_its_turn_comes() -> None:
    offer(0)
    trial = wait_in_line(1)
    Tenant.objects.filter(pk=trial.tenant_id).update(state="suspended", closed_at=utcnow())
    offer(1)
    assert promote() == 0
    assert stages([trial]) == ["rejected"]


@pytest.mark.parametrize(
    ("change", "reason", "words"),
    [
        (lambda: offer(5, is_open=False), "trials_closed", "Trials were closed"),
        (lambda: offer(5, "eu-central-1"), "region_closed", "choose another one"),
        (
            lambda: add_rule(actor=ADMIN, kind="company", pattern="*works*", why="x", expires_at=None),
            "not_eligible",
            "Write to us",
        ),
    ],
)
def test_what_changed_since_the_sign_up_is_asked_again_when_it_is_confirmed(
    change: object, reason: str, words: str
) -> None:
    asked = ask()
    token = token_to("ada@engine.example")
    change()  # type: ignore[operator]
    answer = Client().post(f"/trial/confirm/{token}")
    assert (answer.status_code, words in answer.content.decode()) == (409, True)
    found = read_status(asked.sign_up.id, asked.secret)
    assert found is not None
    assert (found.status, found.reason) == ("rejected", reason)
    assert not Trial.objects.exists()
    assert not Runtime.objects.exists()
