"""Samples that were put aside: by reason, one by one, each beside the reading that stands, and which of the two shall count."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from billing.usage import aside, deciding
from billing.usage.models import Quarantined
from billing.usage.samples import Origin
from controlplane.console.fields.problems import Problem, place
from controlplane.console.fields.read import clean
from controlplane.console.fields.tree import Field
from controlplane.console.pages import page, show
from controlplane.console.presenters import quarantine as words
from controlplane.console.queries import newest_first
from controlplane.console.visitor import ConsoleRequest
from controlplane.kernel.errors import Refused
from controlplane.kernel.ids import parse_uuid
from controlplane.tenants.access import Permission
from provisioner.runtimes.models import Runtime

FORBIDDEN = 403
DECIDES = {"accept": deciding.accept, "dismiss": deciding.dismiss}


@require_safe
@page
def index(request: ConsoleRequest) -> HttpResponse:
    """How much waits for which reason, and the samples of one reason or of all, the newest first."""
    actor = request.visitor.actor
    found = aside.reasons(actor=actor)
    asked = clean(request.GET.get("reason", ""))[:32]
    reason = asked if asked in {one.key for one in found} else ""
    waiting = request.GET.get("show") != "all"
    after, before = (parse_uuid(request.GET.get(edge, "")) for edge in ("after", "before"))
    rows = newest_first(
        aside.put_aside(actor=actor, reason=reason, waiting=waiting), after=after, before=before
    )
    names = names_of(rows.rows)
    query = {name: value for name, value in (("reason", reason), ("show", "" if waiting else "all")) if value}
    context: dict[str, Any] = {
        "reasons": [(one, words.title_of(one.key), words.meaning_of(one.key)) for one in found],
        "waits": sum(one.waiting for one in found),
        "is_part": sum(one.waiting + one.decided for one in found) >= aside.COUNTED,
        "counted": aside.COUNTED,
        "rows": [
            (row, words.title_of(row.reason), words.state_of(row), *names.get(row.runtime, ("", "")))
            for row in rows.rows
        ],
        "reason": reason,
        "title": words.title_of(reason) if reason else "",
        "waiting": waiting,
        "other": urlencode(
            {**({"reason": reason} if reason else {}), **({"show": "all"} if waiting else {})}
        ),
        "list_url": reverse("console:fleet-quarantine"),
        "newer": rows.newer and urlencode({**query, "before": rows.newer}),
        "older": rows.older and urlencode({**query, "after": rows.older}),
    }
    return show(request, "fleet/quarantine.html", context)


@require_http_methods(["GET", "POST"])
@page
def detail(request: ConsoleRequest, sample_id: UUID) -> HttpResponse:
    """One sample beside the one that stands; SREs say which of them counts."""
    actor = request.visitor.actor
    row = aside.the_sample(actor=actor, sample_id=sample_id)
    problems: list[Problem] = []
    field = Field(
        "text", "reason", "Why", "It stands with the sample and in the audit trail.",
        value=clean(request.POST.get("reason", ""))[: deciding.LONGEST_REASON], required=True, spread=True,
    )  # fmt: skip
    if request.method == "POST":
        try:
            decide = DECIDES.get(request.POST.get("do", ""))
            if decide is None:
                raise Refused("decision_unknown", "Accept it or keep it out.", field="reason")
            decide(actor=actor, sample_id=row.pk, reason=str(field.value))
        except Refused as refusal:
            if refusal.status == FORBIDDEN:
                raise
            problems = place(refusal, [field])
        else:
            said = "It stands from now on" if decide is deciding.accept else "It counts for nothing"
            messages.success(request, f"{said}; your reason stands with it.")
            return redirect("console:fleet-quarantine")
    return show(
        request,
        "fleet/quarantined.html",
        _shown(request, row, field, problems),
        status=422 if problems else 200,
    )


def _shown(
    request: ConsoleRequest, row: Quarantined, field: Field, problems: list[Problem]
) -> dict[str, Any]:
    stands = aside.standing(row)
    name, tenant = names_of([row]).get(row.runtime, ("", ""))
    return {
        "row": row,
        "state": words.state_of(row),
        "title": words.title_of(row.reason),
        "meaning": words.meaning_of(row.reason),
        "name": name,
        "tenant": tenant,
        "stands": stands,
        "origin": words.ORIGINS[Origin(row.origin)],
        "stands_origin": words.ORIGINS[stands.origin] if stands else "",
        "lines": words.side_by_side(stands.payload if stands else None, row.payload),
        "field": field,
        "problems": problems,
        "may_accept": row.reason != "outside_life",
        "may_decide": not row.decision and request.visitor.actor.may(Permission.METER),
    }


def names_of(rows: Any) -> dict[UUID, tuple[str, str]]:
    """Return {runtime: (name, tenant)} of samples; one statement."""
    found = Runtime.objects.filter(pk__in={row.runtime for row in rows}).values_list(
        "pk", "name", "tenant__slug"
    )
    return {pk: (name, tenant) for pk, name, tenant in found}
