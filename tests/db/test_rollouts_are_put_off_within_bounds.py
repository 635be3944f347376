"""Whatever a tenant does with exclusions and windows, an upgrade is put off for 30 days of 90 at most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controlplane.kernel.errors import Refused
from controlplane.tenants.isolation.scopes import tenant_scope
from controlplane.tenants.models import AuditEvent
from provisioner.rollouts import listing, putting_off, scheduling, services
from provisioner.rollouts.deferring import Deferred, Rules, what_counts
from provisioner.rollouts.models import Exclusion, MaintenanceWindow, PutOff, Target
from provisioner.rollouts.taken import BOUND, most
from provisioner.rollouts.ticking import tick
from provisioner.runtimes.models import Runtime
from tests.db.test_rollouts_go_forward import Clock, started
from tests.rolling_out import Upgrades, fleet, upgrading
from tests.work import refused
from tests.world import Person, World

pytestmark = pytest.mark.django_db
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MONDAY = datetime(2027, 3, 1, 12, tzinfo=UTC)
WEDNESDAY = datetime(2027, 3, 3, 2, tzinfo=UTC)
A_DAY, A_WEEK, AN_HOUR = timedelta(days=1), timedelta(days=7), timedelta(hours=1)
SHUT = timedelta(minutes=70)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Noon of a Monday, for people as for the look."""
    made = Clock()
    made.now = MONDAY
    monkeypatch.setattr(scheduling, "utcnow", made)
    return made


def add_window(world: World, *days: str) -> None:
    owner = services.Owner(tenant_id=world.archipel.id)
    services.add_window(
        actor=world.alice.actor, owner=owner, days=days, begin="02:00", end="03:00", time_zone="UTC"
    )


def move_to(world: World, *days: str) -> None:
    """Add the new window, then remove the others; whole or not at all."""
    before = list(MaintenanceWindow.objects.values_list("pk", flat=True))
    with transaction.atomic():
        add_window(world, *days)
        for key in before:
            services.remove_window(actor=world.alice.actor, window_id=key)


def exclude(
    world: World, begins: datetime, span: timedelta = SHUT, person: Person | None = None
) -> Exclusion:
    return services.add_exclusion(
        actor=(person or world.alice).actor, owner=services.Owner(tenant_id=world.archipel.id), begins_at=begins,
        ends_at=begins + span, reason="our season",
    )  # fmt: skip


def start(world: World, clock: Clock) -> None:
    started(world, plan={"stages": [{"name": "rest", "deadline_hours": 90 * 24}]})
    tick(clock=clock())


def opens(world: World, clock: Clock) -> datetime:
    """When the upgrade may begin, as things stand."""
    scheduled = putting_off.scheduled_of(tenant_id=world.archipel.id, plan=None, runtime_id=None, now=clock())
    (begins,) = scheduled.begins.values()
    return begins


def counted(world: World, clock: Clock) -> Deferred:
    return what_counts(world.archipel.id, clock())


def test_exclusions_over_the_one_window_of_a_week_count_for_weeks(world: World, clock: Clock) -> None:
    fleet(world.shop, [world.landscape], 1)
    add_window(world, "wed")
    with upgrading(Upgrades(clock=clock)) as upgrades:
        start(world, clock)
        for week in range(4):
            exclude(world, WEDNESDAY + week * A_WEEK - SHUT / 7)
        with pytest.raises(
            Refused, match=r"from Wed 31 Mar 02:00 to Wed 07 Apr 02:00 UTC.*30 days out of 90"
        ):
            exclude(world, WEDNESDAY + 4 * A_WEEK - SHUT / 7)
        assert counted(world, clock).used == 4 * A_WEEK
        tick(clock=WEDNESDAY + 4 * A_WEEK)
        assert len(upgrades.begun) == 1
    assert AuditEvent.objects.filter(action="exclusion.add", changes__put_off=1).count() == 4


def test_it_is_bounded_before_anything_waits(world: World, clock: Clock) -> None:
    fleet(world.shop, [world.landscape], 1)
    add_window(world, "wed")
    with refused("deferral_exhausted"):
        for week in range(5):
            exclude(world, WEDNESDAY + week * A_WEEK - SHUT / 7)
    assert Exclusion.objects.count() == 4


