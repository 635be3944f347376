"""Gives a runtime of the demo a past: its life is dated back before samples of that past are brought in.

A trigger writes spans from what happens to a runtime's row, and what is told here never happened to it. So this is for the
embedded stack alone, where the landscape can tell a past too, and whoever does it is written down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import dropwhile, pairwise
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from billing.usage.integrate import QUIET
from billing.usage.models import Source, Span
from billing.usage.slots import hour_of
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants import audit
from controlplane.tenants.access import Actor, PlatformRole
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Phase

# Its cluster answers in these, so what it told of its past stands to this day.
STANDING = frozenset({Phase.READY, Phase.UPDATING, Phase.UPGRADING})

# One row an hour, as everybody marks hours; the trigger's own way for many of them at once.
MARK_HOURS = """
INSERT INTO usage_dirty (hour, sources)
SELECT hour, ARRAY[%(source)s] FROM generate_series(%(first)s, %(last)s, interval '1 hour') hour
"""


@dataclass(frozen=True)
class Past:
    """What is told of a runtime's life: [since, ended or now), asleep from `slept` to `woke`; all in whole seconds."""

    since: datetime
    slept: datetime | None = None
    woke: datetime | None = None
    ended: datetime | None = None

    @property
    def pieces(self) -> list[tuple[datetime, Phase]]:
        """The beginnings of its spans."""
        found = [(self.since, Phase.READY)]
        if self.slept is not None and self.woke is not None:
            found += [(self.slept, Phase.SUSPENDED), (self.woke, Phase.READY)]
        return found


@transaction.atomic
def date_back(*, actor: Actor, runtime_id: UUID, past: Past) -> bool:
    """Let a runtime have lived since an earlier time, and have ended at one if it is gone; False where it has that past already.

    Hours of that past are not made by this: samples mark theirs, `closing.begin_again` the others. Raises Refused 403 for
    everybody but the platform's administrators, 409 demo_only outside the embedded stack, 404, 409 runtime_not_ready, and 422
    past_invalid for times that are not in order.
    """
    if actor.platform_role is not PlatformRole.ADMIN:
        raise Refused("forbidden", "Only the platform's administrators give the demo its past.", status=403)
    if not settings.EMBEDDED:
        detail = "A runtime's life is dated back in the embedded stack only; elsewhere it is what it was."
        raise Refused("demo_only", detail, status=409)
    row = Runtime.objects.select_for_update(no_key=True).filter(pk=runtime_id).first()
    if row is None:
        raise Refused("runtime_not_found", f"There is no runtime {runtime_id}.", status=404)
    source = Source.objects.get(runtime=row.id)
    if source.born == past.since and (past.ended is None or source.gone == past.ended):
        return False
    _check(row, past)
    spans = list(Span.objects.filter(source=source.id).order_by("since"))
    _write_row(row, past)
    _write_spans(source, spans, past)
    told = {name: value for name, value in vars(past).items() if value is not None}
    audit.record(
        "runtime.date_back",
        actor=actor,
        tenant_id=row.tenant_id,
        target_type="runtime",
        target_id=row.id,
        changes={"created_at": {"before": row.created_at, "after": past.since}, **told},
    )
    return True


def _check(row: Runtime, past: Past) -> None:
    if past.ended is None and row.phase not in STANDING:
        detail = f"Runtime {row.name} is {row.phase}; give it a past once it is ready."
        raise Refused("runtime_not_ready", detail, status=409)
    if past.ended is not None and row.deleted_at is None:
        detail = f"Runtime {row.name} lives; delete it before its end is dated back."
        raise Refused("runtime_not_ready", detail, status=409)
    last = past.ended or min(utcnow(), row.created_at)
    moments = [past.since, *(moment for moment in (past.slept, past.woke) if moment is not None), last]
    if (past.slept is None) != (past.woke is None) or any(
        earlier >= later for earlier, later in pairwise(moments)
    ):
        detail = "A past begins before the runtime was made, and its times come one after the other."
        raise Refused("past_invalid", detail)


def _write_row(row: Runtime, past: Past) -> None:
    changes: dict[str, Any] = {"created_at": past.since}
    if past.ended is not None:
        changes["deleted_at"] = past.ended
    Runtime.objects.filter(pk=row.pk).update(**changes)


def _write_spans(source: Source, spans: Sequence[Span], past: Past) -> None:
    """Put the told pieces before what it lived since it first was ready, or in place of its whole life when its end is told."""
    lived = [] if past.ended is not None else list(dropwhile(lambda span: span.phase in QUIET, spans))
    latest, end = spans[-1], past.ended or lived[0].since
    Span.objects.filter(source=source.id).exclude(pk__in=[span.pk for span in lived]).delete()
    starts = [since for since, _ in past.pieces]
    Span.objects.bulk_create(
        Span(
            tenant_id=latest.tenant_id,
            source=source.id,
            runtime=source.runtime,
            account=latest.account,
            plan=latest.plan,
            region=latest.region,
            provider=latest.provider,
            phase=phase,
            since=since,
            until=until,
        )
        for (since, phase), until in zip(past.pieces, [*starts[1:], end], strict=True)
    )
    Source.objects.filter(pk=source.pk).update(
        born=min(source.born, past.since), gone=past.ended or source.gone
    )
    _mark(source, min(source.born, end))


def _mark(source: Source, since: datetime) -> None:
    """Have the hours made anew that were made of the spans before."""
    with connection.cursor() as cursor:
        cursor.execute(
            MARK_HOURS,
            {"source": source.pk, "first": hour_of(since), "last": hour_of(utcnow())},
        )
