"""Who is left behind: on a release that no channel points to any more, or theirs does not, with the reason, and who answers."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from controlplane.console.fields.tree import Field
from controlplane.console.fleet_queries import MOST_COUNTED
from controlplane.console.pages import page
from controlplane.console.queries import the_runtime
from controlplane.console.typed import day
from controlplane.console.views.fleet.frame import Asked, ask, manager_of, reason_field, show_fleet
from controlplane.console.views.fleet.overview import version_chart
from controlplane.console.visitor import ConsoleRequest
from controlplane.kernel.clock import utcnow
from controlplane.kernel.ids import parse_uuid
from controlplane.tenants.access import Actor
from provisioner.rollouts import reading, services, why_not
from provisioner.rollouts.states import RolloutState
from provisioner.rollouts.waiving import LONGEST

PAGE_SIZE, LATEST_ENDED = 25, 5
USUAL, A_DAY = timedelta(days=30), timedelta(days=1)
WAIVED = {"": None, "yes": True, "no": False}


@require_safe
@page
def index(request: ConsoleRequest) -> HttpResponse:
    """The versions, and the runtimes that are behind, by release and by whether somebody answers for them."""
    actor = request.visitor.actor
    release, waived = (request.GET.get(name, "").strip()[:63] for name in ("release", "waived"))
    waived = waived if waived in WAIVED else ""
    found = why_not.left_behind(
        actor=actor, release=release, waived=WAIVED[waived], after=parse_uuid(request.GET.get("after", "")),
        limit=PAGE_SIZE + 1,
    )  # fmt: skip
    versions = why_not.version_histogram(actor=actor)
    ages = {one.release: one for one in versions}
    query = urlencode({name: value for name, value in (("release", release), ("waived", waived)) if value})
    more = found[PAGE_SIZE - 1]["id"] if len(found) > PAGE_SIZE else None
    behind = [one for one in versions if not one.newest]
    outrun = why_not.behind_their_channel(actor=actor)
    context: dict[str, Any] = {
        "rows": [{**row, "version": ages.get(row["release"])} for row in found[:PAGE_SIZE]],
        "behind": [*behind, *(one for one in versions if one.newest and one.release in outrun)],
        "count": sum(one.runtimes for one in behind) + sum(outrun.values()),
        "versions": version_chart(versions) if versions else None,
        "ended": _ended(actor),
        "release": release,
        "waived": waived,
        "list_url": reverse("console:fleet-left-behind"),
        "newer": (query or "waived=") if request.GET.get("after") else "",
        "older": f"{query}&after={more}".lstrip("&") if more else "",
    }
    return show_fleet(request, "left_behind.html", context)


def _ended(actor: Actor) -> list[dict[str, Any]]:
    """The latest rollouts that ended with somebody who is still not on their release, and how many these are."""
    listed = [
        one
        for state in (RolloutState.COMPLETED, RolloutState.ABORTED)
        for one in reading.list_rollouts(actor=actor, state=state, limit=LATEST_ENDED)
    ]
    latest = sorted(listed, key=lambda one: one.rollout.pk, reverse=True)[:LATEST_ENDED]
    told = []
    for one in latest:
        most = sum(one.counts.get(column) or 0 for column in ("failed", "skipped", "left_behind"))
        if most > MOST_COUNTED:  # to look at each would be to read the fleet
            told.append({"rollout": one.rollout, "behind": most, "waived": 0, "at_most": True})
        elif most:
            behind, waived = why_not.open_ends(actor=actor, rollout_id=one.rollout.pk)
            told.append({"rollout": one.rollout, "behind": behind, "waived": waived, "at_most": False})
    return [one for one in told if one["behind"]]


@require_http_methods(["GET", "POST"])
@page
def waive(request: ConsoleRequest, runtime_id: UUID) -> HttpResponse:
    """Let a runtime stay behind in somebody's name, until a day."""
    row = the_runtime(request.visitor.actor, runtime_id)
    actor = manager_of(request)
    latest = utcnow() + LONGEST - A_DAY  # whose end is within it
    owner = request.POST.get("owner", "").strip()[:400]
    until = request.POST.get("until", f"{utcnow() + USUAL:%Y-%m-%d}")
    fields = [
        Field("text", "owner", "Who answers for it", "A person, for example an address.", owner, required=True),
        Field("text", "until", "Until the end of", f"A day such as 2026-12-01, {latest:%-d %B %Y} at the latest.", until,
              required=True),
        reason_field(request),
    ]  # fmt: skip

    def act() -> str:
        last = datetime.combine(day(until, "until"), time(23, 59, 59), tzinfo=UTC)
        services.waive_runtime(
            actor=actor,
            runtime_id=runtime_id,
            owner=owner,
            reason=request.POST.get("reason", ""),
            expires_at=last,
        )
        return f"{owner} answers for {row.name} until the end of {until}."

    words = "It is left behind with a name to it: the report counts it as waived until that day."
    rollout = parse_uuid(request.GET.get("rollout", ""))
    back = (
        reverse("console:fleet-rollout", args=[rollout]) if rollout else reverse("console:fleet-left-behind")
    )
    asked = Asked(f"Waive {row.name}?", words, "Waive it", back, "Left behind", fields=fields)
    return ask(request, asked, act)


@require_POST
@page
def unwaive(request: ConsoleRequest, waiver_id: int) -> HttpResponse:
    """Take a waiver back."""
    waiver = services.revoke_waiver(actor=manager_of(request), waiver_id=waiver_id)
    messages.success(request, f"Nobody answers for {waiver.runtime.name} any more.")
    return redirect("console:fleet-left-behind")
