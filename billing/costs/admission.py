"""Whether a budget that is used up stops new runtimes: asked inside the transaction that creates one."""

from __future__ import annotations

from billing.costs.models import BudgetMonth, Kind
from billing.costs.sentences import amount_in_words, next_month
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants.isolation import prepared
from controlplane.tenants.models import Account

# By hand: every runtime's creation asks, and nearly none is stopped. Rides on the budgets' key by tenant, then on
# costs_budget_month_once.
STOPPED = """
SELECT month.id FROM costs_budget_month AS month JOIN costs_budget AS budget ON budget.id = month.budget_id
WHERE budget.tenant_id = %(tenant)s::uuid AND budget.hard_stop
  AND (budget.account IS NULL OR budget.account = %(account)s::uuid)
  AND month.month = %(month)s::date AND month.spent >= budget.amount
ORDER BY budget.name LIMIT 1
"""


def refuse_exhausted(account: Account) -> None:
    """Raise Refused budget_exhausted (403) where a budget with a stop is used up, as it stood when it was last looked at."""
    today = utcnow().date()
    wanted = {"tenant": account.tenant_id, "account": account.id, "month": today.replace(day=1)}
    found = prepared.rows(STOPPED, wanted)
    if not found:
        return
    used_up = BudgetMonth.objects.select_related("budget").get(pk=found[0]["id"])
    budget = used_up.budget
    whose = f"account {account.name}" if budget.account else "your tenant"
    what = "emissions" if budget.kind == Kind.CARBON else "costs"
    detail = (
        f"The budget “{budget.name}” bounds the {what} of {whose} to {amount_in_words(budget.amount, budget.currency)} a month; "
        f"{amount_in_words(used_up.spent, budget.currency)} are used, and it stops new runtimes. Ask an owner, an admin or "
        f"somebody of finance to raise it or to lift its stop, or wait until {next_month(today)}."
    )
    if used_up.problem:
        detail += f" That is what is known; it can't be reckoned anew: {used_up.problem}"
    raise Refused("budget_exhausted", detail, status=403)
