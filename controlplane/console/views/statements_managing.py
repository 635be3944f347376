"""What FinOps does with statements: draft, check, seal, adjust."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from billing.statements import adjusting, asking, reading, sealing
from controlplane.console.fields.read import clean
from controlplane.console.pages import page
from controlplane.console.presenters.statements import money
from controlplane.console.visitor import ConsoleRequest
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Permission
from controlplane.tenants.models import Tenant

WAITING = 50


def manager_context(request: ConsoleRequest) -> dict[str, Any]:
    """Return what the forms of FinOps need; nothing for everybody else."""
    actor = request.visitor.actor
    if not (actor.sees_every_tenant and actor.may(Permission.STATEMENT_MANAGE)):
        return {"may_manage": False}
    return {
        "may_manage": True,
        "waiting": [(row, money(row.amount)) for row in reading.open_adjustments(actor)[:WAITING]],
    }


@require_POST
@page
def draft(request: ConsoleRequest) -> HttpResponse:
    """Draft a month of a tenant at once."""
    reading.require_manage(request.visitor.actor)
    tenant = _tenant(request)
    month = asking.read_month(_said(request, "month"))
    row = asking.draft_now(actor=request.visitor.actor, tenant=tenant, month=month)
    messages.success(request, f"{month:%B %Y} of {tenant.name} is drafted.")
    return redirect("console:statement", row.pk)


@require_POST
@page
def adjust(request: ConsoleRequest) -> HttpResponse:
    """Give back or add an amount in a tenant's next statement."""
    reading.require_manage(request.visitor.actor)
    tenant = _tenant(request)
    try:
        amount = Decimal(_said(request, "amount"))
    except InvalidOperation as error:
        raise Refused(
            "amount_invalid", "Write the amount with digits, such as -12.50.", field="amount"
        ) from error
    adjusting.book_adjustment(
        actor=request.visitor.actor,
        tenant=tenant,
        category=_said(request, "category"),
        amount=amount,
        currency=_said(request, "currency").upper(),
        title=_said(request, "title"),
        reason=_said(request, "reason"),
    )
    messages.success(request, f"It will stand in the next statement of {tenant.name}.")
    return redirect("console:statements")


@require_POST
@page
def withdraw(request: ConsoleRequest, adjustment_id: UUID) -> HttpResponse:
    """Take back what is not billed yet."""
    actor = request.visitor.actor
    reading.the_adjustment(actor, adjustment_id)
    reading.require_manage(actor)
    adjusting.withdraw_adjustment(actor=actor, adjustment_id=adjustment_id)
    messages.success(request, "It is withdrawn.")
    return redirect("console:statements")


@require_POST
@page
def seal(request: ConsoleRequest, statement_id: UUID) -> HttpResponse:
    """Seal a month that is over."""
    actor = request.visitor.actor
    found = reading.the_statement(actor, statement_id)
    reading.require_manage(actor)
    row = sealing.seal_statement(actor=actor, statement_id=found.pk)
    messages.success(
        request, f"{row.month:%B %Y} is sealed as statement {row.number}; nothing of it changes any more."
    )
    return redirect("console:statement", row.pk)


@require_POST
@page
def check(request: ConsoleRequest, statement_id: UUID) -> HttpResponse:
    """Rate a sealed statement again and say whether it came out the same."""
    actor = request.visitor.actor
    row = reading.the_statement(actor, statement_id)
    reading.require_manage(actor)
    faults = asking.recheck(actor=actor, statement_id=row.pk)
    if faults:
        messages.error(request, " ".join(faults))
    else:
        messages.success(request, "Rated again, every byte is the same.")
    return redirect("console:statement", row.pk)


def _tenant(request: ConsoleRequest) -> Tenant:
    slug = _said(request, "tenant")
    found = Tenant.objects.filter(slug=slug).first()
    if found is None:
        raise Refused(
            "tenant_not_found",
            f"There is no tenant “{slug[:40]}”; write its slug.",
            field="tenant",
            status=404,
        )
    return found


def _said(request: ConsoleRequest, name: str) -> str:
    return clean(request.POST.get(name, "")).strip()
