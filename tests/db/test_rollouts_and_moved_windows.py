"""A tenant that moves its windows while an upgrade waits for them puts it off: within what exclusions may, and no further."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from controlplane.kernel.errors import Refused
from controlplane.tenants.isolation.scopes import tenant_scope
from controlplane.tenants.models import AuditEvent
from provisioner.rollouts import scheduling, services
from provisioner.rollouts.models import MaintenanceWindow, PutOff, Target
from provisioner.rollouts.ticking import tick
from provisioner.runtimes.models import Runtime
from tests.db.test_rollouts_go_forward import Clock, started
from tests.rolling_out import Upgrades, fleet, upgrading
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