def test_windows_are_not_moved_onto_exclusions_that_took_nothing_so_far(world: World, clock: Clock) -> None:
    fleet(world.shop, [world.landscape], 1)
    add_window(world, "mon", "wed")
    for week in range(5):
        exclude(world, WEDNESDAY + week * A_WEEK - SHUT / 7)
    monday = MaintenanceWindow.objects.get()
    add_window(world, "wed")
    with refused("deferral_exhausted"):
        services.remove_window(actor=world.alice.actor, window_id=monday.pk)
    assert counted(world, clock).used == 25 * A_DAY


def test_what_exclusions_took_stays_when_the_window_moves_away(world: World, clock: Clock) -> None:
    fleet(world.shop, [world.landscape], 1)
    add_window(world, "wed")
    exclude(world, WEDNESDAY - SHUT / 7)
    with upgrading(Upgrades(clock=clock)):
        start(world, clock)
        clock.now = WEDNESDAY + 2 * AN_HOUR
        move_to(world, "tue")
        assert opens(world, clock) == WEDNESDAY + 6 * A_DAY
    (one,) = counted(world, clock).counted
    assert (one.begin, one.end, one.excluded) == (WEDNESDAY, WEDNESDAY + 6 * A_DAY, True)
    assert one.words.endswith(": our season"), "no window was moved while it waited for one"
    assert PutOff.objects.count() == 1


def test_what_an_exclusion_held_before_a_window_was_added_is_told_as_excluded(
    world: World, clock: Clock
) -> None:
    fleet(world.shop, [world.landscape], 2)
    shut = exclude(world, clock() - AN_HOUR, 2 * AN_HOUR)
    with upgrading(Upgrades(clock=clock)):
        start(world, clock)
        clock.passes(minutes=12)
        add_window(world, "wed")
        moved, held = counted(world, clock).counted
    assert (held.end, held.words) == (shut.ends_at, "Excluded for 2 runtimes: our season")
    assert (moved.begin, moved.end) == (shut.ends_at, WEDNESDAY)
    assert moved.words.startswith("Windows moved while upgrades of 2 runtimes waited")
    assert PutOff.objects.filter(excluded=True).count() == 2


def test_who_has_the_least_left_is_named(world: World, clock: Clock) -> None:
    first, second, third = fleet(world.shop, [world.landscape], 3)

    def shut(runtime: Runtime, days: int) -> str:
        services.add_exclusion(
            actor=world.alice.actor, owner=services.Owner(tenant_id=world.archipel.id, runtime_id=runtime.pk),
            begins_at=clock() + A_DAY, ends_at=clock() + (1 + days) * A_DAY, reason="our season",
        )  # fmt: skip
        return counted(world, clock).words

    assert counted(world, clock).words == "Taken: nothing. Left: 30 days."
    assert shut(second, 28) == f"Taken from {second.name}, which has the least left: 28 days. Left: 2 days."
    shut(first, 3)
    named = min(second.name, third.name)
    assert (
        shut(third, 28)
        == f"Taken from 2 runtimes such as {named}, which have the least left: 28 days. Left: 2 days."
    )
    alone = what_counts(world.archipel.id, clock(), runtime_id=first.pk)
    assert alone.words == "Taken: 3 days. Left: 27 days."


def test_what_exclusions_took_from_an_upgrade_that_has_begun_stays_when_the_window_moves_away(
    world: World, clock: Clock
) -> None:
    fleet(world.shop, [world.landscape], 1)
    add_window(world, "wed")
    for week in range(3):
        exclude(world, WEDNESDAY + week * A_WEEK - SHUT / 7)
    with upgrading(Upgrades(clock=clock)) as upgrades:
        start(world, clock)
        clock.now = WEDNESDAY + 3 * A_WEEK
        tick(clock=clock())
        assert len(upgrades.begun) == 1
        move_to(world, "thu")
    assert counted(world, clock).used == 3 * A_WEEK
    thursday = WEDNESDAY + 4 * A_WEEK + A_DAY
    exclude(world, thursday - SHUT / 7)
    with refused("deferral_exhausted"):
        exclude(world, thursday + A_WEEK - SHUT / 7)


