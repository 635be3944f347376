"""What a runtime's day was made of: its hours with their levels, and the samples of an hour."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from billing.costs import queries
from billing.costs.months import Known
from billing.usage.reading import SampleSeen, samples_of_hour
from billing.usage.slots import DAY, start_of
from controlplane.tenants.isolation.scopes import tenant_scope


@dataclass(frozen=True)
class Hour:
    """One hour: how much of it is known, and base-unit-seconds by (meter, dimension) of what was seen."""

    start: datetime
    known: Known
    quantities: dict[tuple[str, str], int]
    revision: int
    rolled_at: datetime


def hours_of(*, tenant_id: UUID, runtime_id: UUID, day: date) -> list[Hour]:
    """Return the hours of a runtime's day that were made, as far as they were the tenant's."""
    start = start_of(day)
    rows = queries.hours(tenant_id=tenant_id, runtime_id=runtime_id, start=start, end=start + DAY)
    found = []
    for hour, observed, inferred, unknown, egress, revision, rolled_at, shapes in rows:
        quantities: dict[tuple[str, str], int] = defaultdict(int)
        for levels, seconds in json.loads(shapes):
            for meter, dimensions in levels.items():
                for dimension, level in dimensions.items():
                    quantities[meter, dimension] += int(level) * seconds
        if egress:
            quantities["egress", ""] = egress
        found.append(
            Hour(
                hour,
                Known(observed, inferred, unknown),
                dict(sorted(quantities.items())),
                revision,
                rolled_at,
            )
        )
    return found


def samples_of(*, tenant_id: UUID, runtime_id: UUID, hour: datetime) -> list[SampleSeen]:
    """Return the samples of an hour, as far as it was the tenant's; none once their retention is over."""
    with tenant_scope(tenant_id):
        return samples_of_hour(runtime_id=runtime_id, hour=hour)


def gaps(hours: list[Hour]) -> timedelta:
    """Return how much time of some hours nobody saw."""
    return timedelta(seconds=sum(hour.known.unknown for hour in hours))
