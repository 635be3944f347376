"""The list of rollouts, and the page of one: how far, how well, what hinders, what changed last."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from controlplane.console.charts import Drawing
from controlplane.console.fleet_queries import landscape_keys
from controlplane.console.pages import fragment, page, show_live
from controlplane.console.presenters import rollouts as looks
from controlplane.console.presenters.failures import column_minutes, failure_heat
from controlplane.console.presenters.plans_in_words import plan_lines
from controlplane.console.views.fleet.actions import VERBS
from controlplane.console.views.fleet.frame import show_fleet
from controlplane.console.visitor import ConsoleRequest
from controlplane.kernel.clock import utcnow
from controlplane.kernel.ids import parse_uuid
from provisioner.rollouts import reading, why_not
from provisioner.rollouts.states import UNDER_WAY, RolloutState, TargetState

LIVE, HEALTH = "fleet/_rollout_live.html", "fleet/_rollout_health.html"
PAGE_SIZE, FEED, LEFT = 25, 12, 10
POLL_SECONDS_UNDER_WAY, POLL_SECONDS_ENDED = 1, 30


@require_safe
@page
def index(request: ConsoleRequest) -> HttpResponse:
    """Rollouts, newest first, narrowed by what the address says."""
    actor = request.visitor.actor
    state, release = (request.GET.get(name, "").strip()[:63] for name in ("state", "release"))
    known = state if state in {one.value for one in RolloutState} else ""
    found = reading.list_rollouts(
        actor=actor, state=known, release=release, before=parse_uuid(request.GET.get("after", "")),
        limit=PAGE_SIZE + 1,
    )  # fmt: skip
    narrowed = "&".join(
        f"{name}={value}" for name, value in (("state", known), ("release", release)) if value
    )
    more = found[PAGE_SIZE - 1].rollout.pk if len(found) > PAGE_SIZE else None
    context = {
        "rows": [listed_line(one) for one in found[:PAGE_SIZE]],
        "states": [(key, badge.text) for key, badge in looks.ROLLOUTS.items()],
        "state": known,
        "release": release,
        "list_url": reverse("console:fleet-rollouts"),
        "newer": narrowed or "state=" if request.GET.get("after") else "",
        "older": f"{narrowed}&after={more}".lstrip("&") if more else "",
    }
    return show_fleet(request, "rollouts.html", context)


def listed_line(one: reading.Listed) -> dict[str, Any]:
    """What a line of a list of rollouts shows."""
    found = looks.parts(one.counts)
    return {
        "rollout": one.rollout,
        "badge": looks.badge_of(one.rollout),
        "parts": found,
        "spoken": looks.in_a_sentence(found),
        "failed": one.counts.get("failed", 0),
        "done": one.counts.get("succeeded", 0),
        "total": sum(part.number for part in found),
    }


@require_safe
@page
def detail(request: ConsoleRequest, rollout_id: UUID) -> HttpResponse:
    """One rollout."""
    view = reading.read_rollout(actor=request.visitor.actor, rollout_id=rollout_id)
    html, _ = fragment(request, LIVE, _live_context(request, view))
    health, _ = fragment(request, HEALTH, _health_context(view))
    context = {
        "rollout": view.rollout,
        "live_html": html,
        "health_html": health,
        "plan": plan_lines(view.rollout.plan),
    }
    return show_fleet(request, "rollout.html", context)


@require_safe
@page
def live(request: ConsoleRequest, rollout_id: UUID) -> HttpResponse:
    """What moves on that page, when it moved."""
    view = reading.read_rollout(actor=request.visitor.actor, rollout_id=rollout_id)
    return show_live(request, LIVE, _live_context(request, view))


@require_safe
@page
def health(request: ConsoleRequest, rollout_id: UUID) -> HttpResponse:
    """The chart of both cohorts, when it changed."""
    view = reading.read_rollout(actor=request.visitor.actor, rollout_id=rollout_id)
    return show_live(request, HEALTH, _health_context(view))


def _live_context(request: ConsoleRequest, view: reading.RolloutView) -> dict[str, Any]:
    actor, rollout = request.visitor.actor, view.rollout
    found = looks.parts(view.counts)
    under_way = rollout.state in UNDER_WAY
    ended = rollout.state in {RolloutState.COMPLETED, RolloutState.ABORTED} and bool(view.stages)
    behind, waived = why_not.open_ends(actor=actor, rollout_id=rollout.pk) if ended else (0, 0)
    running = rollout.state == RolloutState.RUNNING
    stand = looks.at_a_stand(view.counts, view.reasons) if running else ""
    return {
        "rollout": rollout,
        "badge": looks.badge_of(rollout),
        "parts": found,
        "total": sum(part.number for part in found),
        "done": view.counts.get("succeeded", 0),
        "spoken": looks.in_a_sentence(found),
        "stages": looks.stage_lines(view.stages),
        "burn": looks.burn_lines(view.burn, view.stages, landscape_keys()),
        "places": [{**row, "parts": looks.parts(row)} for row in view.places],
        "when": looks.when(view.finish) if view.finish and running and not stand else "",
        "stand": stand,
        "heat": _heat(request, view),
        "errors": looks.causes(view.errors),
        "reasons": looks.causes([one for one in view.reasons if one.state not in {"active", "gone"}]),
        "feed": [
            (one, looks.TARGETS[one.state])
            for one in reading.read_feed(actor=actor, rollout_id=rollout.pk, limit=FEED)
            if one.state != TargetState.PLANNED
        ],
        "left": why_not.not_done(actor=actor, rollout_id=rollout.pk, limit=LEFT) if behind else [],
        "behind": behind,
        "not_brought": sum(view.counts.get(one, 0) for one in ("failed", "skipped", "left_behind")),
        "waived": waived,
        "ended": ended,
        "verbs": [verb for verb in VERBS.values() if verb.fits(rollout)],
        "may_manage": request.visitor.may_manage_rollouts,
        "under_way": under_way,
        "poll_seconds": POLL_SECONDS_UNDER_WAY if under_way else POLL_SECONDS_ENDED,
    }


def _heat(request: ConsoleRequest, view: reading.RolloutView) -> Drawing | None:
    """The failures that stand, over the rollout's time."""
    rollout = view.rollout
    if not view.errors or rollout.started_at is None:
        return None
    began, ended = rollout.started_at.replace(second=0, microsecond=0), rollout.finished_at or utcnow()
    minutes = column_minutes(began, ended)
    found = reading.read_failures(
        actor=request.visitor.actor, rollout_id=rollout.pk, began=began, minutes=minutes
    )
    return failure_heat(
        found,
        began=began,
        ended=ended,
        minutes=minutes,
        stages={stage.row["position"]: stage.row["name"] for stage in view.stages},
        list_url=reverse("console:fleet-rollout-targets", args=[rollout.pk]),
    )


def _health_context(view: reading.RolloutView) -> dict[str, Any]:
    under_way = view.rollout.state in UNDER_WAY
    return {"rollout": view.rollout, "chart": looks.health_chart(view.health), "under_way": under_way}
