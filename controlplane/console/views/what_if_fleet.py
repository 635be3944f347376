"""For FinOps: what other prices would have made of a month; asked here, rated by a worker, looked at while it comes."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from billing.books import uploading
from billing.books.asking import ask_what_if, sums_of, the_what_if, visible_what_ifs
from billing.books.models import PriceBook, PriceProposal
from billing.books.reading import book_named
from billing.books.rights import require_read
from billing.books.what_if_models import WhatIf
from billing.costs.months import require_month
from controlplane.console.fields.read import clean
from controlplane.console.pages import page, show, show_live
from controlplane.console.presenters import prices as words
from controlplane.console.presenters.badges import Badge
from controlplane.console.views.exports_fleet import months
from controlplane.console.views.prices_fleet import choices
from controlplane.console.visitor import ConsoleRequest
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.kernel.ids import parse_uuid
from controlplane.tenants.jobs import JobState
from controlplane.tenants.models import Tenant

NEWEST, PAGE_SIZE, FULL = 30, 50, 100
LIVE = "prices/_what_if_live.html"
MOVING = (JobState.WAITING, JobState.RUNNING)
BADGES = {
    JobState.WAITING: Badge("Waits for a worker", "clock", "wait"),
    JobState.RUNNING: Badge("Being rated", "arrow-path", "busy"),
    JobState.DONE: Badge("Rated", "check-circle", "ok"),
    JobState.FAILED: Badge("Not rated", "exclamation-triangle", "bad"),
}


@require_http_methods(["GET", "POST"])
@page
def index(request: ConsoleRequest) -> HttpResponse:
    """The questions of a week; one more is asked from the page of a book or an upload."""
    actor = request.visitor.actor
    require_read(actor)
    if request.method == "POST":
        text = clean(request.POST.get("month", "")) or f"{months()[1]:%Y-%m}"
        row = ask_what_if(
            actor=actor,
            subject=_subject(request),
            month=require_month(text, now=utcnow()).date(),
            instead_of=clean(request.POST.get("instead_of", ""))[:39],
        )
        return redirect("console:fleet-what-if-one", row.pk)
    rows = visible_what_ifs(actor).order_by("-pk")[:NEWEST]
    return show(
        request, "prices/what_ifs.html", {"rows": [(row, BADGES[JobState(row.state)]) for row in rows]}
    )


@require_safe
@page
def detail(request: ConsoleRequest, what_if_id: UUID) -> HttpResponse:
    """One question: how far it is, and what everybody who was rated so far would have been charged."""
    actor = request.visitor.actor
    row = the_what_if(actor, what_if_id)
    after = clean(request.GET.get("after", ""))[:63]
    found = list(row.answers.filter(slug__gt=after).order_by("slug")[: PAGE_SIZE + 1])
    shown = found[:PAGE_SIZE]
    largest = _largest(row)
    names = _names({one.slug for one in (*shown, *largest)})
    key = row.subject.partition("/")[0] if row.kind == "book" else ""
    context = {
        **_progress(row),
        "back": _address(row),
        "rows": words.what_if_shown(shown, names),
        "sums": words.sums_shown(sums_of(row)),
        "chart": words.what_if_chart(largest, names),
        "more": urlencode({"after": shown[-1].slug}) if len(found) > PAGE_SIZE else "",
        "first": bool(after),
        **choices(actor, key, chosen=f"{row.month:%Y-%m}", instead_of=row.instead_of),
        "what": (row.kind, row.subject),
    }
    return show(request, "prices/what_if.html", context)


@require_safe
@page
def live(request: ConsoleRequest, what_if_id: UUID) -> HttpResponse:
    """How far it is; once it has ended the page is shown anew."""
    row = the_what_if(request.visitor.actor, what_if_id)
    if row.state not in MOVING:
        return HttpResponse(headers={"HX-Refresh": "true"})
    return show_live(request, LIVE, _progress(row))


def _progress(row: WhatIf) -> dict[str, Any]:
    return {
        "row": row,
        "badge": BADGES[JobState(row.state)],
        "moving": row.state in MOVING,
        "percent": row.rated * FULL // row.tenants if row.tenants else 0,
    }


def _largest(row: WhatIf) -> list[Any]:
    """The largest changes either way: few of each are read, however many tenants there are."""
    dearer = list(row.answers.filter(change__gt=0).order_by("-change", "slug")[: words.MOST_BARS])
    cheaper = list(row.answers.filter(change__lt=0).order_by("change", "slug")[: words.MOST_BARS])
    return sorted([*dearer, *cheaper], key=lambda one: (-abs(one.change), one.slug))[: words.MOST_BARS]


def _names(slugs: set[str]) -> dict[str, str]:
    return dict(Tenant.objects.filter(slug__in=slugs).values_list("slug", "name"))


def _address(row: WhatIf) -> str:
    if row.kind == "proposal":
        return reverse("console:fleet-price-proposal", args=[row.subject])
    key, _, version = row.subject.partition("/")
    return reverse("console:fleet-price-book", args=[key, int(version)])


def _subject(request: ConsoleRequest) -> PriceBook | PriceProposal:
    """Return which prices are tried; raises Refused 404."""
    actor, named = request.visitor.actor, clean(request.POST.get("proposal", ""))
    if not named:
        return book_named(actor, clean(request.POST.get("book", "")))
    found = parse_uuid(named)
    if found is None:
        raise Refused("price_proposal_not_found", "There is no such proposal.", status=404)
    row: PriceProposal = uploading.the_proposal(actor, found)
    return row
