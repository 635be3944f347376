"""For FinOps: providers' bills, what of them no runtime owns, and one more to be imported."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from billing.exports.bills.asking import ask_import, visible_imports
from billing.exports.bills.importing import FORMATS
from billing.exports.bills.reading import costs_of, groups_of, nobodys_of, owned_of, the_bill, visible_bills
from billing.exports.bills.removing import remove_bill
from billing.exports.models import ProviderBill
from billing.exports.services import require_finance
from controlplane.console.fields.read import clean
from controlplane.console.pages import page, show
from controlplane.console.presenters.badges import Badge
from controlplane.console.views.exports_fleet import GROUPS, months
from controlplane.console.visitor import ConsoleRequest
from controlplane.kernel.errors import Refused
from controlplane.kernel.ids import parse_uuid
from controlplane.tenants.jobs import JobState

FORBIDDEN, NEWEST = 403, 20
MOST_ROWS = 500  # of a runtime and kind: a month of a dozen products
TITLES = {"cur2": "AWS CUR 2.0", "csv": "Plain CSV"}
BADGES = {
    JobState.WAITING: Badge("Waiting", "clock", "wait"),
    JobState.RUNNING: Badge("Being read", "arrow-path", "busy"),
    JobState.DONE: Badge("Booked", "check-circle", "ok"),
    JobState.FAILED: Badge("Not booked", "exclamation-triangle", "bad"),
}
SAME = Badge("Known already", "check-circle", "idle")


@require_http_methods(["GET", "POST"])
@page
def index(request: ConsoleRequest) -> HttpResponse:
    """A month's bills with what nobody owns, the newest imports, and a form for one more."""
    actor, problem = request.visitor.actor, ""
    require_finance(actor)
    if request.method == "POST":
        try:
            row = ask_import(actor=actor, **_wished(request))
        except Refused as refusal:
            if refusal.status == FORBIDDEN:
                raise
            problem = refusal.detail
        else:
            messages.success(request, f"A worker reads {row.source}; look again in a moment.")
            return redirect("console:fleet-bills")
    known = months()
    chosen = request.GET.get("month", "")
    month = next((one for one in known if f"{one:%Y-%m}" == chosen), known[1])
    bills = visible_bills(actor).filter(month=month).order_by("provider", "payer")
    imports = list(visible_imports(actor).order_by("-pk")[:NEWEST])
    context = {
        "month": month,
        "months": [(f"{one:%Y-%m}", f"{one:%B %Y}") for one in known],
        "bills": bills,
        "nobodys": _nobodys(bills),
        "imports": [(row, _badge(row)) for row in imports],
        "moving": any(row.state in (JobState.WAITING, JobState.RUNNING) for row in imports),
        "formats": [(key, TITLES[key]) for key in FORMATS],
        "typed": {name: clean(request.POST.get(name, ""))[:500] for name in ("provider", "source")},
        "problem": problem,
    }
    return show(request, "fleet/bills.html", context, status=422 if problem else 200)


@require_http_methods(["GET", "POST"])
@page
def detail(request: ConsoleRequest, bill_id: UUID) -> HttpResponse:
    """One bill: by kind of cost, a kind's runtimes, the rows of one of these, and what no runtime owns; it is taken back here."""
    actor, problem = request.visitor.actor, ""
    row = the_bill(actor, bill_id)
    if request.method == "POST":
        try:
            removed = remove_bill(actor=actor, bill_id=row.pk, reason=clean(request.POST.get("reason", "")))
        except Refused as refusal:
            problem = refusal.detail
        else:
            messages.success(request, f"The bill {removed} is taken back; no figure counts it any more.")
            return redirect("console:fleet-bills")
    status = 422 if problem else 200
    return show(request, "fleet/bill.html", {"problem": problem, **_opened(request, row)}, status=status)


def _opened(request: ConsoleRequest, row: ProviderBill) -> dict[str, Any]:
    groups = groups_of(row)
    group = next((key for key, *_ in groups if key == request.GET.get("group")), "")
    runtime = parse_uuid(request.GET.get("runtime", "")) if group else None
    costs = costs_of(row, group, runtime) if runtime else None
    return {
        "bill": row,
        "groups": [
            (key, GROUPS.get(key, key), ours, nobodys, ours + nobodys) for key, ours, nobodys in groups
        ],
        "group": group,
        "group_title": GROUPS.get(group, group),
        "owned": owned_of(row, group) if group else [],
        "runtime": runtime,
        "costs": list(costs[:MOST_ROWS]) if costs is not None else [],
        "costs_in_all": costs.count() if costs is not None else 0,
        "nobodys": _nobodys(ProviderBill.objects.filter(pk=row.pk)),
    }


def _nobodys(bills: Any) -> list[tuple[Any, str]]:
    return [(one, GROUPS.get(one.meter_group, one.meter_group)) for one in nobodys_of(bills)]


def _badge(row: Any) -> Badge:
    return SAME if row.state == JobState.DONE and not row.booked else BADGES[JobState(row.state)]


def _wished(request: ConsoleRequest) -> dict[str, Any]:
    """Return what the service takes: a place in a bucket, or the chosen file."""
    file = request.FILES.get("file")
    sent = {"name": clean(file.name or ""), "content": file.read()} if isinstance(file, UploadedFile) else {}
    return {
        "provider": clean(request.POST.get("provider", "")).strip(),
        "file_format": clean(request.POST.get("format", "")),
        "source": clean(request.POST.get("source", "")).strip(),
        "final_again": request.POST.get("final_again") == "on",
        **sent,
    }
