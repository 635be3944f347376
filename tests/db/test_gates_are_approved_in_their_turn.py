"""A yes counts for what it was said of: the gate's present turn; before it, and where nobody asks any more, it is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from controlplane.tenants.models import AuditEvent
from provisioner.rollouts import services
from provisioner.rollouts.models import Approval, Gate, Rollout
from provisioner.rollouts.ticking import tick
from tests.db.test_rollouts_go_forward import Clock, started
from tests.db.test_rollouts_keep_deadlines import DAYS, MONDAY, looks, retry, window
from tests.db.test_rollouts_pass_gates import begun, canaries_done, plan, stands
from tests.rolling_out import Upgrades, fleet, states, upgrading
from tests.work import refused
from tests.world import World

pytestmark = pytest.mark.django_db
ASKED = {"kind": "approval"}
SOAK = {"kind": "soak", "minutes": 60}


@pytest.fixture
def clock(world: World) -> Clock:
    fleet(world.shop, [world.landscape], 6)
    return Clock()


def approve(world: World, rollout: Rollout) -> None:
    gate = Gate.objects.get(stage__rollout=rollout, kind="approval")
    services.approve_gate(actor=world.sam.actor, rollout_id=rollout.id, gate_id=gate.pk, note="looks well")


@pytest.mark.parametrize(
    ("side", "when"), [("after", "when stage canary is done"), ("before", "when stage rest comes next")]
)
def test_nobody_approves_what_has_not_happened_yet(world: World, clock: Clock, side: str, when: str) -> None:
    with upgrading(Upgrades(clock=clock)) as upgrades:
        rollout = started(world, plan=plan(**{side: [ASKED]}))
        tick(clock=clock())
        with refused("gate_not_asked_yet") as caught:
            approve(world, rollout)
        assert when in caught.value.detail
        canaries_done(upgrades, clock)
        assert not Approval.objects.exists()
        assert begun(upgrades, clock, minutes=5) == 2
        approve(world, rollout)
        assert begun(upgrades, clock, seconds=1) == 6


def test_a_gate_may_be_forced_before_its_turn_and_stays_open(world: World, clock: Clock) -> None:
    with upgrading(Upgrades(clock=clock)) as upgrades:
        rollout = started(world, plan=plan(after=[ASKED]))
        gate = Gate.objects.get()
        services.open_gate(
            actor=world.sam.actor, rollout_id=rollout.id, gate_id=gate.pk, reason="an incident"
        )
        canaries_done(upgrades, clock)
        assert len(upgrades.begun) == 6


def test_a_yes_does_not_outlive_the_canaries_that_it_was_said_of(world: World, clock: Clock) -> None:
    broken = {"yes"}
    with upgrading(Upgrades(clock=clock, fails=lambda _: "ERR_X" if broken else "")) as upgrades:
        rollout = started(world, plan=plan(after=[ASKED, SOAK]))
        canaries_done(upgrades, clock)
        approve(world, rollout)
        tick(clock=clock.passes(seconds=5))
        assert Gate.objects.get(kind="approval").reason == "approved by token:sam"
        broken.clear()
        again = services.Choice(state="failed")
        services.retry_targets(actor=world.sam.actor, rollout_id=rollout.id, choice=again)
        tick(clock=clock.passes(seconds=5))
        gate = Gate.objects.get(kind="approval")
        assert (gate.open, gate.since, gate.opened_at, gate.reason) == (False, None, None, "")
        assert not Approval.objects.exists(), "no page shows a yes that counts no longer"
        with refused("gate_not_asked_yet"):
            approve(world, rollout)
        canaries_done(upgrades, clock)
        assert begun(upgrades, clock, minutes=90) == 4
        assert stands()[0] == ("leaving", "waits for 1 approval"), "soaked, and not approved"
        approve(world, rollout)
        assert begun(upgrades, clock, seconds=1) == 8
    told = AuditEvent.objects.filter(action="rollout.stage.running", changes__state__before="leaving").get()
    assert "approved before by token:sam, which counts no longer" in told.changes["reason"]
    assert AuditEvent.objects.filter(action="rollout.gate.approved").count() == 2


def test_what_was_approved_before_such_approvals_were_refused_is_asked_for_in_its_turn(
    world: World, clock: Clock
) -> None:
    with upgrading(Upgrades(clock=clock)) as upgrades:
        rollout = started(world, plan=plan(after=[ASKED]))
        gate = Gate.objects.get()
        Approval.objects.create(gate=gate, by=world.sam.actor.name, person=world.sam.user.pk, at=clock())
        canaries_done(upgrades, clock)
        assert begun(upgrades, clock, minutes=5) == 2
        approve(world, rollout)
        assert begun(upgrades, clock, seconds=1) == 6


@pytest.mark.parametrize("came_as", ["the same name", "another name"])
def test_who_approved_too_early_says_it_again_where_several_are_asked(
    world: World, clock: Clock, came_as: str
) -> None:
    sam = replace(world.sam.actor, user_id=world.sam.user.pk, token_id=None)
    who = {"by": sam.name} if came_as == "the same name" else {"by": "sam", "person": sam.user_id}
    with upgrading(Upgrades(clock=clock)) as upgrades:
        rollout = started(world, plan=plan(after=[ASKED]))
        Gate.objects.update(settings={"approvers": 2})
        canaries_done(upgrades, clock)
        gate = Gate.objects.get()
        assert gate.since is not None
        Approval.objects.create(gate=gate, at=gate.since - timedelta(minutes=30), **who)
        asked: dict[str, Any] = {"actor": sam, "rollout_id": rollout.id, "gate_id": gate.pk}
        services.approve_gate(**asked)
        with refused("approved_already"):
            services.approve_gate(**asked)
        tick(clock=clock.passes(seconds=5))
        assert stands()[0] == ("leaving", "waits for 1 approval")
    assert Approval.objects.get().at >= gate.since


@pytest.fixture
def tried_again_too_late(world: World, clock: Clock) -> Iterator[tuple[Rollout, Upgrades]]:
    """Canaries that failed, were approved, and are tried again behind their stage's deadline while their window is shut."""
    window(world, *DAYS)
    clock.now = MONDAY.replace(hour=22)
    broken = {"yes"}
    wish = plan(after=[ASKED, SOAK], notice_hours=0)
    wish["stages"][0]["deadline_hours"] = 1
    with upgrading(Upgrades(clock=clock, fails=lambda _: "ERR_X" if broken else "")) as upgrades:
        rollout = started(world, plan=wish)
        canaries_done(upgrades, clock)
        approve(world, rollout)
        looks(clock, 2, minutes=25)
        assert Gate.objects.get(kind="approval").open
        clock.now = MONDAY.replace(hour=23, minute=1)
        broken.clear()
        assert retry(world, rollout, "failed") == 2
        yield rollout, upgrades


