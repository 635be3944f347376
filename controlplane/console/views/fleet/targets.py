"""A rollout's runtimes, in its order, narrowed by what the address says."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from controlplane.console.pages import page
from controlplane.console.presenters.rollouts import TARGETS
from controlplane.console.views.fleet.frame import show_fleet
from controlplane.console.visitor import ConsoleRequest
from provisioner.rollouts import reading
from provisioner.rollouts.models import Stage
from provisioner.rollouts.permitted import the_rollout
from provisioner.rollouts.states import TargetState

PAGE_SIZE = 25
NOT_DONE = "not_done"  # beside the states: failed, skipped or left behind
NAMES = ("state", "stage", "reason_code", "signature", "tenant", "region", "landscape", "q")


@require_safe
@page
def index(request: ConsoleRequest, rollout_id: UUID) -> HttpResponse:
    """One page of the targets that fit."""
    actor = request.visitor.actor
    rollout = the_rollout(actor, rollout_id)
    given = {name: request.GET.get(name, "").replace("\0", "").strip()[:160] for name in NAMES}
    known = {NOT_DONE, *(one.value for one in TargetState)}
    given["state"] = given["state"] if given["state"] in known else ""
    after = _whole(request.GET.get("after", ""))
    found = reading.list_targets(
        actor=actor, rollout_id=rollout_id, narrowed=_narrowed(given), after=-1 if after is None else after,
        limit=PAGE_SIZE + 1,
    )  # fmt: skip
    query = urlencode({name: value for name, value in given.items() if value})
    more = found[PAGE_SIZE - 1].position if len(found) > PAGE_SIZE else None
    context: dict[str, Any] = {
        "rollout": rollout,
        "rows": [(one, TARGETS[one.state]) for one in found[:PAGE_SIZE]],
        "given": given,
        "narrowing": bool(query),
        "states": [(key, badge.text) for key, badge in TARGETS.items()],
        "stages": list(Stage.objects.filter(rollout=rollout_id).order_by("position")),
        "list_url": reverse("console:fleet-rollout-targets", args=[rollout_id]),
        "newer": (query or "q=") if after is not None else "",
        "older": f"{query}&after={more}".lstrip("&") if more is not None else "",
    }
    return show_fleet(request, "targets.html", context)


def _narrowed(given: dict[str, str]) -> reading.TargetFilter:
    rest = {name: given[name] for name in NAMES if name not in {"q", "stage"}}
    if not_done := rest["state"] == NOT_DONE:
        rest["state"] = ""
    return reading.TargetFilter(**rest, not_done=not_done, stage=_whole(given["stage"]), search=given["q"])


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else None  # noqa: PLR2004
