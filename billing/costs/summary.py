"""What a page and the API tell of a tenant's costs: the month so far, against the last one, by its end, and over a year."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db.models.functions import TruncMonth

from billing.costs.breakdown import Narrow
from billing.costs.forecasting import TooLittle
from billing.costs.months import ZERO, Month, load, month_cost, rated_month
from billing.costs.projecting import Outlook, month_outlook
from billing.pricing.periods import month_of
from billing.statements.models import State, Statement
from billing.statements.reading import beside_usage
from billing.usage.late import late_days
from billing.usage.models import Day
from billing.usage.slots import month_before, start_of
from controlplane.kernel.errors import Refused

TREND_MONTHS = 12


@dataclass(frozen=True)
class Comparison:
    """The days of this month that are over, and the same days of last month."""

    days: int
    now: Decimal
    before: Decimal
    begins: date | None = None  # the first day of last month with any use, where that is not its first

    @property
    def percent(self) -> int | None:
        """How much more it is in per cent; None where there was nothing."""
        return round((self.now - self.before) * 100 / self.before) if self.before > 0 else None


@dataclass(frozen=True)
class Past:
    """One month of the trend; `is_sealed` says that the amount is its statement's."""

    month: date
    amount: Decimal
    currency: str
    is_sealed: bool


@dataclass(frozen=True)
class Overview:
    """A tenant's month."""

    month: Month
    outlook: Outlook | None  # None: the month is over
    comparison: Comparison | None
    sealed: Statement | None
    corrected_days: tuple[date, ...]  # that came out different since its statement was sealed
    statement: Statement | None = None  # sealed or not
    beside: Decimal = (
        ZERO  # what the statement demands besides: corrections of earlier months, and what was booked by hand
    )

    @property
    def is_empty(self) -> bool:
        """Whether nothing was used and nothing lived in it."""
        return not self.month.cells and not self.month.lives


def overview(*, tenant_id: UUID, moment: datetime, now: datetime) -> Overview:
    """Return a month's costs as a whole. Raises Refused prices_missing."""
    material = load(tenant_id=tenant_id, moment=moment, now=now)
    month = rated_month(material, tenant_id=tenant_id)
    first = month.period.start.date()
    outlook = (
        None if month.is_over else month_outlook(tenant_id=tenant_id, now=now, material=material, month=month)
    )
    statement = Statement.objects.filter(tenant=tenant_id, month=first).first()
    sealed = statement if statement and statement.state == State.SEALED else None
    beside = beside_usage(statement) if statement else ZERO
    late = late_days(tenant_id=tenant_id, month=first) if sealed else None
    days = late.days if late else ()
    return Overview(month, outlook, _comparison(tenant_id, month, now), sealed, days, statement, beside)


def trend(*, tenant_id: UUID, now: datetime) -> list[Past]:
    """Return the last twelve months that anything is known of, the oldest first; sealed ones as they were sealed."""
    this = now.date().replace(day=1)
    first = _months_before(this, TREND_MONTHS - 1)
    sealed = {
        row.month: row
        for row in Statement.objects.filter(tenant=tenant_id, month__gte=first, state=State.SEALED).only(
            "month", "total", "currency"
        )
    }
    used = Day.objects.filter(tenant=tenant_id, day__gte=first)
    months = set(used.annotate(month=TruncMonth("day")).values_list("month", flat=True).distinct())
    found = []
    for month in sorted(months | set(sealed) | {this}):
        if statement := sealed.get(month):
            found.append(Past(month, statement.total, statement.currency, is_sealed=True))
            continue
        try:
            rated = month_cost(tenant_id=tenant_id, moment=start_of(month), now=now)
        except Refused:
            continue  # no prices held then
        found.append(Past(month, rated.total, rated.currency, is_sealed=False))
    return found


def months_between(*, tenant_id: UUID, first: date, last: date, now: datetime) -> list[Month]:
    """Return the months that hold the days first to last. Raises Refused prices_missing, currencies_differ (409)."""
    found: list[Month] = []
    day = first.replace(day=1)
    while day <= last:
        found.append(month_cost(tenant_id=tenant_id, moment=start_of(day), now=now))
        day = month_of(start_of(day)).end.date()
    if len({month.currency for month in found}) > 1:
        detail = (
            "Your statements changed their currency in this time; ask for the months before and after apart."
        )
        raise Refused("currencies_differ", detail, status=409)
    return found


def is_known(outlook: Outlook | None) -> bool:
    """Whether there is a forecast."""
    return outlook is not None and not isinstance(outlook, TooLittle)


def _comparison(tenant_id: UUID, month: Month, now: datetime) -> Comparison | None:
    """Whole days only: half a day against a whole one says nothing."""
    first = month.period.start.date()
    days = ((month.period.end if month.is_over else now).date() - first).days
    earlier = month_before(first)
    if not days:
        return None
    try:
        before = month_cost(tenant_id=tenant_id, moment=start_of(earlier), now=now)
    except Refused:
        return None
    if before.currency != month.currency or not before.cells:
        return None
    used = min((life.day for life in before.lives), default=earlier)
    begins = used if used > earlier else None
    if month.is_over:
        return Comparison(days, month.total, before.total, begins)
    return Comparison(days, _of_days(month, first, days), _of_days(before, earlier, days), begins)


def _of_days(month: Month, first: date, days: int) -> Decimal:
    narrow = Narrow(first=first, last=first + timedelta(days=days - 1))
    return sum((cell.cost for cell in month.cells if narrow.takes(cell)), ZERO)


def _months_before(month: date, count: int) -> date:
    number = month.year * 12 + month.month - 1 - count
    return date(number // 12, number % 12 + 1, 1)
