"""Opens a line: to the days it came from, a day to its hours, an hour to its samples; each with how much of it is known.

It shows usage as it is known now. What came in after sealing makes the sum another one than the line's, and a correction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Max, Q, Sum

from billing.books.models import PriceBook
from billing.statements import queries
from billing.statements.models import Charge, State, Statement
from billing.usage.reading import samples_of_hour
from billing.usage.slots import start_of
from controlplane.tenants.isolation.scopes import tenant_scope

# Days of one meter of one runtime, and of the seconds it lived; by the index of tenants and days.
DAYS = """
SELECT l.day, coalesce(d.quantity, 0), coalesce(d.inferred, 0), l.observed_seconds, l.inferred_seconds, l.unknown_seconds
FROM usage_day_life l
LEFT JOIN usage_day d ON (d.day, d.source, d.tenant_id, d.account, d.plan) = (l.day, l.source, l.tenant_id, l.account, l.plan)
    AND d.meter = %(meter)s AND d.dimension = %(dimension)s
WHERE l.tenant_id = %(tenant)s AND l.day >= %(first)s AND l.day < %(last)s AND l.runtime = %(runtime)s
    AND l.account = %(account)s AND l.plan = %(plan)s
ORDER BY l.day
"""

# Hours of one day of the runtime, through a function that opens no other's; levels of the shapes that were seen.
HOURS = """
WITH h AS (
    SELECT h.* FROM usage_hours_of(%(tenant)s, %(start)s, %(end)s, %(runtime)s) h JOIN usage_span s ON s.id = h.span
    WHERE s.account = %(account)s AND s.plan = %(plan)s
)
SELECT h.hour,
    sum(CASE WHEN %(meter)s = 'egress' THEN h.egress_bytes ELSE
        coalesce((x.levels -> %(meter)s ->> %(dimension)s)::bigint, 0) * h.observed_seconds END)::bigint,
    sum(coalesce((x.levels -> %(meter)s ->> %(dimension)s)::bigint, 0) * h.inferred_seconds)::bigint,
    sum(h.observed_seconds)::bigint, sum(h.inferred_seconds)::bigint, sum(h.unknown_seconds)::bigint
FROM h LEFT JOIN usage_shapes((SELECT array_agg(DISTINCT shape) FROM h)) x ON x.id = h.shape
GROUP BY h.hour ORDER BY h.hour
"""

# Days of the runtime of which hours came out different in a stretch of time, and how many hours.
ANEW = """
SELECT (h.hour AT TIME ZONE 'UTC')::date, count(DISTINCT h.hour)
FROM usage_hours_of(%(tenant)s, %(start)s, %(end)s, %(runtime)s) h JOIN usage_span s ON s.id = h.span
WHERE s.account = %(account)s AND s.plan = %(plan)s AND h.rolled_at > %(since)s
    AND h.rolled_at <= coalesce(%(until)s::timestamptz, 'infinity')
GROUP BY 1 ORDER BY 1
"""

# What makes two lines be about one thing, whatever their dates and amounts.
_SAME = (
    "category", "account", "runtime", "plan", "region", "meter", "dimension", "unit", "book", "book_version", "price_line",
    "part", "commitment", "commitment_status", "credit",
)  # fmt: skip
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
LEVELS = "SELECT id, (levels -> %(meter)s ->> %(dimension)s)::bigint FROM usage_shapes(%(shapes)s::int[])"


@dataclass(frozen=True)
class Piece:
    """A day or an hour: base units of the line's meter, observed and inferred, and seconds by how they are known."""

    start: datetime
    quantity: int
    inferred: int
    observed_seconds: int
    inferred_seconds: int
    unknown_seconds: int

    @property
    def alive_seconds(self) -> int:
        """How long the runtime lived in it."""
        return self.observed_seconds + self.inferred_seconds + self.unknown_seconds


@dataclass(frozen=True)
class Sample:
    """One sight: when it was, when it was told and stored, and the meter's level then (a counter's count)."""

    slot: datetime
    reported_at: datetime
    stored_at: datetime
    epoch: int
    level: int


