"""What breaks the rules over the whole fleet: by rule, one by one, and who answers for it."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from controlplane.console.fields.tree import Field
from controlplane.console.pages import page
from controlplane.console.presenters.findings import SEVERITIES
from controlplane.console.typed import day
from controlplane.console.views.fleet.frame import Asked, ask, manager_of, reason_field, show_fleet
from controlplane.console.visitor import ConsoleRequest
from controlplane.kernel.clock import utcnow
from controlplane.kernel.ids import parse_uuid
from provisioner.findings import reading, waiving
from provisioner.findings.rules.base import Severity
from provisioner.findings.rules.registry import all_rules

PAGE_SIZE = 25
USUAL, A_DAY = timedelta(days=30), timedelta(days=1)


@require_safe
@page
def index(request: ConsoleRequest) -> HttpResponse:
    """The groups, the worst first, and the newest findings of one rule or of all."""
    actor = request.visitor.actor
    rule = request.GET.get("rule", "")
    rule = rule if rule in all_rules() else ""
    groups = reading.fleet_groups(actor=actor)
    rows = reading.fleet_findings(actor=actor, rule=rule).order_by("-pk")
    if (before := parse_uuid(request.GET.get("after", ""))) is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows[: PAGE_SIZE + 1])
    shown = found[:PAGE_SIZE]
    query = urlencode({"rule": rule} if rule else {})
    context: dict[str, Any] = {
        "groups": [(group, SEVERITIES[Severity(group.severity)]) for group in groups],
        "rows": [(row, SEVERITIES[Severity(row.severity)]) for row in shown],
        "rule": rule,
        "title": all_rules()[rule].title if rule else "",
        "list_url": reverse("console:fleet-findings"),
        "newer": (query or "rule=") if before is not None else "",
        "older": f"{query}&after={shown[-1].pk}".lstrip("&") if len(found) > PAGE_SIZE else "",
    }
    return show_fleet(request, "findings.html", context)


@require_http_methods(["GET", "POST"])
@page
def waive(request: ConsoleRequest, finding_id: UUID) -> HttpResponse:
    """Let a finding stand in somebody's name, until a day."""
    actor = manager_of(request)
    row = reading.the_finding(actor=actor, finding_id=finding_id)
    latest = utcnow() + waiving.LONGEST - A_DAY  # whose end is within it
    owner = request.POST.get("owner", "").strip()[:400]
    until = request.POST.get("until", f"{utcnow() + USUAL:%Y-%m-%d}")
    fields = [
        Field("text", "owner", "Who answers for it", "A person, for example an address.", owner, required=True),
        Field("text", "until", "Until the end of", f"A day such as 2026-12-01, {latest:%-d %B %Y} at the latest.", until,
              required=True),
        reason_field(request),
    ]  # fmt: skip

    def act() -> str:
        waiving.waive_finding(
            actor=actor,
            runtime_id=row.runtime_id,
            rule=row.rule,
            place=row.place,
            owner=owner,
            reason=request.POST.get("reason", ""),
            expires_at=datetime.combine(day(until, "until"), time(23, 59, 59), tzinfo=UTC),
        )
        return f"{owner} answers for {row.place} in {row.runtime.name} until the end of {until}."

    words = f"{row.sentence} Upgrades of {row.runtime.name} go on in spite of it until that day."
    back = reverse("console:runtime", args=[row.runtime_id])
    return ask(request, Asked(f"Waive {row.place}?", words, "Waive it", back, "Findings", fields=fields), act)
