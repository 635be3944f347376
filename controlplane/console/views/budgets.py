"""Budgets: make one, change it, remove it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from billing.books.services import currency_of
from billing.costs import budgets as doors
from billing.costs.checking import stands_of
from billing.costs.models import Budget, BudgetAlert, BudgetMonth, Kind
from billing.costs.names import named
from billing.costs.sentences import amount_in_words, rounded
from controlplane.console.fields.problems import Problem, place
from controlplane.console.fields.read import clean
from controlplane.console.fields.tree import Field, Option
from controlplane.console.pages import page, show
from controlplane.console.presenters.costs import budget_shown, carbon_or_money, month_title
from controlplane.console.typed import number
from controlplane.console.visitor import ConsoleRequest, require
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Permission
from controlplane.tenants.models import Account, Tenant

NEWEST = 20
FORBIDDEN = 403


@require_http_methods(["GET", "POST"])
@page
def new(request: ConsoleRequest) -> HttpResponse:
    """A form for a budget."""
    tenant = require(request.visitor, Permission.COST_MANAGE)
    fields = _new_fields(request, tenant)
    problems: list[Problem] = []
    if request.method == "POST":
        try:
            doors.create_budget(
                actor=request.visitor.actor,
                tenant=tenant,
                kind=clean(request.POST.get("kind", Kind.AMOUNT)),
                account=clean(request.POST.get("account", "")),
                **_typed(request),
            )
        except Refused as refusal:
            problems = _placed(refusal, fields)
        else:
            messages.success(request, "The budget is set; it is looked at now, and every few minutes.")
            return redirect("console:costs")
    context = {"fields": fields, "problems": problems, "tenant": tenant}
    return show(request, "costs/budget.html", context, status=422 if problems else 200)


@require_http_methods(["GET", "POST"])
@page
def detail(request: ConsoleRequest, budget_id: UUID) -> HttpResponse:
    """A budget's fields, the alerts that were told, and why it can't be reckoned where it can't."""
    row: Budget | None = doors.visible_budgets(request.visitor.actor).filter(pk=budget_id).first()
    if row is None:
        raise doors.no_such_budget(budget_id)
    require(request.visitor, Permission.COST_MANAGE, row.tenant)
    fields = _fields(request, row)
    problems: list[Problem] = []
    if request.method == "POST":
        try:
            doors.change_budget(actor=request.visitor.actor, budget_id=row.id, changes=_typed(request))
        except Refused as refusal:
            problems = _placed(refusal, fields)
        else:
            messages.success(request, "The budget is changed.")
            return redirect("console:costs")
    alerts = BudgetAlert.objects.filter(budget=row).order_by("-noticed_at")[:NEWEST]
    now = utcnow()
    trouble = (
        BudgetMonth.objects.filter(budget=row, month=now.date().replace(day=1)).exclude(problem="").first()
    )
    stand = stands_of(tenant_id=row.tenant_id, budgets=[row], moment=now, now=now)[row.id]
    context = {
        "row": row,
        "month": month_title(now),
        "budget": budget_shown(row, stand, named([str(row.account)] if row.account else [], [])),
        "problem": "" if trouble else stand.problem,
        "trouble": trouble,
        "known_spent": amount_in_words(trouble.spent, row.currency) if trouble else "",
        "fields": fields,
        "problems": problems,
        "alerts": [(alert, amount_in_words(alert.value, row.currency)) for alert in alerts],
        "tenant": row.tenant,
    }
    return show(request, "costs/budget.html", context, status=422 if problems else 200)


@require_POST
@page
def remove(request: ConsoleRequest, budget_id: UUID) -> HttpResponse:
    """Remove a budget."""
    doors.remove_budget(actor=request.visitor.actor, budget_id=budget_id)
    messages.success(request, "The budget is removed.")
    return redirect("console:costs")


def _new_fields(request: ConsoleRequest, tenant: Tenant) -> list[Field]:
    account, kind = (clean(request.POST.get(name, "")) for name in ("account", "kind"))
    accounts = Account.objects.filter(tenant=tenant).order_by("slug")
    whose = [("", "The whole tenant"), *((row.slug, row.name) for row in accounts)]
    kinds = [(Kind.AMOUNT.value, "Money"), (Kind.CARBON.value, "Emissions (CO₂e)")]
    first = [
        Field(
            "select",
            "account",
            "Of",
            options=[Option(key, title, chosen=key == account) for key, title in whose],
        ),
        Field(
            "select",
            "kind",
            "Bounds",
            options=[Option(key, title, chosen=key == kind) for key, title in kinds],
        ),
    ]
    return [*first, *_fields(request, None, currency=currency_of(tenant.id, utcnow().date()))]


def _fields(request: ConsoleRequest, row: Budget | None, *, currency: str = "") -> list[Field]:
    """The form, as it was typed or as it stands."""
    post = request.POST if request.method == "POST" else None

    def value(name: str, now: str) -> str:
        return clean(post.get(name, "")) if post is not None else now

    unit = carbon_or_money(row.kind, row.currency) if row else f"{currency}, or grams of CO₂e"
    thresholds = row.thresholds if row else list(doors.DEFAULT_THRESHOLDS)
    ahead = row.forecast_thresholds if row else list(doors.DEFAULT_FORECAST)
    stop = bool(post.get("hard_stop")) if post is not None else bool(row and row.hard_stop)
    per_cent = "Per cent, with commas between; none: nobody is told."
    return [
        Field("text", "name", "Name", value=value("name", row.name if row else ""), required=True),
        Field(
            "text",
            "amount",
            "A month",
            f"In {unit}.",
            value=value("amount", _amount(row) if row else ""),
            required=True,
        ),
        Field(
            "text", "thresholds", "Tell when spent", per_cent, value=value("thresholds", _listed(thresholds))
        ),
        Field(
            "text",
            "forecast_thresholds",
            "Tell when expected",
            "Of what is expected by the month's end. " + per_cent,
            value=value("forecast_thresholds", _listed(ahead)),
        ),
        Field(
            "switch",
            "hard_stop",
            "Stop new runtimes",
            "Once it is used up, nobody can order more until the month ends. What runs goes on.",
            value=stop,
        ),
    ]


def _typed(request: ConsoleRequest) -> dict[str, Any]:
    post = request.POST
    return {
        "name": clean(post.get("name", "")),
        "amount": number(clean(post.get("amount", "")), "amount", digits=13),
        "thresholds": _numbers("thresholds", clean(post.get("thresholds", ""))),
        "forecast_thresholds": _numbers("forecast_thresholds", clean(post.get("forecast_thresholds", ""))),
        "hard_stop": bool(post.get("hard_stop")),
    }


def _numbers(name: str, text: str) -> list[int]:
    parts = [part.strip().removesuffix("%").strip() for part in text.split(",") if part.strip()]
    if not all(part.isascii() and part.isdigit() and len(part) < 5 for part in parts):  # noqa: PLR2004
        detail = f"{name} must be whole numbers with commas between, such as 50, 80, 100."
        raise Refused("thresholds_invalid", detail, field=name)
    return [int(part) for part in parts]


def _placed(refusal: Refused, fields: list[Field]) -> list[Problem]:
    if refusal.status == FORBIDDEN:
        raise refusal
    return place(refusal, fields)


def _listed(values: list[int]) -> str:
    return ", ".join(map(str, values))


def _amount(row: Budget) -> str:
    return f"{rounded(row.amount, row.currency):f}" if row.currency else f"{row.amount:.0f}"
