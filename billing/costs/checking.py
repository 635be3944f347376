"""Looks after budgets: how each stands, and who is to be told. Two of these share the work, and tell once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import structlog
from django.db import transaction

from billing.costs import queries
from billing.costs.carbon import carbon_month, carbon_outlook
from billing.costs.forecasting import TooLittle
from billing.costs.models import Basis, Budget, Kind
from billing.costs.months import ZERO, Material, Month, load, rated_month
from billing.costs.projecting import Outlook, month_outlook
from billing.costs.telling import tell
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused

AT_ONCE = 100
STILL_LATE = 2  # days of a new month in which the one before is looked at too
LIVELY, IDLE = timedelta(minutes=5), timedelta(hours=1)  # how old figures get, with runtimes and without
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Stand:
    """How a budget stands; without a forecast the three are None."""

    spent: Decimal
    expected: Decimal | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    problem: str = ""


def check_budgets(*, now: datetime | None = None, most: int = AT_ONCE) -> int:
    """Look at the budgets whose turn it is; return how many. A tenant that fails holds up no other one."""
    moment = now or utcnow()
    claimed = queries.claim_budgets(now=moment, most=most, soon=LIVELY, late=IDLE)
    by_tenant: dict[UUID, list[UUID]] = defaultdict(list)
    for budget, tenant in claimed:
        by_tenant[tenant].append(budget)
    for tenant, budgets in by_tenant.items():
        try:
            check_tenant(tenant_id=tenant, budgets=budgets, now=moment)
        except Exception:
            log.exception("budgets could not be checked", tenant=str(tenant))
    return len(claimed)


def check_tenant(*, tenant_id: UUID, budgets: Sequence[UUID], now: datetime) -> None:
    """Look at some budgets of one tenant, for this month and, while it may still grow, for the one before."""
    rows = list(Budget.objects.filter(pk__in=budgets, tenant=tenant_id).select_related("tenant"))
    moments = [now]
    if now.day <= STILL_LATE:
        moments.append(now.replace(day=1) - timedelta(days=1))
    for moment in moments:
        stands = stands_of(tenant_id=tenant_id, budgets=rows, moment=moment, now=now)
        with transaction.atomic():
            for budget in rows:
                _note(budget, stands[budget.id], moment.date().replace(day=1), now)


def stands_of(
    *, tenant_id: UUID, budgets: Sequence[Budget], moment: datetime, now: datetime
) -> dict[UUID, Stand]:
    """Return how budgets of one tenant stand in the month of a moment; nothing is written."""
    found: dict[UUID, Stand] = {}
    money = [budget for budget in budgets if budget.kind == Kind.AMOUNT]
    if money:
        try:
            material = load(tenant_id=tenant_id, moment=moment, now=now)
            month = rated_month(material, tenant_id=tenant_id)
            outlook = None if month.is_over else _outlook(tenant_id, material, month, now)
            found |= {budget.id: money_stand(budget, month, outlook) for budget in money}
        except Refused as refusal:
            found |= {budget.id: Stand(ZERO, problem=refusal.detail[:200]) for budget in money}
    carbon = [budget for budget in budgets if budget.kind == Kind.CARBON]
    if carbon:
        emitted = carbon_month(tenant_id=tenant_id, moment=moment, now=now)
        ahead = carbon_outlook(tenant_id=tenant_id, now=now) if moment == now else {}
        for budget in carbon:
            key = str(budget.account or "")
            found[budget.id] = Stand(emitted.get(key, ZERO), *(ahead.get(key) or (None, None, None)))
    return found


def money_stand(budget: Budget, month: Month, outlook: Outlook | None) -> Stand:
    """Return how a budget of money stands in a month that was rated."""
    if month.currency != budget.currency:
        words = f"Your statements are in {month.currency} now; make the budget anew in that currency."
        return Stand(ZERO, problem=words)
    account = str(budget.account) if budget.account else ""
    spent = sum((cell.cost for cell in month.cells if not account or cell.account == account), ZERO)
    if outlook is None or isinstance(outlook, TooLittle):
        return Stand(spent)
    if not account:
        return Stand(spent, outlook.expected, outlook.low, outlook.high)
    return Stand(spent, *outlook.accounts.get(account, (spent, spent, spent)))


def passed(value: Decimal | None, amount: Decimal, thresholds: Sequence[int]) -> list[int]:
    """Return the thresholds that a value has reached."""
    return [] if value is None else [one for one in thresholds if value * 100 >= amount * one]


def _outlook(tenant_id: UUID, material: Material, month: Month, now: datetime) -> Outlook:
    return month_outlook(tenant_id=tenant_id, now=now, material=material, month=month)


def _note(budget: Budget, stand: Stand, month: date, now: datetime) -> None:
    whose = {"tenant": budget.tenant_id, "budget": budget.id, "month": month}
    figures = {
        "spent": stand.spent,
        "expected": stand.expected,
        "low": stand.low,
        "high": stand.high,
        "problem": stand.problem,
    }
    queries.note_month({**whose, **figures, "now": now})
    if stand.problem:
        return
    looks: Mapping[Basis, tuple[Decimal | None, Sequence[int]]] = {
        Basis.ACTUAL: (stand.spent, budget.thresholds),
        Basis.FORECAST: (stand.expected, budget.forecast_thresholds),
    }
    for basis, (value, thresholds) in looks.items():
        reached = passed(value, budget.amount, thresholds)
        values = {**whose, "basis": basis.value, "value": value, "amount": budget.amount}
        fresh = queries.notice(values, reached) if reached else []
        if fresh:
            tell(budget, stand.spent, stand.expected, basis=basis, threshold=fresh[-1], month=month)
