"""Looks after budgets: how each stands, and who is to be told. Two of these share the work, and tell once.

Where a month can't be reckoned in a budget's currency, or not all of it, the budget keeps what was known of it last, or has what
could be priced where that is more: so a stop is never lifted by a rate that is missing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import structlog
from django.db import transaction

from billing.costs import queries
from billing.costs.carbon import carbon_month, carbon_outlook
from billing.costs.forecasting import TooLittle
from billing.costs.models import Basis, Budget, BudgetMonth, Kind
from billing.costs.months import ZERO, Material, Month, load, rated_month
from billing.costs.projecting import Outlook, month_outlook
from billing.costs.sentences import rounded
from billing.costs.telling import tell, tell_problem
from billing.pricing.bounds import LARGEST_COST
from billing.pricing.fx import RateMissingError
from billing.pricing.money import EXACT
from billing.pricing.types import Problem
from billing.usage.slots import start_of
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused

AT_ONCE = 100
STILL_LATE = 2  # days of a new month in which the one before is looked at too
LIVELY, IDLE = timedelta(minutes=5), timedelta(hours=1)  # how old figures get, with runtimes and without
LONGEST_PROBLEM = 200  # characters
MOMENT = timedelta(microseconds=1)
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Stand:
    """How a budget stands; without a forecast the three are None.

    With a problem `spent` is no more than what is known: what it was last, or what could be priced where that is more.
    """

    spent: Decimal
    expected: Decimal | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    problem: str = ""  # a sentence
    code: str = ""  # of the problem


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
    """Look at some budgets of one tenant, for this month and, while it may still grow, for the one before if they were there."""
    rows = list(Budget.objects.filter(pk__in=budgets, tenant=tenant_id).select_related("tenant"))
    first = start_of(now.date().replace(day=1))
    looks = [(now, rows)]
    if now.day <= STILL_LATE:
        looks.append((first - timedelta(days=1), [budget for budget in rows if budget.created_at < first]))
    for moment, those in looks:
        stands = stands_of(tenant_id=tenant_id, budgets=those, moment=moment, now=now)
        for budget in those:
            with (
                transaction.atomic()
            ):  # each alone: letters that several share are never waited for with others held
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
            found |= {budget.id: money_stand(budget, material, month, outlook) for budget in money}
        except Refused as refusal:
            found |= {budget.id: _unknown(ZERO, refusal.code, refusal.detail) for budget in money}
        found |= _with_what_was_known(found, moment.date().replace(day=1))
    carbon = [budget for budget in budgets if budget.kind == Kind.CARBON]
    if carbon:
        emitted = carbon_month(tenant_id=tenant_id, moment=moment, now=now)
        ahead = carbon_outlook(tenant_id=tenant_id, now=now) if moment == now else {}
        for budget in carbon:
            key = str(budget.account or "")
            found[budget.id] = Stand(emitted.get(key, ZERO), *(ahead.get(key) or (None, None, None)))
    return found


def money_stand(budget: Budget, material: Material, month: Month, outlook: Outlook | None) -> Stand:
    """Return how a budget of money stands in a month that was rated, as far as it could be; in the budget's currency."""
    try:
        worth = _exchange(budget, material, month)
    except RateMissingError:
        words = (
            f"Your statements are in {month.currency} now, and no exchange rate to {budget.currency} holds; "
            f"make the budget anew in {month.currency}, or ask the platform's team for a rate."
        )
        return _unknown(ZERO, "budget_currency", words)
    account = str(budget.account) if budget.account else ""
    spent = worth(sum((cell.cost for cell in month.cells if not account or cell.account == account), ZERO))
    if problem := _problem_of(account, material, month):
        return _unknown(spent, problem.code, f"Not all could be priced: {problem.detail}")
    if abs(spent) >= LARGEST_COST:
        return _unknown(ZERO, "cost_too_large", f"It is more than can be told in {budget.currency}.")
    if outlook is None or isinstance(outlook, TooLittle):
        return Stand(spent)
    ahead = (outlook.expected, outlook.low, outlook.high)
    if account:
        ahead = outlook.accounts.get(account, (spent, spent, spent))
    expected, low, high = map(worth, ahead)
    return Stand(spent, expected, low, high) if high < LARGEST_COST else Stand(spent)


