"""Footprints for those who look: sums over days that are over, within the scope of whoever asks.

A tenant's scope shows that tenant only, whatever is asked for; the platform's shows all, or the one tenant that is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, Min, Q, QuerySet, Sum

from billing.books.services import HOUSE_CURRENCY, load_market
from billing.footprint.models import MEASURES, PARTS, FootprintDay
from billing.footprint.split import Parts
from billing.pricing.fx import RateMissingError
from billing.pricing.periods import month
from billing.usage.slots import day_of, start_of
from controlplane.kernel.errors import Refused
from controlplane.tenants.models import TenantQuerySet

LONGEST_DAYS = 92
_PLAIN = (
    "alive_seconds",
    "observed_seconds",
    "cpu_overrun",
    "memory_overrun",
    "carbon_storage",
    "carbon_low",
    "carbon_high",
)
_COSTS = tuple(f"cost_{part}" for part in PARTS)
_SUMMED = (*_PLAIN, *(f"{measure}_{part}" for measure in MEASURES for part in PARTS))


@dataclass(frozen=True)
class Stretch:
    """Days of UTC: [first, last)."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """How many they are."""
        return (self.last - self.first).days

    @property
    def seconds(self) -> int:
        """How long they are."""
        return self.days * 86400


@dataclass(frozen=True)
class Footprint:
    """What somebody took up in a stretch: sums of level x seconds of observed time, millionths of a currency, milligrams.

    `currency` is "" where nothing is priced, or where days are priced in several.
    """

    sums: Mapping[str, int]
    currency: str
    days: int
    regions_known: bool
    use_known: bool

    def parts(self, measure: str) -> Parts:
        """Return the four parts of cpu, memory, cost or carbon."""
        return Parts(*(self.sums[f"{measure}_{part}"] for part in PARTS))

    @property
    def carbon(self) -> int:
        """The whole of carbon, storage too."""
        return self.parts("carbon").whole + self.sums["carbon_storage"]

    @property
    def observed_seconds(self) -> int:
        """The time that was seen."""
        return self.sums["observed_seconds"]

    @property
    def known_percent(self) -> int:
        """How much of its life was seen, rounded down: 100 is all."""
        alive = self.sums["alive_seconds"]
        return self.sums["observed_seconds"] * 100 // alive if alive else 0

    @property
    def yours_percent(self) -> int | None:
        """How much of the nodes work used, by money, else by processors; None where there are no nodes."""
        parts = self.parts("cost") if self.currency else self.parts("cpu")
        return round(parts.workload * 100 / parts.whole) if parts.whole else None


def last_days(days: int, *, now: datetime) -> Stretch:
    """Return the newest days that are over."""
    today = day_of(now)
    return Stretch(today - timedelta(days=days), today)


def _days(stretch: Stretch, tenant_id: UUID | None) -> QuerySet[FootprintDay]:
    rows: TenantQuerySet = FootprintDay.objects.filter(day__gte=stretch.first, day__lt=stretch.last)
    return rows if tenant_id is None else rows.filter(tenant=tenant_id)


def of_runtimes(stretch: Stretch, *, tenant_id: UUID | None) -> QuerySet[Any]:
    """Return named rows, one a runtime, to be paged by `runtime`; `read` makes footprints of them. By (tenant, day)."""
    rows = _days(stretch, tenant_id).values("runtime").annotate(**_aggregates())
    found: QuerySet[Any] = rows.values_list("runtime", *_aggregates(), named=True)
    return found


def read(row: Any) -> Footprint:
    """Return a named row's footprint."""
    return _footprint({name: getattr(row, f"all_{name}") for name in _SUMMED}, row)


def whole(stretch: Stretch, *, tenant_id: UUID | None) -> Footprint | None:
    """Return everything together, or None where there is nothing; of several currencies in the house's, where rates are known."""
    days = _days(stretch, tenant_id)
    row = days.aggregate(**_aggregates())
    if not row["rows"]:
        return None
    sums = {name: int(row[f"all_{name}"] or 0) for name in _SUMMED}
    if row["currencies"] > 1 and (costs := _in_house_currency(days, stretch)):
        sums, row = sums | costs, row | {"currencies": 1, "newest_currency": HOUSE_CURRENCY}
    return _footprint(sums, _Named(row))


def _in_house_currency(days: QuerySet[FootprintDay], stretch: Stretch) -> dict[str, int] | None:
    """Return the sums of costs at the rates of the stretch's last day; None where one is missing."""
    last = stretch.last - timedelta(days=1)
    by_currency: Any = (
        days.exclude(currency="").values("currency").annotate(**{f"all_{name}": Sum(name) for name in _COSTS})
    )
    found = dict.fromkeys(_COSTS, 0)
    try:
        rates = load_market(month(last.year, last.month)).rates
        for row in by_currency:
            worth = rates.at(row["currency"], HOUSE_CURRENCY, start_of(last))
            for name in _COSTS:
                found[name] += round(row[f"all_{name}"] * worth)
    except (Refused, RateMissingError):
        return None
    return found


def by_day(
    stretch: Stretch, *, tenant_id: UUID | None, runtime_id: UUID | None = None
) -> dict[date, Footprint]:
    """Return everything together, or one runtime, by day; a day that nobody saw is left out."""
    days = _days(stretch, tenant_id)
    days = days if runtime_id is None else days.filter(runtime=runtime_id)
    rows: Any = days.values("day").annotate(**_aggregates()).order_by("day")
    return {
        row["day"]: _footprint({name: int(row[f"all_{name}"]) for name in _SUMMED}, _Named(row))
        for row in rows
        if row["all_observed_seconds"]
    }


class _Named:
    def __init__(self, row: Mapping[str, Any]) -> None:
        self.__dict__.update(row)


def _aggregates() -> dict[str, Any]:
    return {
        **{f"all_{name}": Sum(name) for name in _SUMMED},
        "rows": Count("day", distinct=True),
        "currencies": Count("currency", distinct=True, filter=~Q(currency="")),
        "newest_currency": Max("currency"),
        "unknown_regions": Count("day", filter=Q(region_known=False, observed_seconds__gt=0)),
        "unknown_use": Count("day", filter=Q(use_known=False, observed_seconds__gt=0)),
        "oldest": Min("day"),
    }


def _footprint(sums: Mapping[str, int], row: Any) -> Footprint:
    return Footprint(
        sums={name: int(value) for name, value in sums.items()},
        currency=row.newest_currency if row.currencies == 1 else "",
        days=row.rows,
        regions_known=not row.unknown_regions,
        use_known=not row.unknown_use,
    )
