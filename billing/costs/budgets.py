"""The doors of budgets: make, change and remove one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet

from billing.books.services import currency_of
from billing.costs.checking import check_tenant
from billing.costs.models import Budget, Kind
from billing.pricing.money import places_of
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.kernel.ids import parse_uuid
from controlplane.tenants import audit
from controlplane.tenants.access import Actor, Permission
from controlplane.tenants.isolation.scopes import platform_scope
from controlplane.tenants.models import Account, Tenant
from controlplane.tenants.rights import require

MOST = 50  # of a tenant
LONGEST_NAME = 80
MOST_THRESHOLDS, HIGHEST_THRESHOLD = 10, 1000
LARGEST = Decimal(10) ** 12
DEFAULT_THRESHOLDS, DEFAULT_FORECAST = (50, 80, 100), (100,)
CHANGEABLE = ("name", "amount", "thresholds", "forecast_thresholds", "hard_stop")
NAME_TAKEN = "costs_budget_name_once"


def visible_budgets(actor: Actor) -> QuerySet[Budget]:
    """Return the budgets that an actor can see, by name."""
    rows = Budget.objects.select_related("tenant").order_by("name", "id")
    return rows if actor.sees_every_tenant else rows.filter(tenant=actor.tenant_id)


@transaction.atomic
def create_budget(
    *,
    actor: Actor,
    tenant: Tenant,
    name: str,
    amount: Decimal,
    kind: str = Kind.AMOUNT,
    account: str = "",
    thresholds: Sequence[int] = DEFAULT_THRESHOLDS,
    forecast_thresholds: Sequence[int] = DEFAULT_FORECAST,
    hard_stop: bool = False,
) -> Budget:
    """Make a budget of a tenant, or of one of its accounts (by id or slug); money is in the currency of its statements.

    It is looked at as soon as it is committed.
    Raises Refused: forbidden 403, account_unknown, name_taken 409, budgets_full 409, and what is wrong with a field.
    """
    require(actor, Permission.COST_MANAGE, tenant_id=tenant.id)
    _make_room(tenant)
    if kind not in Kind.values:
        raise Refused("kind_unknown", "kind must be amount or carbon.", field="kind")
    given = {"name": name, "amount": amount, "hard_stop": hard_stop}
    given |= {"thresholds": thresholds, "forecast_thresholds": forecast_thresholds}
    currency = currency_of(tenant.id, utcnow().date()) if kind == Kind.AMOUNT else ""
    owner = _account(tenant, account).id if account else None
    budget = Budget(tenant=tenant, account=owner, kind=kind, currency=currency, created_by=actor.name)
    for field, value in _checked(given, currency).items():
        setattr(budget, field, value)
    _save(budget, name)
    audit.record(
        "budget.create",
        actor=actor,
        tenant_id=tenant.id,
        target_type="budget",
        target_id=budget.id,
        changes={**_told(budget), "account": str(budget.account or ""), "kind": kind, "currency": currency},
    )
    _look_at_once(budget)
    return budget


@transaction.atomic
def change_budget(
    *, actor: Actor, budget_id: UUID, changes: Mapping[str, Any], expected_revision: int | None = None
) -> Budget:
    """Change a budget's name, amount, thresholds or stop; it is looked at at once.

    Raises Refused: budget_not_found 404, forbidden 403, stale_revision 412, name_taken 409, and what is wrong with a field.
    """
    budget = _locked(actor, budget_id)
    if expected_revision is not None and expected_revision != budget.revision:
        detail = (
            f"The budget {budget.name} was changed since you read it; read it again, then repeat your change."
        )
        raise Refused("stale_revision", detail, status=412)
    before = _told(budget)
    wanted = {name: value for name, value in changes.items() if name in CHANGEABLE}
    for name, value in _checked(wanted, budget.currency).items():
        setattr(budget, name, value)
    after = _told(budget)
    if after == before:
        return budget
    budget.due_at = utcnow()
    budget.revision = F("revision") + 1
    _save(budget, budget.name)
    budget.refresh_from_db()
    audit.record(
        "budget.change",
        actor=actor,
        tenant_id=budget.tenant_id,
        target_type="budget",
        target_id=budget.id,
        changes={
            name: {"before": before[name], "after": after[name]}
            for name in after
            if before[name] != after[name]
        },
    )
    _look_at_once(budget)
    return budget


@transaction.atomic
def remove_budget(*, actor: Actor, budget_id: UUID) -> None:
    """Remove a budget and what was noted of it. Raises Refused: budget_not_found 404, forbidden 403."""
    budget = _locked(actor, budget_id)
    told = _told(budget)
    tenant_id = budget.tenant_id
    budget.delete()
    audit.record(
        "budget.remove",
        actor=actor,
        tenant_id=tenant_id,
        target_type="budget",
        target_id=budget_id,
        changes=told,
    )


def no_such_budget(budget_id: object) -> Refused:
    """Return the refusal for what is not there, or is another's."""
    return Refused("budget_not_found", f"There is no budget {budget_id}.", status=404)


