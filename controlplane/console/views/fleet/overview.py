"""How the fleet stands: what needs a person, what moves, on which versions it runs. Every number leads to its rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from controlplane.console import fleet_queries
from controlplane.console.charts import Bar, Drawing, horizontal_bars
from controlplane.console.pages import fragment, page, show_live
from controlplane.console.presenters import runtime_rows
from controlplane.console.presenters.fleet import health_parts
from controlplane.console.presenters.rollouts import in_a_sentence, remedy_of, said_of_one
from controlplane.console.views.fleet.frame import show_fleet
from controlplane.console.views.fleet.rollouts import listed_line
from controlplane.console.visitor import ConsoleRequest
from controlplane.kernel.clock import utcnow
from provisioner.landscapes.freshness import is_stale
from provisioner.operations.timeline import step_title
from provisioner.rollouts import reading, why_not
from provisioner.rollouts.states import UNDER_WAY
from provisioner.runtimes.counting import Apart, by

LIVE = "fleet/_overview_live.html"
LATEST = 8


@require_safe
@page
def index(request: ConsoleRequest) -> HttpResponse:
    """Everything on one page."""
    versions = why_not.version_histogram(actor=request.visitor.actor)
    html, _ = fragment(request, LIVE, _live_context(request, versions))
    context = {
        "live_html": html,
        "versions": version_chart(versions),
        "skew": skew(versions, fleet_queries.kubernetes_apart(request.visitor.actor)),
        "any": bool(versions),
    }
    return show_fleet(request, "overview.html", context)


@require_safe
@page
def live(request: ConsoleRequest) -> HttpResponse:
    """What moves on that page, when it moved."""
    versions = why_not.version_histogram(actor=request.visitor.actor)
    return show_live(request, LIVE, _live_context(request, versions))


def _live_context(request: ConsoleRequest, versions: Sequence[why_not.Version]) -> dict[str, Any]:
    actor = request.visitor.actor
    standing = fleet_queries.standing(actor)
    shares = runtime_rows.summary(by("phase", standing))
    stuck = fleet_queries.stuck_operations(actor)
    latest = reading.list_rollouts(actor=actor, limit=LATEST)
    moving = [one for one in latest if one.rollout.state in UNDER_WAY]
    return {
        "shares": shares,
        "spoken": runtime_rows.in_a_sentence(shares),
        "total": sum(share.number for share in shares),
        "health": (health := health_parts(by("situation", standing))),
        "health_spoken": in_a_sentence(health),
        "picture_width": runtime_rows.PICTURE_WIDTH,
        "stuck": [{**row, "doing": step_title(row["kind"], row["step"])} for row in stuck],
        "stuck_count": stuck[0]["stuck"] if stuck else 0,
        "stuck_minutes": fleet_queries.STUCK_MINUTES,
        "errors": [
            {
                **row,
                "remedy": remedy_of(row["code"], row["audience"]),
                "doing": step_title(row["kind"], row["step"]) if row["step"] else "",
                "latest": list(zip(row["ids"], row["names"], strict=True)),
            }
            for row in fleet_queries.error_groups(actor)
        ],
        "landscapes": landscape_lines(actor),
        "behind": sum(one.runtimes for one in versions if not one.newest),
        "rollouts": [listed_line(one) for one in moving or latest[:3]],
        "moving": bool(moving),
        "reasons": [
            {**one, "of_one": said_of_one(one["code"], one["targets"])}
            for one in why_not.why_not_groups(actor=actor)[:LATEST]
        ],
    }


def landscape_lines(actor: Any) -> list[dict[str, Any]]:
    """Each landscape with how fresh it is and what is left of its budget."""
    now = utcnow()
    return [
        {
            "row": one,
            "stale": is_stale(one, now),
            "left": round(
                min(one.burst, one.tokens + one.calls_per_second * (now - one.tokens_at).total_seconds())
            ),
            "burst": round(one.burst),
        }
        for one in fleet_queries.landscapes(actor)
    ]


def version_chart(versions: Sequence[why_not.Version]) -> Drawing:
    """Runtimes by release, the newest first."""
    bars = [
        Bar(
            one.release or "none yet",
            one.runtimes,
            reverse("console:fleet-runtimes") + "?" + urlencode({"release": one.release})
            if one.release
            else "",
            _about(one),
            "1" if one.newest else "2",
        )
        for one in reversed(versions)
    ]
    return horizontal_bars(title="Runtimes by release", bars=bars, measure="Runtimes")


def _about(one: why_not.Version) -> str:
    told = [f"Kubernetes {one.kubernetes}"] if one.kubernetes else []
    told += ["a channel points to it"] if one.newest else ["left behind"] if one.release else []
    told += (
        [f"{one.age_days} d old" if one.age_days else "less than a day old"]
        if one.age_days is not None
        else []
    )
    told += [f"ends on {one.end_of_life:%-d %b %Y}"] if one.end_of_life else []
    return ", ".join(told)


def skew(versions: Sequence[why_not.Version], apart: Sequence[Apart]) -> list[Mapping[str, Any]]:
    """Runtimes by how many minor versions of Kubernetes they are behind the newest one in use.

    Who is `apart` counts for the version that was seen, everybody else for that of their release.
    """
    of_release = {one.release: one.kubernetes for one in versions}
    tallies = [(one.kubernetes, one.runtimes) for one in versions]
    tallies += [(one.kubernetes, one.runtimes) for one in apart]
    tallies += [(of_release.get(one.release, ""), -one.runtimes) for one in apart]
    minors: Counter[str] = Counter()
    for kubernetes, runtimes in tallies:
        minors[".".join(kubernetes.split(".")[:2])] += runtimes
    counted = {
        minor: runtimes for minor, runtimes in minors.items() if minor.count(".") == 1 and runtimes > 0
    }
    if not counted:
        return []
    newest = max(int(minor.split(".")[1]) for minor in counted)
    ordered = sorted(counted, key=lambda minor: -int(minor.split(".")[1]))
    return [
        {"minor": minor, "runtimes": counted[minor], "behind": newest - int(minor.split(".")[1])}
        for minor in ordered
    ]
