"""How much of the fleet's time is known is told to Prometheus and to people: every second is in one of three shares."""

from __future__ import annotations

from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from billing.collecting.coverage import fleet_coverage
from billing.collecting.coverage_metrics import register
from billing.usage import closing, days, hours
from billing.usage.models import Dirty
from controlplane.tenants.isolation.scopes import platform_scope
from tests.usage import HOUR, begin, live, morning, send, sight, slots

pytestmark = pytest.mark.django_db


def test_seen_inferred_and_unknown_are_all_the_time_that_runtimes_lived() -> None:
    start = morning()
    begin(start)
    whole, gappy, _unseen = (live(start) for _ in range(3))
    send([sight(whole, slot) for slot in slots(start, 24)])
    seen = [slot for number, slot in enumerate(slots(start, 24)) if number not in (3, 4)]
    send([sight(gappy, slot) for slot in seen])
    closing.begin_again(start)
    closing.close_hours(now=start + 2.5 * HOUR)
    while hours.roll_up():
        pass
    found = fleet_coverage(now=start + timedelta(minutes=95))
    assert found.keys() == {"hour"}, "no day is over"
    hour = found["hour"]
    assert (hour.start, hour.alive) == (start, 3 * 3600)
    assert (hour.observed, hour.inferred, hour.unknown) == (3600 + 3000, 600, 3600)
    assert sum(hour.shares.values()) == pytest.approx(1)
    days.roll_up_days()
    day = fleet_coverage(now=start + timedelta(days=1))["day"]
    assert (day.start.date(), day.observed) == (start.date(), 7200 + 6600)
    assert day.unknown >= 7200


def test_nobody_alive_is_no_share_at_all() -> None:
    found = fleet_coverage(now=morning())
    assert found["hour"].shares == {}


def test_prometheus_is_told_and_asks_the_database_once_a_minute(django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    registry = CollectorRegistry()
    register(registry)
    closing.begin_again(morning())
    Dirty.objects.create(hour=morning(), sources=[1], failures=2)
    with platform_scope():
        assert registry.get_sample_value("nesoi_usage_hours_not_made") == 1
        assert (
            registry.get_sample_value("nesoi_usage_closed_until_timestamp_seconds") == morning().timestamp()
        )
        with django_assert_num_queries(0):
            list(registry.collect())