def _locked(actor: Actor, budget_id: UUID) -> Budget:
    budget = visible_budgets(actor).select_for_update(no_key=True, of=("self",)).filter(pk=budget_id).first()
    if budget is None:
        raise no_such_budget(budget_id)
    require(actor, Permission.COST_MANAGE, tenant_id=budget.tenant_id)
    return budget


def _look_at_once(budget: Budget) -> None:
    """Once it is committed, say how it stands: until then a stop that is used up stops nobody. Where that fails, beat does it."""
    tenant_id, budget_id = budget.tenant_id, budget.id

    def look() -> None:
        with platform_scope():  # how a budget stands is not for a tenant's own scope to say
            check_tenant(tenant_id=tenant_id, budgets=[budget_id], now=utcnow())

    transaction.on_commit(look, robust=True)


def _make_room(tenant: Tenant) -> None:
    Tenant.objects.select_for_update(no_key=True).get(pk=tenant.id)  # two of these count one after the other
    if Budget.objects.filter(tenant=tenant).count() >= MOST:
        detail = f"A tenant has at most {MOST} budgets; remove one that nobody needs."
        raise Refused("budgets_full", detail, status=409)


def _account(tenant: Tenant, text: str) -> Account:
    known = parse_uuid(text)
    rows = Account.objects.filter(tenant=tenant)
    found: Account | None = (rows.filter(pk=known) if known else rows.filter(slug=text)).first()
    if found is None:
        detail = (
            f"Your tenant has no account “{text[:64]}”; name one that it has, or none for the whole tenant."
        )
        raise Refused("account_unknown", detail, field="account")
    return found


def _save(budget: Budget, name: str) -> None:
    try:
        with transaction.atomic():
            budget.save()
    except IntegrityError as error:
        if NAME_TAKEN not in str(error):
            raise
        detail = f"There is a budget “{name}” already; choose another name."
        raise Refused("name_taken", detail, field="name", status=409) from error


def _checked(fields: Mapping[str, Any], currency: str) -> dict[str, Any]:
    found = dict(fields)
    if "name" in found:
        found["name"] = str(found["name"]).strip()
        if not 1 <= len(found["name"]) <= LONGEST_NAME:
            detail = f"name must have 1 to {LONGEST_NAME} characters."
            raise Refused("name_invalid", detail, field="name")
    if "amount" in found:
        found["amount"] = _amount(found["amount"], currency)
    for name in ("thresholds", "forecast_thresholds"):
        if name in found:
            found[name] = _thresholds(name, found[name])
    return found


def _amount(amount: Decimal, currency: str) -> Decimal:
    places = places_of(currency) if currency else 0
    if not amount.is_finite() or amount <= 0:
        raise Refused("amount_invalid", "amount must be more than 0.", field="amount")
    if amount > LARGEST:
        raise Refused("amount_invalid", f"amount must be at most {LARGEST:,f}.", field="amount")
    rounded = amount.quantize(Decimal(1).scaleb(-places))
    if rounded != amount:
        what = f"at most {places} decimal places, as {currency} has" if currency else "whole grams"
        raise Refused("amount_invalid", f"amount must have {what}.", field="amount")
    return rounded


def _thresholds(name: str, values: Sequence[int]) -> list[int]:
    found = sorted(set(values))
    if len(found) > MOST_THRESHOLDS or any(not 1 <= value <= HIGHEST_THRESHOLD for value in found):
        detail = f"{name} must be at most {MOST_THRESHOLDS} whole numbers from 1 to {HIGHEST_THRESHOLD}, in per cent."
        raise Refused("thresholds_invalid", detail, field=name)
    return found


def _told(budget: Budget) -> dict[str, Any]:
    # As it is kept it has more places than as it was typed.
    return {name: getattr(budget, name) for name in CHANGEABLE} | {"amount": f"{budget.amount.normalize():f}"}
