"""Tells people about a budget: who answers for a tenant's money, once for each threshold; of a problem FinOps too."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from uuid import UUID

from django.conf import settings

from billing.costs.models import Basis, Budget, BudgetAlert
from billing.costs.sentences import amount_in_words, next_month
from controlplane.kernel.clock import utcnow
from controlplane.notices.services import notify
from controlplane.tenants.access import ALLOWED, Permission, PlatformRole
from controlplane.tenants.models import Account, Member, User

ALERT, PROBLEM = "budget-alert", "budget-problem"


def tell(
    budget: Budget,
    spent: Decimal,
    expected: Decimal | None,
    *,
    basis: Basis,
    threshold: int,
    month: date,
    is_over: bool,
) -> int:
    """Write to everybody who manages the tenant's costs, in the caller's transaction; return to how many.

    A month that is over stops nobody.
    """
    stops = budget.hard_stop and not is_over
    account = Account.objects.filter(pk=budget.account).first() if budget.account else None
    context = {
        "budget": budget.name,
        "tenant": budget.tenant.name,
        "account": account.name if account else "",
        "month": f"{month:%B %Y}",
        "amount": amount_in_words(budget.amount, budget.currency),
        "spent": amount_in_words(spent, budget.currency),
        "expected": amount_in_words(expected, budget.currency) if expected is not None else "",
        "on_forecast": basis is Basis.FORECAST,
        "threshold": threshold,
        "stopped": stops and spent >= budget.amount,
        "stops": stops,
        "until": next_month(month),
        "link": f"{settings.PUBLIC_URL}/costs/",
    }
    people = recipients(budget)
    for user_id, address in people:
        key = f"{ALERT}:{budget.id}:{month}:{basis}:{threshold}:{user_id}"
        notify(to=address, kind=ALERT, context=context, tenant_id=budget.tenant_id, dedupe_key=key)
    BudgetAlert.objects.filter(budget=budget, month=month, basis=basis, threshold=threshold).update(
        told=len(people)
    )
    return len(people)


def tell_problem(budget: Budget, *, spent: Decimal, code: str, problem: str, month: date) -> int:
    """Write once a month and kind of problem that a budget can't be reckoned; return to how many.

    To everybody who manages the tenant's costs of each budget, to FinOps of the first; in the caller's transaction. A month that
    is over stops nobody.
    """
    stops = budget.hard_stop and month >= utcnow().date().replace(day=1)
    context = {
        "budget": budget.name,
        "tenant": budget.tenant.name,
        "month": f"{month:%B %Y}",
        "amount": amount_in_words(budget.amount, budget.currency),
        "spent": amount_in_words(spent, budget.currency),
        "problem": problem,
        "stopped": stops and spent >= budget.amount,
        "stops": stops,
        "link": f"{settings.PUBLIC_URL}/costs/",
    }
    people = {address: f"{budget.id}:{user}" for user, address in recipients(budget)}
    for user, address in _finops():
        people.setdefault(address, f"{budget.tenant_id}:{user}")
    for address, whose in people.items():
        key = f"{PROBLEM}:{month}:{code}:{whose}"
        notify(to=address, kind=PROBLEM, context=context, tenant_id=budget.tenant_id, dedupe_key=key)
    return len(people)


def _finops() -> list[tuple[UUID, str]]:
    rows = User.objects.filter(platform_role=PlatformRole.FINOPS, is_active=True).exclude(email="")
    return list(rows.order_by("id").values_list("id", "email"))


def recipients(budget: Budget) -> list[tuple[UUID, str]]:
    """Return the tenant's people who may manage its costs, with their addresses; who has none sees it in the console."""
    roles = [role for role, allowed in ALLOWED.items() if Permission.COST_MANAGE in allowed]
    rows = Member.objects.filter(tenant=budget.tenant_id, role__in=roles, user__is_active=True)
    return list(rows.exclude(user__email="").order_by("user_id").values_list("user_id", "user__email"))