def test_an_exclusion_that_is_taken_back_gives_back_what_it_took(world: World, clock: Clock) -> None:
    fleet(world.shop, [world.landscape], 1)
    add_window(world, "wed")
    with upgrading(Upgrades(clock=clock)):
        start(world, clock)
        made = exclude(world, WEDNESDAY - SHUT / 7)
        assert counted(world, clock).left == BOUND - A_WEEK
        services.remove_exclusion(actor=world.alice.actor, exclusion_id=made.pk)
        assert opens(world, clock) == WEDNESDAY
    assert counted(world, clock).left == BOUND


def test_the_same_days_count_once(world: World, clock: Clock) -> None:
    fleet(world.shop, [world.landscape], 1)
    add_window(world, "wed")
    with upgrading(Upgrades(clock=clock)):
        start(world, clock)
        exclude(world, WEDNESDAY - SHUT / 7)
        move_to(world, "thu")  # sooner than the next Wednesday
        exclude(world, WEDNESDAY + A_DAY - SHUT / 7)
        found = counted(world, clock)
        assert found.used == opens(world, clock) - WEDNESDAY == 8 * A_DAY
    spans = [(one.begin, one.end) for one in found.counted]
    assert sum((end - begin for begin, end in spans), timedelta()) == found.used == most(spans)


def test_what_the_platforms_team_excludes_takes_no_days_of_a_tenants(world: World, clock: Clock) -> None:
    fleet(world.shop, [world.landscape], 1)
    ours = exclude(world, MONDAY + A_DAY, 28 * A_DAY, world.sam)
    assert counted(world, clock).used == timedelta()
    with tenant_scope(world.archipel.id):
        exclude(world, MONDAY + 27 * A_DAY, 4 * A_DAY)
    assert counted(world, clock).used == 2 * A_DAY, "two of the four were shut anyway"
    exclude(world, MONDAY + 31 * A_DAY, 28 * A_DAY)
    assert counted(world, clock).left == timedelta()
    with refused("deferral_exhausted"):
        services.remove_exclusion(actor=world.alice.actor, exclusion_id=ours.pk)
    services.remove_exclusion(actor=world.sam.actor, exclusion_id=ours.pk)


def test_what_is_set_for_everybody_counts_for_a_tenants_own_request_too(world: World, clock: Clock) -> None:
    fleet(world.shop, [world.landscape], 1)
    shut = services.add_exclusion(
        actor=world.sam.actor, owner=services.Owner(), begins_at=clock() + A_DAY, ends_at=clock() + 5 * A_DAY,
        reason="the platform's",
    )  # fmt: skip
    exclude(world, shut.begins_at, 6 * A_DAY)
    with tenant_scope(world.archipel.id):
        assert counted(world, clock).used == 2 * A_DAY, "the platform's team shut the others"


def test_runtimes_to_come_are_put_off_no_longer(world: World, clock: Clock) -> None:
    aws = services.Owner(tenant_id=world.archipel.id, plan="aws")
    services.add_exclusion(
        actor=world.alice.actor, owner=aws, begins_at=MONDAY + A_DAY, ends_at=MONDAY + 21 * A_DAY, reason="x"
    )
    with refused("deferral_exhausted"):
        exclude(world, MONDAY + 30 * A_DAY, 11 * A_DAY)
    exclude(world, MONDAY + 30 * A_DAY, 10 * A_DAY)
    assert "runtimes to come" in counted(world, clock).counted[0].words


def test_a_tenant_is_told_what_counts_and_the_platforms_team_of_whom_it_asks(
    world: World, clock: Clock
) -> None:
    (runtime,) = fleet(world.shop, [world.landscape], 1)
    exclude(world, MONDAY + A_DAY, 3 * A_DAY + 5 * AN_HOUR)
    for person, tenant in ((world.alice, ""), (world.sam, "archipel")):
        found = listing.deferred(actor=person.actor, shown=listing.Shown(tenant))
        assert found is not None
        assert found.words == "Taken: 3 days 5 hours. Left: 26 days 19 hours."
        assert [one.words for one in found.counted] == [f"Excluded for {runtime.name}: our season"]
    assert listing.deferred(actor=world.sam.actor, shown=listing.Shown()) is None


