"""What was used is read by whose it was: to the second, from days and from today's hours, and nobody else's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction

from billing.usage import days, hours, late
from billing.usage.models import Dirty, Late, Source
from billing.usage.reading import lived, lived_today, samples_of_hour, used, used_today
from controlplane.tenants.isolation.roles import PLATFORM, WEB, WORKER
from controlplane.tenants.isolation.scopes import tenant_scope
from tests.database_roles import acting_as
from tests.usage import (
    HOUR,
    LARGE,
    OTHER,
    SLOT,
    SMALL,
    TENANT,
    begin,
    live,
    morning,
    piece,
    send,
    sight,
    slots,
)

pytestmark = pytest.mark.django_db
TEN = morning()
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def partitions(db: None) -> None:
    begin(TEN, datetime.now(UTC))


def settle() -> None:
    while hours.roll_up():
        pass
    days.roll_up_days()


@pytest.fixture
def moved() -> Source:
    """A runtime that went from one tenant to the other at 10:20, seen all the time from 10 to 11."""
    cut = TEN + timedelta(minutes=20)
    source = live(TEN, gone=cut)
    Source.objects.update(gone=None)
    piece(source, cut, TEN + HOUR, tenant=OTHER)
    send([sight(source, slot) for slot in slots(TEN, 12)])
    settle()
    return source


def vcpu(tenant: UUID) -> list[tuple[int, int]]:
    rows = used(tenant_id=tenant, first=TEN.date(), last=TEN.date() + DAY)
    return [(row.quantity, row.alive_seconds) for row in rows if row.meter == "vcpu"]


def test_each_tenant_has_its_part_and_sees_no_other(moved: Source) -> None:
    assert (vcpu(TENANT), vcpu(OTHER)) == ([(4000 * 1200, 1200)], [(4000 * 2400, 2400)])
    with acting_as(WEB), tenant_scope(TENANT):
        assert vcpu(TENANT) == [(4000 * 1200, 1200)]
        assert vcpu(OTHER) == []
        assert lived(tenant_id=OTHER, first=TEN.date(), last=TEN.date() + DAY) == []
    with acting_as(WEB):
        assert vcpu(TENANT) == []


def test_what_was_not_seen_of_a_runtime_that_ended_this_hour_grows_no_more() -> None:
    end = TEN + timedelta(minutes=20)
    source = live(TEN, gone=end)
    send([sight(source, slot) for slot in slots(TEN, 2)])
    settle()
    for minutes in (20, 25, 59):
        (told,) = lived_today(tenant_id=TENANT, now=TEN + timedelta(minutes=minutes))
        assert (told.observed_seconds, told.unknown_seconds, told.alive_seconds) == (600, 600, 1200)


def test_samples_open_for_the_tenant_whose_time_it_was(moved: Source) -> None:
    seen = {}
    for tenant in (TENANT, OTHER):
        with acting_as(WEB), tenant_scope(tenant):
            seen[tenant] = [row.slot for row in samples_of_hour(runtime_id=moved.runtime, hour=TEN)]
    assert (seen[TENANT], seen[OTHER]) == (slots(TEN, 4), slots(TEN + 4 * SLOT, 8))
    with acting_as(WEB), tenant_scope(UUID(int=9)):
        assert samples_of_hour(runtime_id=moved.runtime, hour=TEN) == []
    with acting_as(WEB):
        assert samples_of_hour(runtime_id=moved.runtime, hour=TEN) == []


def test_hours_open_for_the_tenant_whose_time_they_were_and_for_the_platform(moved: Source) -> None:
    live(TEN)  # others lie in the same block
    settle()

    def seen() -> dict[UUID, list[tuple[UUID, int]]]:
        found = {}
        for asked in (TENANT, OTHER):
            with connection.cursor() as cursor:
                cursor.execute(HOURS_OF, [asked, TEN, TEN + HOUR])
                found[asked] = cursor.fetchall()
        return found

    own, other = [(TENANT, 1200)], [(OTHER, 2400)]
    with acting_as(WEB), tenant_scope(TENANT):
        assert seen() == {TENANT: own, OTHER: []}
    with acting_as(WEB), tenant_scope(OTHER):
        assert seen() == {TENANT: [], OTHER: other}
    with acting_as(WEB):
        assert seen() == {TENANT: [], OTHER: []}
    for role in (PLATFORM, WORKER):
        with acting_as(role):
            assert seen() == {TENANT: own, OTHER: other}


def test_whoever_only_inherits_the_webs_rights_sees_no_more_hours_than_the_web(moved: Source) -> None:
    both = [(1,), (1,)]
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE forgetful; CREATE ROLE of_the_workers")
        cursor.execute(f"GRANT {WEB} TO forgetful; GRANT {WORKER} TO of_the_workers")
        cursor.execute("GRANT forgetful, of_the_workers TO CURRENT_USER")
    with acting_as("of_the_workers"):
        assert hours_told(connection) == both
    with acting_as("forgetful"):
        assert hours_told(connection) == [(0,), (0,)]
        with tenant_scope(OTHER):
            assert hours_told(connection) == [(0,), (1,)]


@pytest.mark.django_db(transaction=True)
def test_a_login_that_becomes_no_role_sees_what_it_inherits(moved: Source) -> None:
    parameters = connection.get_connection_params()
    options = {key: parameters[key] for key in ("host", "port", "dbname") if key in parameters}
    rights = {"forgetful": (WEB, [(0,), (0,)]), "of_the_workers": (WORKER, [(1,), (1,)])}
    for login, (role, wanted) in rights.items():
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE ROLE {login} LOGIN; GRANT {role} TO {login}")
        try:
            with psycopg.connect(**options, user=login) as link:
                assert link.execute("SELECT current_setting('role')").fetchall() == [("none",)]
                assert hours_told(link) == wanted
        finally:
            with connection.cursor() as cursor:
                cursor.execute(f"DROP ROLE {login}")


def hours_told(link: Any) -> list[tuple[int]]:
    """How many records of the moved runtime's hour each of its tenants has, for whoever asks."""
    asked = "SELECT count(*) FROM usage_hours_of(%s, %s, %s)"
    with link.cursor() as cursor:
        found = []
        for tenant in (TENANT, OTHER):
            cursor.execute(asked, [tenant, TEN, TEN + HOUR])
            found.append(cursor.fetchone())
    return found


