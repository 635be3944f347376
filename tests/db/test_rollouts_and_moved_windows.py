"""A tenant that moves its windows while an upgrade waits for them puts it off: within what exclusions may, and no further."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from controlplane.kernel.errors import Refused
from controlplane.tenants.isolation.scopes import tenant_scope
from controlplane.tenants.models import AuditEvent
from provisioner.rollouts import controlling, reading, scheduling, services, steering, why_not
from provisioner.rollouts.deferring import what_counts
from provisioner.rollouts.models import MaintenanceWindow, PutOff, Rollout, Target
from provisioner.rollouts.ticking import tick
from provisioner.runtimes.models import Runtime
from tests.db.test_rollouts_go_forward import Clock, started
from tests.rolling_out import NEW, Upgrades, fleet, release, upgrading
from tests.work import refused
from tests.world import Person, World

pytestmark = pytest.mark.django_db
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
A_DAY = timedelta(days=1)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Noon of a Monday, for people as for the look."""
    made = Clock()
    made.now = datetime(2027, 3, 1, 12, tzinfo=UTC)
    monkeypatch.setattr(scheduling, "utcnow", made)
    return made


def move_to(world: World, day: str, person: Person | None = None, **whose: object) -> None:
    """Add the new window, then remove the others, as one does who changes his mind."""
    actor = (person or world.alice).actor
    owner = services.Owner(**({"tenant_id": world.archipel.id} | whose))  # type: ignore[arg-type]
    before = list(MaintenanceWindow.objects.values_list("pk", flat=True))
    with tenant_scope(world.archipel.id):
        services.add_window(actor=actor, owner=owner, days=[day], begin="02:00", end="04:00", time_zone="UTC")
        for key in before:
            services.remove_window(actor=actor, window_id=key)


def waiting(world: World, clock: Clock) -> Runtime:
    """A runtime whose upgrade waits for Wednesday."""
    runtime = fleet(world.shop, [world.landscape], 1)[0]
    move_to(world, "wed")
    assert not PutOff.objects.exists(), "nothing waited"
    started(world, plan={"stages": [{"name": "rest", "deadline_hours": 60 * 24}]})
    tick(clock=clock())
    return runtime


def opens() -> datetime | None:
    return Target.objects.values_list("reason_until", flat=True).get()


def test_a_window_that_is_moved_again_and_again_is_bounded_from_the_first_moment_on(
    world: World, clock: Clock
) -> None:
    with upgrading(Upgrades(clock=clock)) as upgrades:
        waiting(world, clock)
        first, moves = opens(), 0
        assert first == datetime(2027, 3, 3, 2, tzinfo=UTC)
        with refused("deferral_exhausted"):
            for _ in range(12):
                clock.now = (opens() or first) - timedelta(hours=1)
                move_to(world, DAYS[(clock.now - A_DAY).weekday()])
                tick(clock=clock())
                moves += 1
        last = opens()
        assert last is not None
        assert (moves, upgrades.begun) == (5, [])
        assert first + 20 * A_DAY < last <= first + 30 * A_DAY
        tick(clock=last)
        assert len(upgrades.begun) == 1, "the window that stands holds"
    kept = PutOff.objects.order_by("begins_at")
    assert (kept[0].begins_at, kept[len(kept) - 1].ends_at) == (first, last)
    assert AuditEvent.objects.filter(action="window.remove", changes__put_off=1).count() == moves


def test_pages_say_when_the_window_opens_that_was_moved_and_not_when_it_would_have(
    world: World, clock: Clock
) -> None:
    with upgrading(Upgrades(clock=clock)):
        waiting(world, clock)
        move_to(world, "sat")
        tick(clock=clock.passes(minutes=1))
        rollout = Rollout.objects.get()
        told = reading.read_rollout(actor=world.sam.actor, rollout_id=rollout.pk).reasons
        groups = why_not.why_not_groups(actor=world.sam.actor)
    now = "its maintenance window opens Sat 06 Mar 02:00 UTC"
    assert [(one.code, one.targets, one.sample) for one in told] == [("window", 1, now)]
    assert [(one["code"], one["targets"], one["reason"]) for one in groups] == [("window", 1, now)]


