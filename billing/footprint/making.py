"""Makes footprints of days that are over: whatever day the usage store made anew is made anew here, and never added to.

A day is made in one transaction that also takes its marks away: killed anywhere, it is as if it had not begun. Two of these share
the work.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import orjson
from django.db import connection, transaction

from billing.footprint import facts, ports
from billing.footprint import queries as sql
from billing.footprint.carbon import emission_of, split_emission
from billing.footprint.carbon_factors import Factors, factors_of
from billing.footprint.components import forget_parts, make_components
from billing.footprint.models import PARTS
from billing.footprint.ports import NodeCost
from billing.footprint.prices import CORE_TO_GIB, MILLION, NODE_METERS, Prices
from billing.footprint.split import NOTHING, Parts, split_cost, split_resource, weights
from billing.pricing.money import round_ratio
from billing.usage.partitions import standing
from billing.usage.queries import array
from billing.usage.slots import day_of
from controlplane.catalog.models import MachineType
from controlplane.kernel.clock import utcnow

DAYS_AT_ONCE = 10
_CHUNK = 1000


def make_days(*, now: datetime | None = None, most: int = DAYS_AT_ONCE) -> int:
    """Make the days that are marked and over, at most so many; return how many."""
    today = day_of(now or utcnow())
    with connection.cursor() as cursor:
        cursor.execute(sql.DIRTY_DAYS, [today, most])
        days = [day for (day,) in cursor.fetchall()]
    forget_parts(today)
    return sum(make_day(day) for day in days)


def make_day(day: date) -> bool:
    """Make one day for the sources that are marked; say whether there were any and nobody else is at it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql.LOCK, [day.toordinal()])
        if not cursor.fetchone()[0]:
            return False
        cursor.execute(sql.CLAIM, [day])
        sources = sorted({source for (sources,) in cursor.fetchall() for source in sources})
        if not sources:
            return False
        _make_runtimes(cursor, day, sources)
        if standing([day]):  # without its samples a day's components stay as they are
            make_components(cursor, day, sources)
    return True


def _make_runtimes(cursor: Any, day: date, sources: Sequence[int]) -> None:
    prices, factors = Prices(day), factors_of(day)
    machines = dict(MachineType.objects.values_list("name", "vcpu"))
    cursor.execute(sql.TENANTS, [day, array(sources)])
    costs = ports.costs_of([tenant for (tenant,) in cursor.fetchall()], day)
    for start in range(0, len(sources), _CHUNK):
        chosen = array(sources[start : start + _CHUNK])
        cursor.execute(sql.FACTS, {"day": day, "sources": chosen, "meters": facts.METERS})
        found = [facts.Facts.read(row, machines) for row in cursor.fetchall()]
        cursor.execute(sql.FORGET, [day, chosen])
        rows = [_made(day, one, prices, factors, costs.get(one.held)) for one in found]
        cursor.execute(sql.KEEP, [orjson.dumps(rows).decode()])


def _made(
    day: date, one: facts.Facts, prices: Prices, factors: Factors, cost: NodeCost | None
) -> dict[str, Any]:
    """Return a row by the names of its columns."""
    cpu, memory = split_resource(one.cpu), split_resource(one.memory)
    currency, costs = _costs(one, prices, cpu.parts, memory.parts, cost)
    emission = emission_of(one.activity, factors)
    carbon, storage = split_emission(emission, cpu.parts, memory.parts, used=one.doers)
    return {
        "day": day,
        "source": one.source,
        "tenant_id": one.tenant_id,
        "account": one.account,
        "plan": one.plan,
        "runtime": one.runtime,
        "region": one.region,
        "alive_seconds": one.alive_seconds,
        "observed_seconds": one.observed_seconds,
        "cpu_overrun": cpu.overrun,
        "memory_overrun": memory.overrun,
        "currency": currency,
        "carbon_storage": storage,
        "carbon_low": emission.low,
        "carbon_high": emission.high,
        "region_known": emission.region_known,
        "use_known": emission.use_known,
        "factors": factors.version,
        **_columns("cpu", cpu.parts),
        **_columns("memory", memory.parts),
        **_columns("cost", costs),
        **_columns("carbon", carbon),
    }


def _costs(
    one: facts.Facts, prices: Prices, cpu: Parts, memory: Parts, known: NodeCost | None
) -> tuple[str, Parts]:
    listed = prices.of(one.plan, one.region)
    if known is not None:
        exact = known.amount * MILLION
        total, currency = round_ratio(*exact.as_integer_ratio()), known.currency
    else:
        cost = (
            listed.cost({key: one.quantities[key] for key in one.quantities if key[0] in NODE_METERS})
            if listed
            else None
        )
        if listed is None or cost is None:
            return "", NOTHING
        total, currency = cost, listed.currency
    if (
        listed is not None and listed.currency == currency
    ):  # no tenant pays for these: at what they would cost one
        total += listed.cost(one.own_nodes) or 0
    ratio = listed.ratio if listed else CORE_TO_GIB
    weighing = weights(cpu.whole, memory.whole, core_hour=ratio[0], gib_hour=ratio[1])
    return currency, split_cost(total, cpu, memory, weighing)


def _columns(measure: str, parts: Parts) -> dict[str, int]:
    return {f"{measure}_{name}": value for name, value in zip(PARTS, parts, strict=True)}
