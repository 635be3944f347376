"""What the demo's tenants agreed, what was sealed for them, and the budgets they keep: all by the services of those rooms."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import date
from decimal import ROUND_UP, Decimal

from django.db.models import Sum

from billing.books.agreeing import agree_commitment, grant_credit
from billing.books.models import Commitment, CreditGrant
from billing.costs.budgets import create_budget
from billing.costs.models import Budget
from billing.statements.drafting import draft_month
from billing.statements.models import Charge, State, Statement
from billing.statements.sealing import seal_statement
from billing.usage.slots import month_before, month_of
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import SYSTEM, Actor
from controlplane.tenants.models import Account, Tenant

CREDITED, COMMITTED, BUDGETED = "kythira-games", "meltemi-energy", "aegean-shipping"
CREDIT, COMMITTED_UNITS, FEE = Decimal(250), Decimal(60_000), Decimal(1560)
NEARLY = Decimal("0.78")  # of a budget: the next threshold, 80 %, is days away
OVERSPENT, OVER = "analytics", Decimal("1.04")
_CURRENCY = "EUR"
_TRIES, _PAUSE_SECONDS = 60, 2.0


def agree(today: date) -> None:
    """Give one tenant a credit and agree a commitment with another, both from last month on."""
    last = month_before(today)
    in_a_year = last.replace(year=last.year + 1)
    credited, committed = (Tenant.objects.get(slug=slug) for slug in (CREDITED, COMMITTED))
    if not CreditGrant.objects.filter(tenant=credited).exists():
        grant_credit(
            actor=SYSTEM, tenant=credited, title="Welcome credit", currency=_CURRENCY, amount=CREDIT, starts=last,
            expires=in_a_year, reason="A studio that tries the platform for a year.",
        )  # fmt: skip
    if not Commitment.objects.filter(tenant=committed).exists():
        agree_commitment(
            actor=SYSTEM, tenant=committed, title="Cores of the control room", meter="vcpu", units=COMMITTED_UNITS,
            currency=_CURRENCY, fee=FEE, starts=last, ends=in_a_year,
        )  # fmt: skip


def seal(months: Sequence[date], say: Callable[[str], None]) -> None:
    """Seal the statements of months that are over, oldest first; those that are sealed stay as they are."""
    for month in months:
        draft_month(month)
        for row in Statement.objects.filter(month=month, state=State.DRAFT).select_related("tenant"):
            _seal(row)
            say(f"statement of {row.tenant.name} for {month:%B %Y} sealed")


def draft_this_month(today: date) -> None:
    """Draft the month that goes on, with what was found late."""
    draft_month(month_of(today))


def keep_budgets(today: date, actor: Actor) -> None:
    """Give one tenant a budget that its draft nearly fills, and one account another; budgets are its own people's to make."""
    tenant = Tenant.objects.get(slug=BUDGETED)
    draft = Statement.objects.filter(tenant=tenant, month=month_of(today)).first()
    if draft is None or draft.total <= 0 or Budget.objects.filter(tenant=tenant).exists():
        return
    create_budget(actor=actor, tenant=tenant, name="Whole company", amount=_whole(draft.total / NEARLY))
    account = Account.objects.get(tenant=tenant, slug=OVERSPENT)
    spent = Charge.objects.filter(statement=draft, account=account.pk).aggregate(sum=Sum("billed_cost"))[
        "sum"
    ]
    if spent and spent > 0:
        create_budget(
            actor=actor, tenant=tenant, name=account.name, account=OVERSPENT, amount=_whole(spent / OVER), thresholds=(75, 100),
        )  # fmt: skip


def _whole(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal(1), ROUND_UP)


def _seal(row: Statement) -> None:
    """Seal one; a beat that is at its hours right now is waited for."""
    for attempt in range(_TRIES):
        try:
            seal_statement(actor=SYSTEM, statement_id=row.pk)
        except Refused as refusal:
            if refusal.code == "statement_sealed":
                return
            if refusal.code != "usage_unsettled" or attempt == _TRIES - 1:
                raise
            time.sleep(_PAUSE_SECONDS)
        else:
            return