def _exchange(budget: Budget, material: Material, month: Month) -> Callable[[Decimal], Decimal]:
    """Return what turns the month's amounts into the budget's currency, by the rate of the last moment that is in it.

    Raises RateMissingError.
    """
    if month.currency == budget.currency:
        return lambda amount: amount
    until = max(month.period.start, month.until - MOMENT)
    rate = material.terms.rates.at(month.currency, budget.currency, until)
    return lambda amount: rounded(EXACT.multiply(amount, rate), budget.currency)


def _problem_of(account: str, material: Material, month: Month) -> Problem | None:
    """Return the first thing that could not be priced, of an account's usage or of everybody's."""
    rows = len(material.items)
    for problem in month.problems:
        whose = material.items[problem.row].account if 0 <= problem.row < rows else ""
        if not account or not whose or whose == account:
            return problem
    return None


def _unknown(spent: Decimal, code: str, words: str) -> Stand:
    shown = words if len(words) <= LONGEST_PROBLEM else f"{words[: LONGEST_PROBLEM - 1]}…"
    return Stand(min(spent, LARGEST_COST - 1), problem=shown, code=code)


def _with_what_was_known(stands: Mapping[UUID, Stand], month: date) -> dict[UUID, Stand]:
    """Return the stands with a problem as they were known last, or with what is known now where that is more."""
    troubled = [budget for budget, stand in stands.items() if stand.problem]
    known = BudgetMonth.objects.filter(budget__in=troubled, month=month) if troubled else ()
    return {
        row.budget_id: replace(
            stands[row.budget_id],
            spent=max(stands[row.budget_id].spent, row.spent),
            expected=row.expected,
            low=row.low,
            high=row.high,
        )
        for row in known
    }


def passed(value: Decimal | None, amount: Decimal, thresholds: Sequence[int]) -> list[int]:
    """Return the thresholds that a value has reached."""
    return [] if value is None else [one for one in thresholds if value * 100 >= amount * one]


def _outlook(tenant_id: UUID, material: Material, month: Month, now: datetime) -> Outlook:
    return month_outlook(tenant_id=tenant_id, now=now, material=material, month=month)


def _note(budget: Budget, stand: Stand, month: date, now: datetime) -> None:
    about = {"budget": budget.id, "month": month}
    whose = {"tenant": budget.tenant_id, **about}
    figures = {
        "spent": stand.spent,
        "expected": stand.expected,
        "low": stand.low,
        "high": stand.high,
        "problem": stand.problem,
    }
    if stand.problem and not BudgetMonth.objects.filter(**about, problem=stand.problem).exists():
        tell_problem(budget, spent=stand.spent, code=stand.code, problem=stand.problem, month=month)
    queries.note_month({**whose, **figures, "now": now})
    looks: Mapping[Basis, tuple[Decimal | None, Sequence[int]]] = {
        Basis.ACTUAL: (stand.spent, budget.thresholds),
        # What was expected before there was a problem was told then.
        Basis.FORECAST: (None if stand.problem else stand.expected, budget.forecast_thresholds),
    }
    for basis, (value, thresholds) in looks.items():
        reached = passed(value, budget.amount, thresholds)
        values = {**whose, "basis": basis.value, "value": value, "amount": budget.amount}
        fresh = queries.notice(values, reached) if reached else []
        if fresh:
            over = month < now.date().replace(day=1)
            known = (stand.spent, stand.expected)
            tell(budget, *known, basis=basis, threshold=fresh[-1], month=month, is_over=over)
