"""What runtimes' nodes cost on a day at the prices that their tenants pay: what footprints ask for.

Contracted prices of the month so far, its tiers, packages and included units with it; before commitments and credits, which are a
tenant's as a whole and would make the runtime look cheap that happens to be covered by them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

from billing.books.services import load_market, terms_of
from billing.costs import queries
from billing.footprint.ports import Held, NodeCost
from billing.footprint.prices import NODE_METERS
from billing.pricing.money import EXACT
from billing.pricing.periods import month
from billing.pricing.rating import rate
from billing.pricing.types import Category, Line
from billing.statements.inputs import usage_of
from billing.usage.slots import start_of
from controlplane.kernel.errors import Refused

Key = tuple[str, str, str, str, str, str]  # account, plan, region, runtime, meter, dimension
DIGITS = 12  # of an amount, far behind the millionths that footprints keep


def contracted_costs(tenants: Sequence[UUID], day: date) -> Mapping[Held, NodeCost]:
    """Return what each runtime's nodes cost; a tenant whose month can't be rated is left out. A few statements for all."""
    try:
        market = load_market(month(day.year, day.month))
    except Refused:  # no prices hold
        return {}
    terms = terms_of(tenants, market.month, market=market)
    usage = usage_of(terms)
    prices: dict[UUID, dict[Key, Fraction]] = {}
    for tenant, items in usage.items():
        nodes = [item for item in items if item.meter in NODE_METERS]
        rated = rate(nodes, terms[tenant])
        if not rated.problems:
            prices[tenant] = prices_of(rated.lines, day)
    sums: dict[Held, Fraction] = defaultdict(Fraction)
    for tenant, account, plan, region, runtime, meter, dimension, quantity in queries.node_quantities(
        list(prices), day, NODE_METERS
    ):
        price = prices[tenant].get((str(account), plan, region, str(runtime), meter, dimension))
        if price is not None:
            sums[Held(tenant, account, plan, runtime)] += price * quantity
    return {held: NodeCost(_amount(exact), terms[held.tenant_id].currency) for held, exact in sums.items()}


def prices_of(lines: Iterable[Line], day: date) -> dict[Key, Fraction]:
    """Return what a base unit of each meter of each runtime costs on a day, on average of the lines that hold it. Pure.

    By price and quantity, not by the lines' costs: those are rounded, and a line of the month's first day is small.
    """
    moment = start_of(day)
    costs: dict[Key, Fraction] = defaultdict(Fraction)
    quantities: dict[Key, int] = defaultdict(int)
    for line in lines:
        is_usage = line.category is Category.USAGE and line.runtime and line.base_quantity > 0
        if not is_usage or not line.start <= moment < line.end:
            continue
        key = (line.account, line.plan, line.region, line.runtime, line.meter, line.dimension)
        costs[key] += Fraction(line.contracted_unit_price) * Fraction(line.quantity)
        quantities[key] += line.base_quantity
    return {key: cost / quantities[key] for key, cost in costs.items()}


def _amount(exact: Fraction) -> Decimal:
    quotient = EXACT.divide(Decimal(exact.numerator), Decimal(exact.denominator))
    return quotient.quantize(Decimal(1).scaleb(-DIGITS), context=EXACT)