def has_evidence(line: Charge) -> bool:
    """Whether a line came from usage of one runtime; a fee or an adjustment did not."""
    return line.runtime is not None and bool(line.meter)


def bills_inferred(line: Charge) -> bool:
    """Whether the book that priced a line bills time that was inferred."""
    held = PriceBook.objects.filter(key=line.book, version=line.book_version)
    return held.filter(document__bills_inferred=True).exists()


def days_of(line: Charge) -> list[Piece]:
    """Return the days of a line's period."""
    first, last = line.period_start.date(), line.period_end.date()
    rows = _asked(line, DAYS, {"first": first, "last": last})
    return [Piece(start_of(day), *known) for day, *known in rows]


def hours_of(line: Charge, day: date) -> list[Piece]:
    """Return the hours of one day of a line; none for a day outside of its period."""
    start = start_of(day)
    if not line.period_start <= start < line.period_end:
        return []
    return [Piece(*row) for row in _asked(line, HOURS, {"start": start, "end": start + timedelta(days=1)})]


def samples_of(line: Charge, hour: datetime) -> list[Sample]:
    """Return the samples of one hour of a line; none outside of its period, or once their retention is over."""
    if line.runtime is None or not line.period_start <= hour < line.period_end:
        return []
    with tenant_scope(line.tenant_id):
        seen = samples_of_hour(runtime_id=line.runtime, hour=hour)
    shapes = sorted({sample.shape for sample in seen})
    levels = dict(_asked(line, LEVELS, {"shapes": shapes})) if shapes else {}
    counted = line.meter == "egress"
    return [
        Sample(
            sample.slot,
            sample.reported_at,
            sample.stored_at,
            sample.epoch,
            int((sample.gauges.get("egress_bytes") if counted else levels.get(sample.shape)) or 0),
        )
        for sample in seen
    ]


def computed_anew(row: Statement, line: Charge) -> list[tuple[date, int]]:
    """Return the days that a correction may come from, with how many of their hours came out different.

    They changed after the last statement that could have had them was sealed, and before this one was.
    """
    sealed = Statement.objects.filter(tenant=line.tenant_id, state=State.SEALED, month__lt=row.month)
    since = sealed.filter(month__gte=line.origin_month).aggregate(newest=Max("sealed_at"))["newest"]
    if since is None or not has_evidence(line):
        return []
    values = {"start": line.period_start, "end": line.period_end, "since": since, "until": row.sealed_at}
    return [(day, hours) for day, hours in _asked(line, ANEW, values)]


def charged_before(row: Statement, line: Charge) -> Decimal:
    """Return the quantity that sealed statements had charged of what a correction is about, in the line's unit."""
    held = Charge.objects.of(line.tenant_id).filter(
        statement__state=State.SEALED,
        statement__month__lt=row.month,
        **{name: getattr(line, name) for name in _SAME if getattr(line, name) is not None},
    )
    about = Q(statement__month=line.origin_month, origin_month=None) | Q(origin_month=line.origin_month)
    found: Decimal | None = held.filter(about).aggregate(sum=Sum("quantity"))["sum"]
    return found or Decimal(0)


def sums_of(pieces: Iterable[Piece]) -> Piece:
    """Return everything added up."""
    found = list(pieces)
    names = ("quantity", "inferred", "observed_seconds", "inferred_seconds", "unknown_seconds")
    first = found[0].start if found else _NEVER
    return Piece(first, *(sum(getattr(piece, name) for piece in found) for name in names))


def whole_hour(moment: datetime) -> datetime:
    """Return the hour that a moment lies in."""
    return moment - timedelta(minutes=moment.minute, seconds=moment.second, microseconds=moment.microsecond)


def _asked(line: Charge, statement: str, more: dict[str, Any]) -> list[tuple[Any, ...]]:
    values = {
        "tenant": line.tenant_id,
        "runtime": line.runtime,
        "account": line.account,
        "plan": line.plan,
        "meter": line.meter,
        "dimension": line.dimension,
    }
    return queries.rows(statement, values | more)
