"""Whoever changes windows or exclusions has every upgrade that these concern look again, and no other; no look gets past that."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from controlplane.kernel.clock import utcnow
from controlplane.tenants import audit
from controlplane.tenants.isolation.scopes import tenant_scope
from provisioner.rollouts import queries, services
from provisioner.rollouts.models import Exclusion, MaintenanceWindow, Target
from provisioner.rollouts.schedules import Schedules
from provisioner.rollouts.ticking import tick
from provisioner.runtimes.models import Runtime
from tests.db.test_rollouts_go_forward import counted, started
from tests.rolling_out import Upgrades, fleet, no_gates, states, upgrading
from tests.world import World, ensure_catalog

pytestmark = pytest.mark.django_db
FAR, A_DAY = timedelta(days=40), timedelta(days=1)
WAITS_FOR_THE_LOOK = """
SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND NOT granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"""
OWNERS = {
    "one runtime's": (lambda world, first: {"runtime_id": first.pk}, {"a"}),
    "a tenant's": (lambda world, first: {"tenant_id": world.archipel.pk}, {"a", "b", "c"}),
    "a tenant's of a plan": (
        lambda world, first: {"tenant_id": world.archipel.pk, "plan": "aws"},
        {"a", "b"},
    ),
    "a plan's": (lambda world, first: {"plan": "aws"}, {"a", "b", "d"}),
    "everybody's": (lambda world, first: {}, {"a", "b", "c", "d", "e"}),
}
Whose = Callable[[World, Runtime], dict[str, Any]]


def exclude(world: World, begins: datetime, **whose: Any) -> Exclusion:
    return services.add_exclusion(
        actor=world.sam.actor, owner=services.Owner(**whose), begins_at=begins, ends_at=begins + A_DAY, reason="season"
    )  # fmt: skip


def window(world: World, **whose: Any) -> MaintenanceWindow:
    return services.add_window(
        actor=world.sam.actor, owner=services.Owner(**whose), days=["sat"], begin="02:00", end="04:00", time_zone="UTC"
    )  # fmt: skip


def five(world: World) -> Runtime:
    """Three of Archipel's and two of Basalt's, on two plans, in a rollout that has begun; returns the first."""
    own, others = fleet(world.shop, [world.landscape], 3), fleet(world.main, [world.landscape], 2)
    for name, runtime in zip("abcde", [*own, *others], strict=True):
        Runtime.objects.filter(pk=runtime.pk).update(name=name, plan_id="gcp" if name in "ce" else "aws")
    started(world, plan=no_gates("rest"))
    return own[0]


def names(**found: Any) -> set[str]:
    return set(Target.objects.filter(**found).values_list("runtime__name", flat=True))


@pytest.mark.parametrize(("whose", "concerned"), OWNERS.values(), ids=OWNERS)
@pytest.mark.parametrize("change", ["exclusion", "window", "exclusion removed", "window removed"])
def test_those_who_are_ready_look_again_where_it_concerns_them(
    world: World, whose: Whose, concerned: set[str], change: str
) -> None:
    owner = whose(world, five(world))
    made = exclude(world, utcnow() + FAR, **owner) if "exclusion" in change else window(world, **owner)
    if "removed" not in change:
        made.delete()
    Target.objects.update(state="ready", reason_code="place", due_at=None)
    if change == "exclusion":
        exclude(world, utcnow() + FAR, **owner)
    elif change == "window":
        window(world, **owner)
    elif change == "exclusion removed":
        services.remove_exclusion(actor=world.sam.actor, exclusion_id=made.pk)
    else:
        services.remove_window(actor=world.sam.actor, window_id=made.pk)
    assert names(state="waiting", due_at__lte=utcnow(), reason_code="window") == concerned
    assert names(state="ready") == {*"abcde"} - concerned


@pytest.mark.parametrize(("whose", "concerned"), OWNERS.values(), ids=OWNERS)
@pytest.mark.parametrize("code", ["window", "excluded"])
def test_those_who_wait_for_a_window_look_again_where_it_concerns_them(
    world: World, whose: Whose, concerned: set[str], code: str
) -> None:
    owner, later = whose(world, five(world)), utcnow() + FAR
    Target.objects.update(state="waiting", reason_code=code, due_at=later)
    exclude(world, later, **owner)
    assert names(due_at__lte=utcnow()) == concerned
    assert names(due_at=later) == {*"abcde"} - concerned


@pytest.mark.parametrize("whose", [whose for whose, _ in OWNERS.values()], ids=OWNERS)
def test_what_is_written_joins_no_table_however_little_postgresql_knows_of_it(
    world: World, whose: Whose
) -> None:
    owner = whose(world, five(world))
    with CaptureQueriesContext(connection) as asked:
        exclude(world, utcnow() + FAR, **owner)
    written = [one["sql"] for one in asked if one["sql"].startswith('UPDATE "rollouts_target"')]
    assert len(written) == 2
    assert not [one for one in written if "JOIN" in one or "SELECT" in one]


def test_nobody_is_looked_for_while_no_rollout_is_under_way(world: World) -> None:
    with CaptureQueriesContext(connection) as asked:
        exclude(world, utcnow() + FAR)
    assert not [one for one in asked if "rollouts_target" in one["sql"]]


def until_it_waits_for_the_look(late: threading.Thread) -> None:
    """Look until the other waits for us, or has ended without."""
    for _ in range(3000):
        with connection.cursor() as cursor:
            cursor.execute(WAITS_FOR_THE_LOOK, [queries.TICK])
            if cursor.fetchone()[0] or not late.is_alive():
                return
        time.sleep(0.01)
    pytest.fail("it neither waits nor ends")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("who", ["a tenant", "the platform's team"])
def test_an_exclusion_that_is_set_while_a_look_goes_by_what_held_before_holds_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    ensure_catalog()
    fleet(world.shop, [world.landscape], 4)
    alice, sam, broken = world.alice.actor, world.sam.actor, list[BaseException]()

    def excludes() -> None:
        spans: dict[str, Any] = {"begins_at": utcnow(), "ends_at": utcnow() + 2 * A_DAY, "reason": "season"}
        try:
            if who == "a tenant":
                owner = services.Owner(tenant_id=alice.tenant_id)
                with tenant_scope(world.archipel.pk):
                    services.add_exclusion(actor=alice, owner=owner, **spans)
            else:
                services.add_exclusion(actor=sam, owner=services.Owner(plan="aws"), **spans)
        except BaseException as fault:
            broken.append(fault)
        finally:
            connection.close()

    late, read = threading.Thread(target=excludes), Schedules.of

    def reads_and_is_overtaken(asked: Iterable[Mapping[str, Any]], now: datetime) -> Schedules:
        found = read(asked, now)
        if late.ident is None:
            late.start()
            until_it_waits_for_the_look(late)
        return found

    with upgrading(Upgrades()) as upgrades:
        rollout = started(world, plan=no_gates("rest", max_concurrency=1))
        monkeypatch.setattr(Schedules, "of", reads_and_is_overtaken)
        tick()
        late.join(60)
        assert broken == []
        assert states(rollout) == {"running": 1, "waiting": 3}, "one was decided before, and the others look"
        upgrades.end_due(utcnow() + timedelta(hours=1))
        for _ in range(3):
            tick()
        assert len(upgrades.begun) == 1
    assert set(Target.objects.filter(state="waiting").values_list("reason_code", flat=True)) == {"excluded"}
    assert counted(rollout) == {"succeeded": 1, "waiting": 3}


def test_no_look_decides_before_a_change_of_windows_is_there_to_be_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever changes them holds the look back up to the end of the transaction."""
    sam, held, record = world.sam.actor, list[bool](), audit.record

    def records(*told: Any, **more: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT EXISTS (SELECT FROM pg_locks WHERE objid = %s AND granted AND pid = pg_backend_pid())",
                [queries.TICK],
            )
            held.append(cursor.fetchone()[0])
        record(*told, **more)

    monkeypatch.setattr(audit, "record", records)
    assert exclude(world, utcnow() + FAR).created_by == sam.name
    assert held == [True]