def test_what_was_moved_counts_with_exclusions_and_words_say_how_far_it_may_go(
    world: World, clock: Clock
) -> None:
    with upgrading(Upgrades(clock=clock)):
        waiting(world, clock)
        move_to(world, "sat")  # puts it off by three days

        def exclude(days: int) -> None:
            begins = clock() + 20 * A_DAY
            services.add_exclusion(
                actor=world.alice.actor, owner=services.Owner(tenant_id=world.archipel.id), begins_at=begins,
                ends_at=begins + days * A_DAY, reason="our season",
            )  # fmt: skip

        with pytest.raises(Refused, match="windows moved while an upgrade waited for them"):
            exclude(28)
        exclude(26)
        tick(clock=clock.passes(days=3))
        with pytest.raises(Refused, match=r"from Sat 06 Mar 02:00 to Tue 09 Mar 02:00 UTC.*or upgrade now"):
            move_to(world, "tue")


def test_a_window_moved_back_gives_back_what_it_took(world: World, clock: Clock) -> None:
    with upgrading(Upgrades(clock=clock)):
        waiting(world, clock)
        move_to(world, "sat")
        tick(clock=clock())
        (kept,) = PutOff.objects.all()
        assert kept.ends_at - kept.begins_at == 3 * A_DAY
        move_to(world, "fri")
        kept.refresh_from_db()
        assert kept.ends_at - kept.begins_at == 2 * A_DAY
        move_to(world, "wed")
    assert not PutOff.objects.exists()


def test_only_what_puts_an_upgrade_off_counts(world: World, clock: Clock) -> None:
    with upgrading(Upgrades(clock=clock)):
        waiting(world, clock)
        move_to(world, "tue", world.sam)  # the platform's own team
        tick(clock=clock())
        owner = services.Owner(tenant_id=world.archipel.id)
        services.add_window(
            actor=world.alice.actor, owner=owner, days=["sun"], begin="02:00", end="04:00", time_zone="UTC"
        )  # one more, in which it may begin sooner
    assert not PutOff.objects.exists()


def test_a_tenant_sees_of_what_was_put_off_its_own(world: World, clock: Clock) -> None:
    with upgrading(Upgrades(clock=clock)):
        waiting(world, clock)
        move_to(world, "sat")
    with tenant_scope(world.archipel.id):
        assert PutOff.objects.count() == 1
    with tenant_scope(world.basalt.id):
        assert PutOff.objects.count() == 0


def kept_days() -> list[float]:
    """How many days each of those that count takes, the latest first."""
    now = datetime(2027, 3, 1, tzinfo=UTC)
    tenant = Target.objects.values_list("runtime__tenant_id", flat=True)[0]
    return [(one.end - one.begin) / A_DAY for one in what_counts(tenant, now).counted]


@pytest.mark.parametrize("ends", ["upgraded by hand", "aborted", "closed", "skipped", "deleted"])
def test_what_was_put_off_counts_up_to_the_end_of_the_waiting(world: World, clock: Clock, ends: str) -> None:
    with upgrading(Upgrades(clock=clock)), pytest.MonkeyPatch.context() as patched:
        for room in (controlling, steering):
            patched.setattr(room, "utcnow", clock)
        runtime = waiting(world, clock)
        move_to(world, "sat")
        assert kept_days() == [3]
        tick(clock=clock.passes(days=3.5))  # two days behind the first moment
        rollout, sam = Target.objects.get().rollout_id, world.sam.actor
        if ends == "upgraded by hand":
            spec = {**runtime.spec, "release": release(NEW)}
            Runtime.objects.filter(pk=runtime.pk).update(spec=spec)
            tick(clock=clock.passes(minutes=1))
        elif ends == "aborted":
            services.abort_rollout(actor=sam, rollout_id=rollout, reason="no")
        elif ends == "closed":
            services.close_rollout(actor=sam, rollout_id=rollout, reason="no")
        elif ends == "skipped":
            services.skip_targets(
                actor=sam, rollout_id=rollout, choice=services.Choice(state="waiting"), reason="no"
            )
        else:
            Runtime.objects.filter(pk=runtime.pk).update(deleted_at=clock(), phase="deprovisioned")
        clock.passes(days=30)
        if ends == "deleted":
            assert kept_days() == []
        else:
            (days,) = kept_days()
            assert 1.8 < days < 2.2


