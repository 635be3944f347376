"""What FinOps does with statements: draft, check, seal, adjust."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from billing.pricing.amounts import digits
from billing.statements import adjusting, asking, reading, sealing
from billing.statements.models import Statement
from controlplane.console.fields.problems import Problem, place
from controlplane.console.fields.read import clean
from controlplane.console.fields.tree import Field
from controlplane.console.pages import page, show
from controlplane.console.presenters import statement_forms as forms
from controlplane.console.presenters.durations import in_words
from controlplane.console.submissions import new_token, once
from controlplane.console.typed import number
from controlplane.console.visitor import ConsoleRequest
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Permission
from controlplane.tenants.models import Tenant

WAITING = 50
FORBIDDEN = 403
DRAFTED = "A draft comes by itself every {every}; this makes one at once, even of a month without usage."
ADJUSTED = "It stands as a line of its own in the next statement that is sealed for the tenant."


def manager_context(request: ConsoleRequest) -> dict[str, Any]:
    """Return what the forms of FinOps need; nothing for everybody else."""
    actor = request.visitor.actor
    if not (actor.sees_every_tenant and actor.may(Permission.STATEMENT_MANAGE)):
        return {"may_manage": False}
    found = list(reading.open_adjustments(actor)[: WAITING + 1])
    return {
        "may_manage": True,
        "waiting": [(row, digits(row.amount, row.currency)) for row in found[:WAITING]],
        "more_waiting": len(found) > WAITING,
    }


@require_http_methods(["GET", "POST"])
@page
def draft(request: ConsoleRequest) -> HttpResponse:
    """Draft a month of a tenant at once."""
    reading.require_manage(request.visitor.actor)
    fields = forms.draft_fields(request.POST)

    def act() -> HttpResponse:
        tenant = _tenant(request)
        month = asking.read_month(_said(request, "month"))
        row = asking.draft_now(actor=request.visitor.actor, tenant=tenant, month=month)
        messages.success(request, f"{month:%B %Y} of {tenant.name} is drafted.")
        return redirect("console:statement", row.pk)

    every = in_words(settings.STATEMENT_TICK_SECONDS)
    words = {
        "title": "Draft a month now",
        "lead": DRAFTED.format(every=every),
        "submit": "Draft the month",
    }
    return _form(request, fields, act, words)


@require_http_methods(["GET", "POST"])
@page
def adjust(request: ConsoleRequest) -> HttpResponse:
    """Give back or add an amount in a tenant's next statement."""
    reading.require_manage(request.visitor.actor)
    fields = forms.adjustment_fields(request.POST)

    def book() -> str:
        tenant = _tenant(request)
        adjusting.book_adjustment(
            actor=request.visitor.actor,
            tenant=tenant,
            category=_said(request, "category"),
            amount=number(_said(request, "amount"), "amount", signed=True),
            currency=_said(request, "currency").upper(),
            title=_said(request, "title"),
            reason=_said(request, "reason"),
        )
        messages.success(request, f"It will stand in the next statement of {tenant.name}.")
        return reverse("console:statements")

    def act() -> HttpResponse:
        return redirect(once(token=request.POST.get("token", ""), user=request.visitor.user, work=book))

    words = {"title": "Give back or add", "lead": ADJUSTED, "submit": "Book it"}
    return _form(request, fields, act, words)


@require_POST
@page
def withdraw(request: ConsoleRequest, adjustment_id: UUID) -> HttpResponse:
    """Take back what is not billed yet."""
    actor = request.visitor.actor
    reading.the_adjustment(actor, adjustment_id)
    reading.require_manage(actor)
    try:
        adjusting.withdraw_adjustment(actor=actor, adjustment_id=adjustment_id)
    except Refused as refusal:
        _tell(request, refusal)
    else:
        messages.success(request, "It is withdrawn.")
    return redirect("console:statements")


@require_http_methods(["GET", "POST"])
@page
def seal(request: ConsoleRequest, statement_id: UUID) -> HttpResponse:
    """Say what sealing a month means, and seal it once the month is typed: nothing takes it back."""
    actor = request.visitor.actor
    found = reading.the_statement(actor, statement_id)
    reading.require_manage(actor)
    if request.method == "GET" and found.number:  # asked for twice
        return redirect("console:statement", found.pk)
    (field,) = forms.seal_fields(request.POST, f"{found.month:%Y-%m}")
    problems: list[Problem] = []
    if request.method == "POST":
        try:
            row = _seal(request, found, field)
        except Refused as refusal:
            if refusal.status == FORBIDDEN:
                raise
            problems = place(refusal, [field])
        else:
            told = f"{row.month:%B %Y} is sealed as statement {row.number}; nothing of it changes any more."
            messages.success(request, told)
            return redirect("console:statement", row.pk)
    context = {
        "statement": found,
        "total": digits(found.total, found.currency),
        "field": field,
        "problems": problems,
    }
    return show(request, "statements/seal.html", context, status=422 if problems else 200)


def _seal(request: ConsoleRequest, found: Statement, field: Field) -> Statement:
    if field.value.strip() != f"{found.month:%Y-%m}":
        raise Refused("confirmation_wrong", f"confirm must be exactly {found.month:%Y-%m}.", field="confirm")
    return sealing.seal_statement(actor=request.visitor.actor, statement_id=found.pk)


@require_POST
@page
def check(request: ConsoleRequest, statement_id: UUID) -> HttpResponse:
    """Rate a sealed statement again and say whether it came out the same."""
    actor = request.visitor.actor
    row = reading.the_statement(actor, statement_id)
    reading.require_manage(actor)
    try:
        faults = asking.recheck(actor=actor, statement_id=row.pk)
    except Refused as refusal:
        _tell(request, refusal)
        return redirect("console:statement", row.pk)
    if faults:
        messages.error(request, " ".join(faults))
    else:
        messages.success(request, "Rated again, every byte is the same.")
    return redirect("console:statement", row.pk)


def _form(
    request: ConsoleRequest, fields: list[Field], act: Callable[[], HttpResponse], words: dict[str, str]
) -> HttpResponse:
    """Show a form; once it is sent do what it asks for, or show it again with what was refused beside its fields."""
    problems: list[Problem] = []
    if request.method == "POST":
        try:
            return act()
        except Refused as refusal:
            if refusal.status == FORBIDDEN:
                raise
            problems = place(refusal, fields)
    context = {"fields": fields, "problems": problems, "token": new_token(), **words}
    return show(request, "statements/form.html", context, status=422 if problems else 200)


def _tell(request: ConsoleRequest, refusal: Refused) -> None:
    """Say on the page that was asked from what was refused, and what to do."""
    if refusal.status == FORBIDDEN:
        raise refusal
    messages.error(request, refusal.detail)


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
