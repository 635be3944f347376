"""Whether a budget that is used up stops new runtimes: asked inside the transaction that creates one."""

from __future__ import annotations

from django.db.models import F, Q

from billing.costs.models import BudgetMonth, Kind
from billing.costs.sentences import amount_in_words, next_month
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants.models import Account


def refuse_exhausted(account: Account) -> None:
    """Raise Refused budget_exhausted (403) where a budget with a stop is used up, as it stood when it was last looked at."""
    today = utcnow().date()
    used_up = (
        BudgetMonth.objects.filter(
            Q(budget__account__isnull=True) | Q(budget__account=account.id),
            budget__tenant=account.tenant_id,
            budget__hard_stop=True,
            month=today.replace(day=1),
            spent__gte=F("budget__amount"),
        )
        .select_related("budget")
        .order_by("budget__name")
        .first()
    )
    if used_up is None:
        return
    budget = used_up.budget
    whose = f"account {account.name}" if budget.account else "your tenant"
    what = "emissions" if budget.kind == Kind.CARBON else "costs"
    detail = (
        f"The budget “{budget.name}” bounds the {what} of {whose} to {amount_in_words(budget.amount, budget.currency)} a month; "
        f"{amount_in_words(used_up.spent, budget.currency)} are used, and it stops new runtimes. Ask an owner, an admin or "
        f"somebody of finance to raise it or to lift its stop, or wait until {next_month(today)}."
    )
    raise Refused("budget_exhausted", detail, status=403)