HOURS_OF = """
SELECT s.tenant_id, sum(h.observed_seconds) FROM usage_hours_of(%s, %s, %s) h JOIN usage_span s ON s.id = h.span GROUP BY 1
"""
REFUSED = r"permission denied|cannot delete from view"
HIDDEN = (
    "usage_slot",
    "usage_sample",
    "usage_hour_block",
    "usage_hour",
    "usage_source",
    "usage_quarantine",
    "usage_shape",
    "usage_dirty",
)


@pytest.mark.parametrize("table", HIDDEN)
def test_the_platforms_tables_show_a_tenant_nothing(moved: Source, table: str) -> None:
    with acting_as(WEB), tenant_scope(TENANT), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        assert cursor.fetchone()[0] == 0


def test_a_partition_is_closed_to_tenants_and_no_table_lets_them_write(moved: Source) -> None:
    statements = [f"SELECT 1 FROM usage_slot_{TEN:%Y%m%d}"]
    statements += [f"DELETE FROM {table}" for table in ("usage_day", "usage_span", "usage_late", *HIDDEN)]
    statements += [f"SELECT 1 FROM usage_hour_block_{TEN:%Y%m}"]
    statements += ["SELECT usage_make_partition('2026-01-01')", "SELECT usage_drop_partition('2022-01-01')"]
    statements += ["SELECT usage_make_hours('2026-01-01')", "SELECT usage_drop_hours('2022-01-01')"]
    for statement in statements:
        with (
            acting_as(WEB), tenant_scope(TENANT), pytest.raises(DatabaseError, match=REFUSED),
            transaction.atomic(), connection.cursor() as cursor,
        ):  # fmt: skip
            cursor.execute(statement)


