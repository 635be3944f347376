"""A day's components over the fleet come out the same whether it was made at once or runtime by runtime, in any order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.footprint import component_queries, components
from billing.footprint.making import make_days
from billing.footprint.models import (
    ComponentAsked,
    ComponentDay,
    ComponentRead,
    ComponentTold,
    ComponentUsed,
    Dirty,
)
from billing.usage.models import ComponentUse, DayLife, Source
from controlplane.tenants.isolation.scopes import tenant_scope
from tests.footprints import COMPONENTS, make, midnight, runtime, seen
from tests.usage import HOUR, TENANT

pytestmark = pytest.mark.django_db
SELDOM = HOUR * 6
MORE = {**COMPONENTS, "collector": (30, 96)}


@pytest.fixture(autouse=True)
def each_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every source is its own neighbour, so that three are enough to tell a part from the whole."""
    monkeypatch.setattr(components, "WIDTH", 1)
    monkeypatch.setattr(components, "FEW", 1)


def rows() -> list[dict[str, Any]]:
    """What the fleet's day is."""
    return [dict(row) for row in ComponentDay.objects.filter(day=midnight(2).date()).order_by("pk").values()]


def made_whole(sources: Sequence[Source]) -> list[dict[str, Any]]:
    """The same day, made of nothing but samples and use."""
    for model in (ComponentAsked, ComponentUsed, ComponentTold, ComponentRead, ComponentDay):
        model.objects.all().delete()
    Dirty.objects.create(day=midnight(2).date(), sources=[source.id for source in sources])
    make()
    return rows()


def three() -> list[Source]:
    """Runtimes of two plans."""
    return [runtime(2, plan="gcp" if number == 2 else "aws") for number in range(3)]


def test_a_late_runtime_makes_the_same_day_as_all_at_once() -> None:
    sources = three()
    seen(sources[0], 2, every=SELDOM)
    seen(sources[2], 2, every=SELDOM, components=MORE)
    make()
    before = rows()
    seen(sources[1], 2, every=SELDOM, components=MORE)
    make()
    step_by_step = rows()
    assert step_by_step != before
    assert {(row["component"], row["plan"]): row["runtimes"] for row in step_by_step} == {
        ("istio", "aws"): 2, ("istio", "gcp"): 1, ("metrics-server", "aws"): 2, ("metrics-server", "gcp"): 1,
        ("collector", "aws"): 1, ("collector", "gcp"): 1,
    }  # fmt: skip
    assert made_whole(sources) == step_by_step


def test_more_samples_of_a_runtime_count_once_each() -> None:
    sources = three()
    for source in sources:
        seen(source, 2, hours_seen=6, every=SELDOM / 6)
    make()
    # Six hours of it are told again with the same content, and eighteen are new.
    seen(sources[1], 2, every=SELDOM / 6)
    make()
    step_by_step = rows()
    aws = next(row for row in step_by_step if (row["component"], row["plan"]) == ("istio", "aws"))
    assert aws["used_seconds"] == (6 + 24) * 3600
    assert made_whole(sources) == step_by_step


def test_one_that_is_marked_alone_reads_its_neighbours_alone() -> None:
    sources = three()
    for source in sources:
        seen(source, 2, every=SELDOM)
    make()
    Dirty.objects.create(day=midnight(2).date(), sources=[sources[0].id])
    with CaptureQueriesContext(connection) as caught:
        make()
    ran = [entry["sql"] for entry in caught]
    assert any("CROSS JOIN LATERAL" in statement and "usage_sample" in statement for statement in ran)
    assert not any(
        "FROM usage_sample WHERE slot >=" in statement and "GROUP BY" in statement for statement in ran
    )


def test_a_runtime_whose_plan_is_another_counts_under_that_one() -> None:
    sources = three()
    for source in sources:
        seen(source, 2, every=SELDOM)
    make()
    DayLife.objects.filter(source=sources[0].id).update(plan="gcp")
    Dirty.objects.create(day=midnight(2).date(), sources=[sources[0].id])
    make()
    counted = {(row["plan"], row["component"]): (row["runtimes"], row["used_seconds"]) for row in rows()}
    assert counted["gcp", "istio"] == (2, 2 * 4 * 3600)
    assert counted["aws", "istio"] == (1, 4 * 3600)


def test_use_that_is_told_before_its_runtimes_day_is_made_is_read_again_then() -> None:
    sources = three()
    seen(sources[0], 2, every=SELDOM)
    make()
    day = midnight(2).date()
    life = DayLife.objects.get(source=sources[1].id, day=day)
    DayLife.objects.filter(pk=life.pk).delete()
    ComponentUse.objects.create(hour=midnight(2), used=f'{{"{sources[1].id}": {{"istio": [7, 9]}}}}')
    Dirty.objects.create(day=day, sources=[sources[0].id])
    make_days()
    assert used_of("istio") == 4 * 3600
    life.save(force_insert=True)
    Dirty.objects.create(day=day, sources=[sources[1].id])
    make_days()
    assert used_of("istio") == 5 * 3600


def used_of(component: str) -> int:
    """Seconds in which somebody told what a component used."""
    return sum(row["used_seconds"] for row in rows() if row["component"] == component)


def test_what_days_are_made_of_goes_with_their_samples(settings: Any) -> None:
    seen(three()[0], 2, every=SELDOM)
    make()
    assert ComponentAsked.objects.exists()
    settings.USAGE_RETENTION_DAYS = 0
    components.forget_parts(midnight(0).date())
    for model in (ComponentAsked, ComponentUsed, ComponentTold, ComponentRead):
        assert not model.objects.exists()
    assert rows()
    assert len(component_queries.FORGET_OLD) == 4


def test_no_tenant_sees_what_days_are_made_of() -> None:
    seen(three()[0], 2, every=SELDOM)
    make()
    with tenant_scope(TENANT):
        assert not ComponentTold.objects.exists()
        assert not ComponentAsked.objects.exists()
