"""For FinOps: contracts, credits and commitments of tenants, and exchange rates; listed, agreed, ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from billing.books import agreeing, ending
from billing.books.models import Commitment, Contract, CreditGrant
from billing.books.reading import all_rates
from billing.books.rights import require_manage, require_read
from controlplane.console.fields.problems import Problem, place
from controlplane.console.fields.read import clean
from controlplane.console.fields.tree import Field
from controlplane.console.pages import page, show
from controlplane.console.presenters import agreements as words
from controlplane.console.submissions import new_token, once
from controlplane.console.typed import day, number
from controlplane.console.visitor import ConsoleRequest
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Permission
from controlplane.tenants.models import Tenant

FORBIDDEN = 403
NEWEST = 100


@dataclass(frozen=True)
class Kind:
    """One kind of agreement: its model, what it is called, and its doors."""

    model: type[Any]
    noun: str
    agree: Callable[..., Any]
    end: Callable[..., Any]
    named: str  # how its end's service calls the row's id
    day: str  # how it calls the day


KINDS = {
    "contract": Kind(
        Contract, "contract", agreeing.agree_contract, agreeing.end_contract, "contract_id", "ends"
    ),
    "credit": Kind(CreditGrant, "credit", agreeing.grant_credit, ending.end_credit, "credit_id", "expires"),
    "commitment": Kind(
        Commitment, "commitment", agreeing.agree_commitment, ending.end_commitment, "commitment_id", "ends"
    ),
}


@require_safe
@page
def index(request: ConsoleRequest) -> HttpResponse:
    """What was agreed, the newest first; of one tenant where it is named."""
    actor, slug = request.visitor.actor, clean(request.GET.get("tenant", ""))[:40]
    require_read(actor)
    today = utcnow().date()

    def rows(model: type[Any]) -> list[Any]:
        found = ending.visible(actor, model)
        return list((found.filter(tenant__slug=slug) if slug else found)[:NEWEST])

    context = {
        "contracts": [words.contract_shown(row, today) for row in rows(Contract)],
        "credits": [words.credit_shown(row, today) for row in rows(CreditGrant)],
        "commitments": [words.commitment_shown(row, today) for row in rows(Commitment)],
        "slug": slug,
        "may_manage": actor.may(Permission.PRICE_MANAGE),
    }
    return show(request, "prices/agreements.html", context)


@require_http_methods(["GET", "POST"])
@page
def new(request: ConsoleRequest, kind: str) -> HttpResponse:
    """A form for one more."""
    require_read(request.visitor.actor)
    require_manage(request.visitor.actor)
    about = _kind(kind)
    fields = words.fields_of(kind, _typed(request))
    problems: list[Problem] = []
    if request.method == "POST":
        try:
            address = once(
                token=request.POST.get("token", ""),
                user=request.visitor.user,
                work=lambda: _agree(request, about, kind, fields),
            )
        except Refused as refusal:
            problems = _placed(refusal, fields)
        else:
            messages.success(request, f"The {about.noun} is agreed.")
            return redirect(address)
    context = {"kind": kind, "fields": fields, "problems": problems, "token": new_token()}
    return show(request, "prices/agree.html", context, status=422 if problems else 200)


@require_http_methods(["GET", "POST"])
@page
def detail(request: ConsoleRequest, kind: str, agreement_id: UUID) -> HttpResponse:
    """One agreement, and a form to end it."""
    actor, about = request.visitor.actor, _kind(kind)
    row = ending.the_agreement(actor, about.model, about.noun, agreement_id)
    field = Field(
        "text", about.day, "Last day, exclusive", words.ENDS_HELP[kind], value=clean(request.POST.get(about.day, "")),
        required=True,
    )  # fmt: skip
    problems: list[Problem] = []
    if request.method == "POST":
        try:
            ended = about.end(
                actor=actor, **{about.named: row.pk, about.day: day(str(field.value), about.day)}
            )
        except Refused as refusal:
            problems = _placed(refusal, [field])
        else:
            messages.success(
                request,
                f"The {about.noun} of {row.tenant.name} ends on {getattr(ended, about.day):%-d %B %Y}.",
            )
            return redirect("console:fleet-agreements")
    shown = getattr(words, f"{kind}_shown")(row, utcnow().date())
    context = {
        "kind": kind,
        "row": row,
        "shown": shown,
        "facts": words.facts_of(kind, row),
        "field": field,
        "problems": problems,
        "may_end": _is_open(row, about),
        "has_end": getattr(row, about.day) is not None,
    }
    return show(request, "prices/agreement.html", context, status=422 if problems else 200)


@require_http_methods(["GET", "POST"])
@page
def rates(request: ConsoleRequest) -> HttpResponse:
    """Exchange rates, the newest first; one more is published here."""
    actor = request.visitor.actor
    require_read(actor)
    fields, problems = words.rate_fields(_typed(request)), list[Problem]()
    if request.method == "POST":
        require_manage(actor)
        typed = {field.name: str(field.value) for field in fields}
        try:
            row = agreeing.publish_rate(
                actor=actor,
                base=typed["base"].upper(),
                quote=typed["quote"].upper(),
                since=day(typed["since"], "since"),
                rate=number(typed["rate"], "rate", places=12),
                source=words.needed(typed["source"], "source", "Say where the rate is from."),
            )
        except Refused as refusal:
            problems = _placed(refusal, fields)
        else:
            messages.success(
                request, f"1 {row.base} is worth {row.rate.normalize():f} {row.quote} from {row.since} on."
            )
            return redirect("console:fleet-rates")
    context = {
        "rates": [(row, f"{row.rate.normalize():,f}") for row in all_rates(actor)[:NEWEST]],
        "fields": fields,
        "problems": problems,
        "may_manage": actor.may(Permission.PRICE_MANAGE),
    }
    return show(request, "prices/rates.html", context, status=422 if problems else 200)


def _agree(request: ConsoleRequest, about: Kind, kind: str, fields: list[Field]) -> str:
    typed = {field.name: str(field.value) for field in fields}
    typed |= {
        field.name: clean(request.POST.get(field.name, "")) for field in fields if field.kind == "select"
    }
    slug = typed.pop("tenant")
    tenant = Tenant.objects.filter(slug=slug).first()
    if tenant is None:
        raise Refused(
            "tenant_not_found", f"There is no tenant “{slug[:40]}”; write its slug.", field="tenant"
        )
    about.agree(actor=request.visitor.actor, tenant=tenant, **words.read_fields(kind, typed))
    return reverse("console:fleet-agreements")


def _is_open(row: Any, about: Kind) -> bool:
    """Whether a row has an end that lies ahead, or none: then it may come sooner."""
    ends = getattr(row, about.day)
    return ends is None or ends > utcnow().date()


def _kind(kind: str) -> Kind:
    if kind not in KINDS:
        raise Refused("not_found", "There is nothing at this address.", status=404)
    return KINDS[kind]


def _typed(request: ConsoleRequest) -> dict[str, str]:
    given = request.POST if request.method == "POST" else request.GET
    return {name: clean(given.get(name, "")) for name in given}


def _placed(refusal: Refused, fields: list[Field]) -> list[Problem]:
    if refusal.status == FORBIDDEN:
        raise refusal
    return place(refusal, fields)