def test_days_come_apart_and_add_up() -> None:
    source = live(TEN - DAY, gone=TEN + HOUR)
    send([sight(source, slot) for slot in slots(TEN - DAY, 12)])
    send([sight(source, slot, levels=LARGE) for slot in slots(TEN, 12)])
    settle()
    first, last = (TEN - DAY).date(), TEN.date() + DAY
    by_day = [
        row.quantity
        for row in used(tenant_id=TENANT, first=first, last=last, by_day=True)
        if row.meter == "vcpu"
    ]
    assert by_day == [4000 * 3600, 8000 * 3600]
    (whole,) = [row.quantity for row in used(tenant_id=TENANT, first=first, last=last) if row.meter == "vcpu"]
    assert whole == sum(by_day)
    (life,) = lived(tenant_id=TENANT, first=first, last=last)
    assert life.alive_seconds == life.observed_seconds + life.inferred_seconds + life.unknown_seconds
    assert life.sums["workload_requested_millicores"] == 500 * 7200


def test_a_meter_counts_the_time_of_the_days_on_which_it_was_used() -> None:
    source = live(TEN - DAY, gone=TEN + 2 * HOUR)
    send([sight(source, slot) for slot in slots(TEN - DAY, 12)])
    send([sight(source, slot, levels={**SMALL, "nfs": {"": 5}}) for slot in slots(TEN, 18)])
    settle()
    first, last = (TEN - DAY).date(), TEN.date() + DAY
    seen = {row.meter: row.observed_seconds for row in used(tenant_id=TENANT, first=first, last=last)}
    assert seen == {"vcpu": 9000, "node": 9000, "egress": 9000, "nfs": 5400}
    with pytest.raises(ValueError, match="ask by day"):
        used(tenant_id=TENANT, first=first, last=first + 63 * DAY)


def test_today_comes_from_hours_and_what_is_still_to_come_is_not_unknown() -> None:
    now = datetime.now(UTC)
    hour = now.replace(minute=0, second=0, microsecond=0)
    source = live(hour)
    send([sight(source, hour)])
    while hours.roll_up():
        pass
    later = hour + timedelta(minutes=12)
    (row,) = [row for row in used_today(tenant_id=TENANT, now=later) if row.meter == "vcpu"]
    assert (row.quantity, row.observed_seconds, row.alive_seconds) == (4000 * 300, 300, 720)
    (life,) = lived_today(tenant_id=TENANT, now=later)
    assert (life.observed_seconds, life.unknown_seconds) == (300, 420)
    with acting_as(WEB), tenant_scope(OTHER):
        assert used_today(tenant_id=TENANT, now=later) == []


def test_what_changes_after_the_month_is_sealed_is_written_down(moved: Source) -> None:
    month = TEN.date().replace(day=1)
    late.seal_month(tenant_id=TENANT, month=month)
    late.seal_month(tenant_id=TENANT, month=month)
    Dirty.objects.create(hour=TEN, sources=[moved.id])
    settle()
    assert late.late_days(tenant_id=TENANT, month=month) is None
    send([sight(moved, TEN, epoch=1, levels=LARGE)])
    settle()
    found = late.late_days(tenant_id=TENANT, month=month)
    assert found is not None
    assert (found.days, found.sources) == ((TEN.date(),), 1)
    assert late.late_days(tenant_id=OTHER, month=month) is None
    assert late.months_with_late() == [(TENANT, month)]
    assert late.settle(tenant_id=TENANT, month=month, newest=found.newest) == 1
    assert not Late.objects.exists()
    assert late.is_settled(month, month + 31 * DAY, TENANT)
    with pytest.raises(ValueError, match="begin a month"):
        late.seal_month(tenant_id=TENANT, month=month + DAY)
