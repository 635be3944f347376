"""What should be looked at: every runtime's last fortnight, judged."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from billing.footprint.judging import STRETCH_DAYS, Finding, Kind, Resource, Stretch, judge
from billing.footprint.queries import finding_facts
from billing.footprint.reading import last_days

_ORDER = list(Kind)


def findings(*, tenant_id: UUID | None, now: datetime) -> Sequence[Finding]:
    """Return what is the matter with runtimes of a tenant, or of all: the gravest kind first; in the scope of whoever asks."""
    days = last_days(STRETCH_DAYS, now=now)
    values = {"first": days.first, "last": days.last, "tenant": tenant_id}
    with connection.cursor() as cursor:
        cursor.execute(finding_facts(of_tenant=tenant_id is not None), values)
        stretches = [_stretch(row) for row in cursor.fetchall()]
    found = [finding for stretch in stretches for finding in judge(stretch)]
    return sorted(found, key=lambda finding: _ORDER.index(finding.kind))


def _stretch(row: Sequence[Any]) -> Stretch:
    numbers = row[10:]
    cpu, memory = Resource(*numbers[0::2]), Resource(*numbers[1::2])
    runtime, source, tenant_id, account, days, first, last, alive, observed, used = row[:10]
    return Stretch(runtime, source, tenant_id, account, days, first, last, alive, observed, used, cpu, memory)
