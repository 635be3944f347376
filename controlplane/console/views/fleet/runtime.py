"""One runtime as an SRE looks at it: what is wanted beside what was seen, why it is not upgraded, and all that happened."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from controlplane.catalog.facts import snapshot
from controlplane.console.fleet_queries import acts_on, drift_of
from controlplane.console.pages import fragment, page, show_live
from controlplane.console.presenters.conditions import conditions
from controlplane.console.presenters.findings import finding_lines
from controlplane.console.presenters.fleet import HEALTH
from controlplane.console.presenters.rollouts import TARGETS
from controlplane.console.presenters.runtime_diff import DIFFERS, diff_lines
from controlplane.console.presenters.runtime_story import story
from controlplane.console.queries import stamp_of, the_runtime
from controlplane.console.views.fleet.frame import show_fleet
from controlplane.console.visitor import ConsoleRequest
from provisioner.findings.reading import standing_of
from provisioner.lifecycle.module_reading import modules_of
from provisioner.rollouts import why_not
from provisioner.rollouts.permitted import may_read
from provisioner.runtimes.models import Runtime

LIVE = "fleet/_runtime_live.html"
LATEST = 20


@require_safe
@page
def detail(request: ConsoleRequest, runtime_id: UUID) -> HttpResponse:
    """All of it."""
    row = _the_row(request, runtime_id)
    html, _ = fragment(request, LIVE, _context(request, row))
    return show_fleet(request, "runtime.html", {"runtime": row, "live_html": html})


@require_safe
@page
def live(request: ConsoleRequest, runtime_id: UUID) -> HttpResponse:
    """What moves on that page, when it moved."""
    stamp = stamp_of(
        runtime_id
    )  # before the row: what changes between the two is then drawn once more, not missed
    row = _the_row(request, runtime_id)
    return show_live(request, LIVE, lambda: _context(request, row), stamp=stamp)


def _the_row(request: ConsoleRequest, runtime_id: UUID) -> Runtime:
    row = the_runtime(request.visitor.actor, runtime_id)
    may_read(request.visitor.actor)  # after that: of another tenant's runtime nobody learns that it is there
    return row


def _context(request: ConsoleRequest, row: Runtime) -> dict[str, Any]:
    actor = request.visitor.actor
    findings, drift = standing_of(row), drift_of(row)
    of_channel = snapshot().releases.get(row.channel)
    wanted = row.pinned or (of_channel.key if of_channel else "")
    seen = conditions(row.status)
    operations = list(row.operations.order_by("-id")[:LATEST])
    worked_on = any(one.slot for one in operations)
    lines = diff_lines(row, modules_of(row), drift, follows=wanted, worked_on=worked_on)
    return {
        "runtime": row,
        "health": HEALTH.get(row.situation),
        "lines": lines,
        "differing": sum(line.badge is DIFFERS for line in lines),
        "chains": [(one, TARGETS[one.state]) for one in why_not.why_not(actor=actor, runtime_id=row.pk)],
        "conditions": seen,
        "findings": finding_lines(findings),
        "moments": story(
            operations=operations,
            rollouts=why_not.said_of(actor=actor, runtime_id=row.pk),
            acts=acts_on(request.visitor, row, LATEST),
            conditions=seen,
            findings=[sight.row for sight in findings.sights[:LATEST]],
        ),
    }
