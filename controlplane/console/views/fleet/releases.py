"""Releases and channels as the fleet stands: what there is, who runs it and until when, what each one changes."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from controlplane.catalog.facts import snapshot
from controlplane.catalog.lives import parts_of, release_before
from controlplane.catalog.releasing import release_for_actor, releases_for
from controlplane.console import fleet_queries
from controlplane.console.pages import page
from controlplane.console.presenters import releases as looks
from controlplane.console.presenters import runtime_rows
from controlplane.console.views.fleet.frame import show_fleet
from controlplane.console.views.fleet.rollouts import listed_line
from controlplane.console.visitor import ConsoleRequest
from controlplane.kernel.clock import utcnow
from provisioner.rollouts import reading
from provisioner.runtimes.counting import by

LATEST = 10


@require_safe
@page
def index(request: ConsoleRequest) -> HttpResponse:
    """Every release, newest first, and where each channel points."""
    actor = request.visitor.actor
    running = by("release", fleet_queries.standing(actor))
    pointing, today = snapshot().releases, utcnow().date()
    known = releases_for(actor)
    keys = {one.key for one in known}
    context: dict[str, Any] = {
        "lines": [looks.line(one, today, running, pointing) for one in known],
        "channels": channel_lines(request),
        "unknown": sorted((key, count) for key, count in running.items() if key and key not in keys),
        "may_publish": request.visitor.may_publish,
        "most": fleet_queries.MOST_COUNTED,
    }
    return show_fleet(request, "releases.html", context)


@require_safe
@page
def detail(request: ConsoleRequest, key: str) -> HttpResponse:
    """One release: what it is, what it changes, who runs, follows or is pinned to it, and the rollouts to it."""
    actor = request.visitor.actor
    standing = fleet_queries.standing(actor)
    release = release_for_actor(actor, key)
    known, today = releases_for(actor), utcnow().date()
    before = release_before(release, known)
    found = reading.list_rollouts(actor=actor, release=key, limit=LATEST + 1)
    shares = runtime_rows.summary(by("phase", [one for one in standing if one.release == key]))
    context: dict[str, Any] = {
        "line": looks.line(release, today, by("release", standing), snapshot().releases),
        "release": release,
        "before": before,
        "parts": parts_of(release, before),
        "required_by": [one.key for one in known if key in one.requires],
        "shares": shares,
        "spoken": runtime_rows.in_a_sentence(shares),
        "picture_width": runtime_rows.PICTURE_WIDTH,
        "channels": channel_lines(request),
        "pinned": fleet_queries.pinned_to(actor, key),
        "rows": [listed_line(one) for one in found[:LATEST]],
        "more": len(found) > LATEST,
        "may_publish": request.visitor.may_publish,
        "most": fleet_queries.MOST_COUNTED,
    }
    return show_fleet(request, "release.html", context)


def channel_lines(request: ConsoleRequest) -> list[dict[str, Any]]:
    """Return each channel with its release and how many runtimes follow it, counted up to a bound."""
    pointing = snapshot().releases
    following = fleet_queries.following(request.visitor.actor, sorted(pointing))
    return [{"key": key, "release": pointing[key].key, "runtimes": count} for key, count in following.items()]
