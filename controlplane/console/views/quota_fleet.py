"""The queue of those who ask for more quota, for platform admins."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from controlplane.catalog.entitlements import Line, quota_of
from controlplane.catalog.models import QuotaRequest
from controlplane.catalog.quota_models import RequestState
from controlplane.console.fields.read import clean
from controlplane.console.pages import page, show
from controlplane.console.presenters.quota import lines_shown, request_shown
from controlplane.console.visitor import ConsoleRequest
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Permission
from controlplane.tenants.isolation.scopes import platform_scope
from provisioner.lifecycle.quota_requests import approve_request, decline_request

SHOWN, ANSWERED = 50, 20
DOORS = {"approve": approve_request, "decline": decline_request}


@require_safe
@page
def index(request: ConsoleRequest) -> HttpResponse:
    """Who waits, longest first, beside what they have; below it the newest answers."""
    _admit(request)
    with platform_scope():
        rows = QuotaRequest.objects.select_related("tenant")
        waiting = list(rows.filter(state=RequestState.OPEN).order_by("id")[:SHOWN])
        context = {
            "waiting": [{**request_shown(row), "now": lines_shown([_now(row)])} for row in waiting],
            "answered": [
                request_shown(row)
                for row in rows.exclude(state=RequestState.OPEN).order_by("-answered_at")[:ANSWERED]
            ],
        }
        return show(request, "quota/queue.html", context)


@require_POST
@page
def answer(request: ConsoleRequest, request_id: UUID) -> HttpResponse:
    """Approve or decline."""
    _admit(request)
    verb = clean(request.POST.get("verb", ""))
    if verb not in DOORS:
        raise Refused("verb_unknown", "Say whether to approve or to decline.", field="verb")
    with platform_scope():
        row = DOORS[verb](
            actor=request.visitor.actor, request_id=request_id, reason=clean(request.POST.get("reason", ""))
        )
    messages.success(request, f"The request of {row.tenant.name} is {row.state}.")
    return redirect("console:fleet-quota")


def _admit(request: ConsoleRequest) -> None:
    """Raise Refused 403 unless this person answers requests, whichever tenant they work in at the moment."""
    if not request.visitor.actor.may(Permission.QUOTA_ANSWER):
        raise Refused("forbidden", "Only platform admins answer requests for quota; ask one.", status=403)


def _now(row: QuotaRequest) -> Line:
    return next(line for line in quota_of(row.tenant) if line.plan == row.plan)