def test_thousands_that_wait_are_put_off_at_once(world: World, clock: Clock) -> None:
    runtimes = fleet(world.shop, [world.landscape], 3000)
    add_window(world, "wed")
    with upgrading(Upgrades(clock=clock)):
        start(world, clock)
        Target.objects.filter(state="planned").update(
            state="waiting", due_at=clock(), reason_code="window", reason="x"
        )
        PutOff.objects.bulk_create(
            PutOff(target=one, begins_at=MONDAY - 9 * A_DAY, ends_at=MONDAY - 5 * A_DAY)
            for one in Target.objects.all()
        )
        exclude(world, WEDNESDAY - SHUT / 7)
        move_to(world, "thu")
    found = counted(world, clock)
    assert found.used == 5 * A_DAY
    assert {one.runtimes for one in found.counted} == {len(runtimes)}


@contextmanager
def undone() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def act(world: World, clock: Clock, name: str, number: int) -> None:
    """One of what a tenant may do; the number says with which day, exclusion or window."""
    alice = world.alice.actor
    ahead = opens(world, clock) if Target.objects.exists() else clock() + number * A_DAY
    if name == "shut":
        exclude(world, ahead - SHUT / 7)
    elif name == "shut long":
        exclude(world, ahead - AN_HOUR, number * A_DAY + 2 * AN_HOUR)
    elif name == "shut later":
        exclude(world, ahead + number * A_DAY - SHUT / 7)
    elif name == "leave a second":
        exclude(world, ahead + timedelta(seconds=1))
    elif name == "move back":
        move_to(world, DAYS[(clock() - A_DAY).weekday()])
    elif name == "move":
        move_to(world, DAYS[number % 7])
    elif name == "move two":
        move_to(world, DAYS[number % 7], DAYS[(number + 3) % 7])
    elif name == "none":
        for key in MaintenanceWindow.objects.values_list("pk", flat=True):
            services.remove_window(actor=alice, window_id=key)
    else:
        keys = (
            Exclusion.objects.filter(ends_at__gt=clock()).order_by("begins_at").values_list("pk", flat=True)
        )
        if keys:
            services.remove_exclusion(actor=alice, exclusion_id=keys[number % len(keys)])


NAMES = (
    "shut", "shut", "shut long", "shut later", "leave a second", "move back", "move back", "move", "move two", "none",
    "take back",
)  # fmt: skip
KNOWN = {"deferral_exhausted", "too_many_exclusions", "exclusion_too_long", "exclusion_over"}
deeds = st.tuples(st.sampled_from(NAMES), st.integers(0, 20))


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=st.lists(deeds, max_size=8),
    deeds=st.lists(st.tuples(deeds, st.sampled_from((0, 1, 30, 200))), max_size=25),
)
def test_whatever_a_tenant_does_an_upgrade_begins_within_thirty_days(
    world: World,
    clock: Clock,
    before: Sequence[tuple[str, int]],
    deeds: Sequence[tuple[tuple[str, int], int]],
) -> None:
    clock.now = MONDAY
    # Made at the first look, and not to be undone.
    cast = (world.shop, world.landscape, world.alice.actor, world.sam.actor)
    assert all(cast)
    with undone(), upgrading(Upgrades(clock=clock)) as upgrades:
        fleet(world.shop, [world.landscape], 1)
        add_window(world, "wed")
        for deed in before:
            tried(world, clock, deed)
        first = due(world, clock)
        start(world, clock)
        for deed, hours in deeds:
            if Target.objects.filter(state__in=["waiting", "ready"]).count() == 0:
                break
            opening = opens(world, clock)
            # Either soon, or in the last hour before it begins: whichever comes first.
            clock.now = min(clock() + hours * AN_HOUR, max(clock(), opening - AN_HOUR))
            tried(world, clock, deed)
        if not upgrades.begun:
            clock.now = opens(world, clock)
            tick(clock=clock())
        assert len(upgrades.begun) == 1
        assert upgrades.begun[0][0] - first <= BOUND
        assert counted(world, clock).used <= BOUND


def tried(world: World, clock: Clock, deed: tuple[str, int]) -> None:
    try:
        with transaction.atomic():
            act(world, clock, *deed)
    except Refused as refusal:
        if refusal.code not in KNOWN:
            raise


def due(world: World, clock: Clock) -> datetime:
    """When the upgrade would begin if the tenant had excluded nothing."""
    with undone():
        Exclusion.objects.all().delete()
        row = {"tenant_id": world.archipel.id, "plan_id": "aws", "runtime_id": UUID(int=1)}
        found = Rules.of(world.archipel.id, clock()).opening(row, clock())
    assert found is not None
    return found
