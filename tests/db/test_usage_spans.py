"""A runtime's spans follow its row, whoever writes it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from billing.usage.models import Dirty, Source, Span
from controlplane.kernel.clock import utcnow
from provisioner.runtimes.models import Runtime
from tests.usage import live, piece
from tests.work import runtime
from tests.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def row(world: World) -> Runtime:
    """A runtime of Archipel's shop that stands for an hour."""
    row = runtime(world.shop, world.landscape)
    earlier(row)
    return row


def earlier(row: Runtime, hours: int = 1) -> None:
    """Let the runtime's open span have begun an hour ago, for within a second only the last state counts."""
    since = utcnow().replace(microsecond=0) - timedelta(hours=hours)
    Span.objects.filter(runtime=row.id, until=None).update(since=since)


def spans(row: Runtime) -> list[Span]:
    return list(Span.objects.filter(runtime=row.id).order_by("since"))


def test_a_new_runtime_has_a_source_and_an_open_span(world: World, row: Runtime) -> None:
    (span,) = spans(row)
    assert (span.tenant_id, span.account, span.plan) == (world.archipel.id, world.shop.id, row.plan_id)
    assert (span.phase, span.until, span.source) == (row.phase, None, Source.objects.get(runtime=row.id).id)


@pytest.mark.parametrize("change", [{"phase": "updating"}, {"plan_id": "gcp"}])
def test_each_change_closes_a_span_and_opens_the_next_without_a_gap(
    row: Runtime, change: dict[str, Any]
) -> None:
    Runtime.objects.filter(pk=row.pk).update(**change)
    before, after = spans(row)
    assert before.until == after.since
    assert after.until is None
    for name, value in change.items():
        assert getattr(after, name.removesuffix("_id")) == value
    assert Dirty.objects.filter(sources=[before.source]).exists()


def test_a_moved_account_leaves_its_time_where_it_was_spent(world: World, row: Runtime) -> None:
    Runtime.objects.filter(pk=row.pk).update(tenant=world.basalt, account=world.main)
    before, after = spans(row)
    assert (before.tenant_id, after.tenant_id) == (world.archipel.id, world.basalt.id)
    assert (before.account, after.account) == (world.shop.id, world.main.id)


def test_the_end_is_when_it_was_deleted_not_when_that_was_written(row: Runtime) -> None:
    gone = utcnow() - timedelta(minutes=20)
    Runtime.objects.filter(pk=row.pk).update(phase="deprovisioned", deleted_at=gone)
    (span,) = spans(row)
    assert span.until == gone.replace(microsecond=0)
    assert Source.objects.get(runtime=row.id).gone == span.until


def test_a_row_that_is_removed_ends_too(row: Runtime) -> None:
    row_id = row.id
    Runtime.objects.filter(pk=row.pk).delete()
    (span,) = Span.objects.filter(runtime=row_id)
    assert span.until is not None


def test_what_changes_nothing_of_it_writes_nothing(row: Runtime) -> None:
    Dirty.objects.all().delete()
    Runtime.objects.filter(pk=row.pk).update(message="hello", status={"a": 1})
    assert len(spans(row)) == 1
    assert not Dirty.objects.exists()


def test_within_a_second_the_last_state_counts(row: Runtime) -> None:
    now = utcnow().replace(microsecond=0) + timedelta(hours=1)  # the clock stands still before it
    Span.objects.filter(runtime=row.id).update(since=now)
    for phase in ("updating", "ready", "suspending"):
        Runtime.objects.filter(pk=row.pk).update(phase=phase)
    (span,) = spans(row)
    assert (span.phase, span.since) == ("suspending", now)


def test_the_database_refuses_two_spans_for_one_second() -> None:
    born = utcnow().replace(microsecond=0) - timedelta(hours=3)
    source = live(born, gone=born + timedelta(hours=1))
    piece(source, born + timedelta(hours=1), None)
    for since, until in (
        (born + timedelta(minutes=59), born + timedelta(hours=1)),
        (born + timedelta(hours=2), None),
    ):
        with pytest.raises(IntegrityError, match="usage_span_never_overlaps"), transaction.atomic():
            piece(source, since, until)
    with pytest.raises(IntegrityError, match="usage_span_lasts"), transaction.atomic():
        piece(live(born), born, born)


def test_runtimes_that_were_there_before_have_their_span_filled_in(row: Runtime) -> None:
    from importlib import import_module

    Span.objects.all().delete()
    Source.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute(import_module("billing.usage.migrations.0003_spans").FILL)
    (span,) = spans(row)
    assert (span.since, span.until) == (row.created_at.replace(microsecond=0), None)