def test_a_canary_that_is_tried_again_behind_the_deadline_takes_its_stage_back_before_its_window_opens(
    world: World, clock: Clock, tried_again_too_late: tuple[Rollout, Upgrades]
) -> None:
    rollout, upgrades = tried_again_too_late
    looks(clock, 10, minutes=30)
    assert (stands()[0], states(rollout)) == (("running", ""), {"waiting": 2, "planned": 4})
    assert not Gate.objects.filter(since__isnull=False).exists()
    assert not Approval.objects.exists()
    clock.now = MONDAY.replace(hour=22) + timedelta(days=1)
    canaries_done(upgrades, clock)
    assert states(rollout) == {"succeeded": 2, "planned": 4}
    assert stands()[0][1].startswith("waits for 1 approval; soaks until")


def test_a_canary_that_was_tried_again_holds_its_stage_up_no_longer_than_its_own_deadline(
    clock: Clock, tried_again_too_late: tuple[Rollout, Upgrades]
) -> None:
    rollout, _ = tried_again_too_late
    looks(clock, 2, minutes=5)
    # Nobody looks while its window is open.
    clock.now = MONDAY.replace(hour=23, minute=1) + timedelta(days=1)
    tick(clock=clock())
    assert states(rollout) == {"waiting": 2, "planned": 4}
    assert stands()[0][1].startswith("waits for 1 approval; soaks until")


@pytest.mark.parametrize("side", ["after", "before"])
def test_gates_of_a_rollout_that_was_closed_are_asked_no_more(world: World, clock: Clock, side: str) -> None:
    with upgrading(Upgrades(clock=clock, seconds=lambda _: 3600.0)) as upgrades:
        rollout = started(world, plan=plan(**{side: [ASKED]}))
        tick(clock=clock())
        services.close_rollout(actor=world.sam.actor, rollout_id=rollout.id, reason="enough")
        gate = Gate.objects.get()
        assert (gate.open, gate.since, gate.reason) == (False, None, "asked no more")
        asked: dict[str, Any] = {"actor": world.sam.actor, "rollout_id": rollout.id, "gate_id": gate.pk}
        with refused("gate_never_asked"):
            services.approve_gate(**asked)
        with refused("gate_never_asked"):
            services.open_gate(**asked, reason="let it pass")
        assert (states(rollout), len(upgrades.begun)) == ({"running": 2, "left_behind": 4}, 2)
    assert not AuditEvent.objects.filter(action__in=["rollout.gate.approved", "rollout.gate.forced"]).exists()
