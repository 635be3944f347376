"""Who may be brought to which release, and why not: asked of the rows alone, nothing is built."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from controlplane.catalog.models import Release
from controlplane.catalog.plans import ReleaseFacts
from controlplane.catalog.releasing import point_channel, withdraw_release
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.notices.models import Notice
from controlplane.tenants.access import SYSTEM
from controlplane.tenants.models import AuditEvent
from provisioner.lifecycle import expiring, ports
from provisioner.lifecycle.models import Expiry
from provisioner.lifecycle.pin import pin_runtime, unpin_runtime
from provisioner.lifecycle.ports import Blocker
from provisioner.lifecycle.update import update_runtime
from provisioner.lifecycle.upgrade import upgrade_runtime
from provisioner.operations.models import Operation
from provisioner.rollouts.models import Exclusion
from provisioner.rollouts.services import release_stop, stop_everything
from provisioner.runtimes.models import Runtime
from tests.work import refused
from tests.world import World, order

pytestmark = pytest.mark.django_db
OLDEST, MIDDLE, NEWEST = "2026.9.1", "2026.10.1", "2026.11.1"


@pytest.fixture
def runtime(world: World) -> Runtime:
    """A runtime on the oldest release that stands, as far as its row says; its channel has moved on."""
    assert world.landscape.key
    point_channel(actor=world.sam.actor, key="regular", release=OLDEST)
    found: Runtime = order(world).runtime
    point_channel(actor=world.sam.actor, key="regular", release=MIDDLE)
    Operation.objects.filter(runtime=found).update(state="succeeded", slot=None, finished_at=utcnow())
    Runtime.objects.filter(pk=found.pk).update(phase="ready", observed_generation=1)
    found.refresh_from_db()
    return found


def test_a_runtime_goes_to_its_channels_release_unless_another_is_named(
    world: World, runtime: Runtime
) -> None:
    operation = upgrade_runtime(actor=world.alice.actor, runtime_id=runtime.id)
    assert (operation.kind, operation.input["release"]) == ("upgrade", MIDDLE)
    assert AuditEvent.objects.filter(action="runtime.upgrade", target_id=str(runtime.id)).count() == 1
    again = upgrade_runtime(actor=world.alice.actor, runtime_id=runtime.id)
    assert again.pk == operation.pk
    with refused("runtime_busy"):
        upgrade_runtime(actor=world.alice.actor, runtime_id=runtime.id, release=NEWEST)
    point_channel(actor=world.sam.actor, key="fast", release=MIDDLE)
    with refused("runtime_busy"):
        update_runtime(actor=world.alice.actor, runtime_id=runtime.id, parameters={"channel": "fast"})
    behind = upgrade_runtime(actor=world.sam.actor, runtime_id=runtime.id, release=NEWEST, urgent=True)
    assert behind.slot == "next"


def test_viewers_do_not_upgrade_and_strangers_find_nothing(world: World, runtime: Runtime) -> None:
    with refused("forbidden"):
        upgrade_runtime(actor=world.vera.actor, runtime_id=runtime.id)
    with refused("runtime_not_found"):
        upgrade_runtime(actor=world.bob.actor, runtime_id=runtime.id)


def test_a_release_that_is_unknown_or_withdrawn_or_blocked_is_refused(
    world: World, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Refused, match=r"Did you mean 2026\.11\.1"):
        upgrade_runtime(actor=world.alice.actor, runtime_id=runtime.id, release="2026.11.2")
    point_channel(actor=world.sam.actor, key="fast", release=MIDDLE)
    withdraw_release(actor=world.sam.actor, key=NEWEST, reason="It leaks")
    with pytest.raises(Refused, match=r"was withdrawn: It leaks\."):
        upgrade_runtime(actor=world.alice.actor, runtime_id=runtime.id, release=NEWEST)

    def objection(runtimes: Sequence[UUID], release: ReleaseFacts) -> dict[UUID, list[Blocker]]:
        words = f"A webhook of {runtime.name} would block {release.key}; mend it."
        return {key: [Blocker("webhook_blocks", words)] for key in runtimes}

    monkeypatch.setattr(ports, "preflight", [objection])
    with pytest.raises(Refused, match=r"A webhook of checkout would block 2026\.10\.1"):
        upgrade_runtime(actor=world.alice.actor, runtime_id=runtime.id)
    assert not Operation.objects.filter(runtime=runtime, kind="upgrade").exists()


def test_a_suspended_runtime_is_resumed_before_it_is_upgraded(world: World, runtime: Runtime) -> None:
    Runtime.objects.filter(pk=runtime.pk).update(suspended_for=["wish"])
    with pytest.raises(Refused, match="resume it, then upgrade it"):
        upgrade_runtime(actor=world.alice.actor, runtime_id=runtime.id)


def test_a_runtime_is_not_pinned_to_the_release_that_it_is_leaving(world: World, runtime: Runtime) -> None:
    operation = upgrade_runtime(actor=world.alice.actor, runtime_id=runtime.id)
    with refused("runtime_busy"):
        pin_runtime(actor=world.alice.actor, runtime_id=runtime.id)
    unpin_runtime(actor=world.alice.actor, runtime_id=runtime.id)
    Operation.objects.filter(pk=operation.pk).update(kind="update")
    pin_runtime(actor=world.alice.actor, runtime_id=runtime.id)
    assert Runtime.objects.get(pk=runtime.pk).pinned == OLDEST


def test_a_pin_holds_against_everybody_but_the_urgent_and_the_end_of_life(
    world: World, runtime: Runtime
) -> None:
    pin_runtime(actor=world.alice.actor, runtime_id=runtime.id)
    with refused("runtime_pinned"):
        upgrade_runtime(actor=world.sam.actor, runtime_id=runtime.id)
    unpin_runtime(actor=world.alice.actor, runtime_id=runtime.id)
    pin_runtime(actor=world.alice.actor, runtime_id=runtime.id)
    Release.objects.filter(pk=OLDEST).update(end_of_life=utcnow().date())
    point_channel(actor=world.sam.actor, key="fast", release=MIDDLE)
    with refused("release_expired"):
        pin_runtime(actor=world.alice.actor, runtime_id=runtime.id)
    assert upgrade_runtime(actor=world.sam.actor, runtime_id=runtime.id).slot == "active"


def test_whoever_changes_parameters_meanwhile_takes_no_version_back(world: World, runtime: Runtime) -> None:
    reached = {"kubernetes_version": "1.34.8", "workers_version": "1.33.8"}
    Runtime.objects.filter(pk=runtime.pk).update(cluster_spec={**runtime.cluster_spec, **reached})
    update_runtime(actor=world.alice.actor, runtime_id=runtime.id, parameters={"autoScalerMax": 9})
    runtime.refresh_from_db()
    assert {name: runtime.cluster_spec[name] for name in reached} == reached
    operation = Operation.objects.get(runtime=runtime, slot="active")
    Operation.objects.filter(pk=operation.pk).update(state="succeeded", slot=None, finished_at=utcnow())
    onward = upgrade_runtime(actor=world.alice.actor, runtime_id=runtime.id, release=NEWEST)
    assert [hop["key"] for hop in onward.input["hops"]] == [NEWEST]


def test_people_are_told_of_a_release_that_ends_and_on_its_last_day_it_is_upgraded_by_force(
    world: World, runtime: Runtime
) -> None:
    pin_runtime(actor=world.alice.actor, runtime_id=runtime.id)
    today = utcnow().date()
    Release.objects.filter(pk=OLDEST).update(end_of_life=today + timedelta(days=6))
    point_channel(actor=world.sam.actor, key="fast", release=MIDDLE)
    assert expiring.mark() == 1
    assert expiring.mark() == 0
    assert expiring.tick() == 1
    assert expiring.tick() == 0
    row = Expiry.objects.get(runtime=runtime)
    assert row.told_days == 7
    assert Notice.objects.filter(kind="release-ending").count() == 1
    Release.objects.filter(pk=OLDEST).update(end_of_life=today)
    point_channel(actor=world.sam.actor, key="fast", release=NEWEST)
    expiring.mark()
    assert expiring.tick() == 1
    forced = Operation.objects.get(runtime=runtime, kind="upgrade")
    assert (forced.requested_by, forced.input["release"], forced.input["urgent"]) == ("system", MIDDLE, True)
    Expiry.objects.update(due_at=utcnow() - timedelta(hours=1))
    assert expiring.tick() == 1
    assert Operation.objects.filter(runtime=runtime, kind="upgrade").count() == 1


def test_forced_upgrades_heed_the_emergency_stop_the_tenants_window_and_each_other(
    world: World, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    Release.objects.filter(pk=OLDEST).update(end_of_life=utcnow().date())
    point_channel(actor=world.sam.actor, key="fast", release=MIDDLE)
    stop_everything(actor=world.sam.actor, reason="nodes lose their network")

    def forced() -> str:
        """Look, and return why nothing was forced; empty: it was."""
        Expiry.objects.update(due_at=utcnow() - timedelta(hours=1))
        assert expiring.tick() == 1
        row = Expiry.objects.get(runtime=runtime)
        assert bool(row.problem) != Operation.objects.filter(runtime=runtime, kind="upgrade").exists()
        assert row.due_at > utcnow()
        return row.problem

    expiring.mark()
    assert "nodes lose their network" in forced()
    release_stop(actor=world.sam.actor)
    excluded = Exclusion.objects.create(
        tenant=world.archipel, begins_at=utcnow() - timedelta(days=1), ends_at=utcnow() + timedelta(days=2),
        reason="our season", created_by="t",
    )  # fmt: skip
    assert "maintenance window" in forced()
    assert Expiry.objects.get(runtime=runtime).due_at == excluded.ends_at
    Exclusion.objects.update(ends_at=utcnow() + timedelta(days=20))  # longer than anybody waits
    with monkeypatch.context() as patched:
        patched.setattr(expiring, "MOST_OPEN", 0)
        assert "Waits for a place" in forced()
    assert forced() == ""


def test_a_release_that_ends_with_none_after_it_keeps_the_reason(world: World, runtime: Runtime) -> None:
    Release.objects.update(end_of_life=utcnow().date())
    expiring_rows(world)
    row = Expiry.objects.get(runtime=runtime)
    assert "no newer one is published; publish one and point regular to it" in row.problem
    assert row.due_at > utcnow() + timedelta(hours=5)


def expiring_rows(world: World) -> None:
    """Let the cache see the releases' ends: whoever changes rows by hand writes no revision."""
    from controlplane.catalog.models import Revision

    Revision.objects.create(applied_at=utcnow(), applied_by="test", changes=[])
    expiring.mark()
    expiring.tick()


@pytest.mark.parametrize(
    ("window", "hour"), [("220000+0000", 22), ("220000+0200", 20), ("003000-0130", 2), ("nonsense", 12)]
)
def test_a_forced_upgrade_begins_with_the_maintenance_window(window: str, hour: int) -> None:
    noon: Any = utcnow().replace(hour=12, minute=0, second=0, microsecond=0)
    begins = expiring.next_begin(window, noon)
    assert begins.hour == hour
    assert timedelta(0) <= begins - noon < timedelta(days=1)


def test_nobody_may_upgrade_to_a_release_that_is_a_draft(world: World, runtime: Runtime) -> None:
    with refused("release_unpublished"):
        upgrade_runtime(actor=SYSTEM, runtime_id=runtime.id, release="2026.12.1")
