"""For FinOps: every price book, what it says, what another would have made of a month, and those on their way."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billing.books import uploading
from billing.books.models import PriceBook, ProposalState
from billing.books.reading import all_books, plans_of_books, the_book
from billing.books.rights import require_read
from billing.books.sentences import lines_in_words
from controlplane.console.fields.problems import Problem
from controlplane.console.fields.read import clean
from controlplane.console.pages import page, show
from controlplane.console.presenters import prices as words
from controlplane.console.presenters.badges import Badge
from controlplane.console.views.exports_fleet import months
from controlplane.console.visitor import ConsoleRequest
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Permission

FORBIDDEN = 403
NEWEST = 20
BADGES = {
    ProposalState.OPEN: Badge("Not active", "clock", "wait"),
    ProposalState.ACTIVE: Badge("Activated", "check-circle", "ok"),
    ProposalState.WITHDRAWN: Badge("Withdrawn", "archive-box", ""),
}


@require_http_methods(["GET", "POST"])
@page
def index(request: ConsoleRequest) -> HttpResponse:
    """Books with their versions, what was uploaded, and a form for one more."""
    actor, problems, typed = request.visitor.actor, list[Problem](), ""
    require_read(actor)
    if request.method == "POST":
        typed = _uploaded(request)
        try:
            row = uploading.propose(actor=actor, text=typed)
        except Refused as refusal:
            if refusal.status == FORBIDDEN:
                raise
            told = [fault.detail for fault in refusal.errors] or [refusal.detail]
            problems = [Problem("document", text) for text in told]
        else:
            messages.success(request, f"{row} is kept; look at it before you activate it.")
            return redirect("console:fleet-price-proposal", row.pk)
    today, books = utcnow().date(), dict[str, list[tuple[PriceBook, Badge]]]()
    for book in all_books(actor):
        books.setdefault(book.key, []).append((book, words.book_state(book, today)))
    plans = plans_of_books(today)
    context = {
        "books": [(key, versions, plans.get(key, ())) for key, versions in books.items()],
        "proposals": [
            (row, BADGES[ProposalState(row.state)])
            for row in uploading.visible_proposals(actor).order_by("-pk")[:NEWEST]
        ],
        "may_manage": actor.may(Permission.PRICE_MANAGE),
        "typed": typed,
        "problems": problems,
    }
    return show(request, "prices/fleet.html", context, status=422 if problems else 200)


@require_safe
@page
def book(request: ConsoleRequest, key: str, version: int) -> HttpResponse:
    """One version: its lines, what differs from another, and a month rated with it."""
    actor = request.visitor.actor
    row = the_book(actor, key, version)
    others = [one for one in all_books(actor) if one.pk != row.pk]
    before = _before(request, row, others)
    context = {
        "row": row,
        "state": words.book_state(row, utcnow().date()),
        "plans": plans_of_books(utcnow().date()).get(row.key, ()),
        **_said(row.document),
        "others": [str(one) for one in others],
        "before": before,
        "differences": words.differences_shown(before.document, row.document) if before else [],
        **choices(actor, row.key),
        "what": ("book", str(row)),
    }
    return show(request, "prices/book.html", context)


@require_safe
@page
def proposal(request: ConsoleRequest, proposal_id: UUID) -> HttpResponse:
    """One upload: what activating it would change."""
    actor = request.visitor.actor
    row = uploading.the_proposal(actor, proposal_id)
    look = uploading.look(row)
    context = {
        "row": row,
        "state": BADGES[ProposalState(row.state)],
        "is_open": row.state == ProposalState.OPEN,
        "may_manage": actor.may(Permission.PRICE_MANAGE),
        "look": look,
        "begins": date.fromisoformat(row.document["effective_from"]),
        "is_past": row.document["effective_from"] <= utcnow().date().isoformat(),
        "plans": plans_of_books(utcnow().date()).get(row.key, ()),
        **_said(row.document),
        "differences": words.differences_shown(look.before.document, row.document) if look.before else [],
        **choices(actor, row.key),
        "what": ("proposal", str(row.pk)),
    }
    return show(request, "prices/proposal.html", context)


@require_POST
@page
def activate(request: ConsoleRequest, proposal_id: UUID) -> HttpResponse:
    """Let an upload price usage."""
    row = uploading.activate(actor=request.visitor.actor, proposal_id=proposal_id)
    messages.success(request, f"{row} is active; it holds from {row.effective_from:%-d %B %Y} on.")
    return redirect("console:fleet-price-book", row.key, row.version)


@require_POST
@page
def withdraw(request: ConsoleRequest, proposal_id: UUID) -> HttpResponse:
    """Take an upload back."""
    row = uploading.withdraw(actor=request.visitor.actor, proposal_id=proposal_id)
    messages.success(request, f"{row} is withdrawn; nothing was priced with it.")
    return redirect("console:fleet-prices")


def _uploaded(request: ConsoleRequest) -> str:
    """Return the text of the chosen file, or the typed one."""
    file = request.FILES.get("file")
    if file is None:
        return clean(request.POST.get("document", ""))
    raw: bytes = file.read(uploading.LONGEST * 4)
    return clean(raw.decode("utf-8", errors="replace"))


def _before(request: ConsoleRequest, row: PriceBook, others: list[PriceBook]) -> PriceBook | None:
    """Return what a version is compared with: the one that was asked for, else the one before it."""
    asked = clean(request.GET.get("before", ""))
    if asked:
        return next((one for one in others if str(one) == asked), None)
    earlier = [one for one in others if one.key == row.key and one.version < row.version]
    return max(earlier, key=lambda one: one.version, default=None)


def _said(document: dict[str, Any]) -> dict[str, Any]:
    return {
        "lines": words.lines_shown(lines_in_words(document), document["currency"]),
        "free": ", ".join(words.meter_title(meter) for meter in document.get("free", ())),
        "credit": document.get("credit"),
    }


def choices(actor: Any, key: str, *, chosen: str = "", instead_of: str | None = None) -> dict[str, Any]:
    """Return what the form of what-if offers: months that began, and the books to stand in for."""
    known = sorted(set(all_books(actor).order_by().values_list("key", flat=True)))
    default = key if key in known else ""
    return {
        "months": [(f"{one:%Y-%m}", f"{one:%B %Y}") for one in months()],
        "chosen_month": chosen or f"{months()[1]:%Y-%m}",
        "books_known": known,
        "stands_for": default if instead_of is None else instead_of,
    }