def test_a_rollout_that_ignores_windows_is_put_off_by_none(world: World, clock: Clock) -> None:
    with upgrading(Upgrades(clock=clock)):
        fleet(world.shop, [world.landscape], 2)
        move_to(world, "wed")
        started(
            world, plan={"stages": [{"name": "rest"}], "windows": "ignore", "max_concurrency": 1}, urgent=True
        )
        tick(clock=clock())
        assert Target.objects.filter(state="ready").count() == 1
        move_to(world, "sat")
    assert not PutOff.objects.exists()


@pytest.mark.parametrize("state", ["paused", "halted"])
def test_a_window_that_is_moved_while_the_rollout_stands_still_counts(
    world: World, clock: Clock, state: str
) -> None:
    with upgrading(Upgrades(clock=clock)):
        waiting(world, clock)
        Rollout.objects.update(state=state)
        move_to(world, "sat")
    assert kept_days() == [3]


def test_as_many_statements_for_many_that_wait_as_for_one(world: World, clock: Clock) -> None:
    with upgrading(Upgrades(clock=clock)):
        fleet(world.shop, [world.landscape], 12)
        move_to(world, "wed")
        started(world, plan={"stages": [{"name": "rest", "deadline_hours": 60 * 24}]})
        tick(clock=clock())
        asked = []
        for day in ("sat", "wed"):  # later, and back
            with CaptureQueriesContext(connection) as found:
                move_to(world, day)
            asked.append(len(found))
            tick(clock=clock())
    assert max(asked) < 60
    assert not PutOff.objects.exists()


def test_an_exclusion_within_a_notice_puts_nothing_off_whatever_windows_come_later(
    world: World, clock: Clock
) -> None:
    with upgrading(Upgrades(clock=clock, seconds=lambda _: 86400.0)):
        fleet(world.shop, [world.landscape], 1)
        started(world, plan={"stages": [{"name": "rest", "deadline_hours": 60 * 24}], "notice_hours": 6})
        tick(clock=clock())
        tick(clock=clock.passes(hours=7))
        fleet(world.main, [world.landscape], 1)
        tick(clock=clock.passes(minutes=2))
        told = Target.objects.get(state="waiting", reason_code="notice").reason_until
        assert told == clock() + timedelta(hours=6)
        bob, owner = world.bob.actor, services.Owner(tenant_id=world.basalt.id)
        services.add_exclusion(
            actor=bob, owner=owner, begins_at=clock() + timedelta(hours=1), ends_at=clock() + timedelta(hours=4),
            reason="our season",
        )  # fmt: skip
        clock.passes(hours=5)
        services.add_window(actor=bob, owner=owner, days=["thu"], begin="02:00", end="04:00", time_zone="UTC")
    kept = PutOff.objects.values_list("begins_at", "ends_at")
    assert list(kept) == [(told, datetime(2027, 3, 4, 2, tzinfo=UTC))], "nothing would have begun before"


def test_what_exclusions_that_are_over_took_goes_by_the_windows_that_held(world: World, clock: Clock) -> None:
    fleet(world.shop, [world.landscape], 1)
    alice, owner = world.alice.actor, services.Owner(tenant_id=world.archipel.id)
    wednesday = datetime(2027, 3, 3, tzinfo=UTC)
    services.add_window(
        actor=alice, owner=owner, days=["mon", "wed"], begin="02:00", end="04:00", time_zone="UTC"
    )
    for week in range(5):
        begins = wednesday + 7 * week * A_DAY
        services.add_exclusion(
            actor=alice, owner=owner, begins_at=begins, ends_at=begins + A_DAY, reason="our season"
        )
    clock.now = wednesday + 36 * A_DAY
    # By this window alone each would have taken a week: 35 days.
    move_to(world, "wed")
    assert MaintenanceWindow.objects.get().days == ["wed"]
