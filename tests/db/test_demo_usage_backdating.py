"""A runtime of the demo is given a past: by an administrator, in the embedded stack, once, and it is written down."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from billing.usage import hours
from billing.usage.backdating import Past, date_back
from billing.usage.models import Dirty, Hour, Source, Span
from billing.usage.slots import hour_of
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import SYSTEM
from controlplane.tenants.models import AuditEvent
from provisioner.runtimes.models import Runtime
from tests import usage as fleet
from tests.work import runtime
from tests.world import World

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def embedded(settings: Any) -> None:
    """The embedded stack."""
    settings.EMBEDDED = True


@pytest.fixture
def row(world: World) -> Runtime:
    """A runtime of Archipel's shop that was built two hours ago and is ready."""
    made = runtime(world.shop, world.landscape)
    Span.objects.filter(runtime=made.id).delete()
    Runtime.objects.filter(pk=made.pk).update(phase="ready", created_at=now() - timedelta(hours=2))
    made.refresh_from_db()
    source = Source.objects.get(runtime=made.id)
    Source.objects.filter(pk=source.pk).update(born=made.created_at)
    Span.objects.filter(runtime=made.id).delete()
    building: dict[str, Any] = {"tenant": made.tenant_id, "account": made.account_id, "plan": made.plan_id}
    ready = made.created_at + timedelta(minutes=1)
    fleet.piece(source, made.created_at, ready, phase="provisioning", **building)
    fleet.piece(source, ready, None, **building)
    Dirty.objects.all().delete()
    return made


def now() -> datetime:
    return utcnow().replace(microsecond=0)


def spans(row: Runtime) -> list[tuple[str, datetime, datetime | None]]:
    return list(Span.objects.filter(runtime=row.id).order_by("since").values_list("phase", "since", "until"))


def gone(row: Runtime) -> None:
    Runtime.objects.filter(pk=row.pk).update(phase="deprovisioned", deleted_at=now())


def test_it_has_lived_since_then_without_a_gap_and_what_it_is_now_goes_on(
    embedded: None, row: Runtime
) -> None:
    (_, _, ready), last = spans(row)
    past = Past(now() - 20 * DAY, now() - 9 * DAY, now() - 5 * DAY)
    assert date_back(actor=SYSTEM, runtime_id=row.id, past=past)
    assert spans(row) == [
        ("ready", past.since, past.slept),
        ("suspended", past.slept, past.woke),
        ("ready", past.woke, ready),
        last,
    ]
    assert Source.objects.get(runtime=row.id).born == past.since
    assert Runtime.objects.get(pk=row.id).created_at == past.since
    (event,) = AuditEvent.objects.filter(action="runtime.date_back", target_id=str(row.id))
    assert event.changes["created_at"]["before"] == row.created_at.isoformat().replace("+00:00", "Z")


def test_the_same_past_again_changes_nothing(embedded: None, row: Runtime) -> None:
    past = Past(now() - 20 * DAY)
    assert date_back(actor=SYSTEM, runtime_id=row.id, past=past)
    before = spans(row)
    assert not date_back(actor=SYSTEM, runtime_id=row.id, past=past)
    assert spans(row) == before
    assert AuditEvent.objects.filter(action="runtime.date_back").count() == 1


def test_one_that_is_gone_has_ended_then_and_hours_after_that_are_nobodys(
    embedded: None, row: Runtime
) -> None:
    fleet.begin(now())
    gone(row)
    seen = now() - timedelta(hours=1)
    Dirty.objects.create(hour=hour_of(seen), sources=[Source.objects.get(runtime=row.id).id])
    while hours.roll_up():
        pass
    assert Hour.objects.filter(hour=hour_of(seen)).exists()
    past = Past(now() - 20 * DAY, ended=now() - 3 * DAY)
    assert date_back(actor=SYSTEM, runtime_id=row.id, past=past)
    while hours.roll_up():
        pass
    assert spans(row) == [("ready", past.since, past.ended)]
    assert Source.objects.get(runtime=row.id).gone == past.ended
    assert Runtime.objects.get(pk=row.id).deleted_at == past.ended
    assert not Hour.objects.filter(hour__gt=past.ended).exists()


def test_nowhere_but_in_the_embedded_stack(settings: Any, row: Runtime) -> None:
    settings.EMBEDDED = False
    assert refused(row, Past(now() - DAY)) == "demo_only"
    assert len(spans(row)) == 2


def test_nobody_but_an_administrator_of_the_platform(embedded: None, world: World, row: Runtime) -> None:
    assert refused(row, Past(now() - DAY), actor=world.sam.actor) == "forbidden"
    assert refused(row, Past(now() - DAY), actor=world.alice.actor) == "forbidden"


@pytest.mark.parametrize(
    "times",
    [
        {"since": 0},
        {"since": 9, "slept": 10, "woke": 8},
        {"since": 9, "slept": 5, "woke": 7},
        {"since": 9, "slept": 5},
    ],
)
def test_times_that_are_not_in_order_are_refused(embedded: None, row: Runtime, times: dict[str, Any]) -> None:
    moments = {name: now() - days * DAY for name, days in times.items()}
    assert refused(row, Past(**moments)) == "past_invalid"
    assert len(spans(row)) == 2


def test_an_end_is_for_one_that_is_gone_and_a_past_for_one_whose_cluster_stands(
    embedded: None, row: Runtime
) -> None:
    assert refused(row, Past(now() - 9 * DAY, ended=now() - DAY)) == "runtime_not_ready"
    Runtime.objects.filter(pk=row.pk).update(phase="failed")
    assert refused(row, Past(now() - 9 * DAY)) == "runtime_not_ready"
    Runtime.objects.filter(pk=row.pk).update(phase="updating")
    assert date_back(actor=SYSTEM, runtime_id=row.id, past=Past(now() - 9 * DAY))


def refused(row: Runtime, past: Past, **changes: Any) -> str:
    with pytest.raises(Refused) as refusal:
        date_back(**{"actor": SYSTEM, "runtime_id": row.id, "past": past, **changes})
    return refusal.value.code
