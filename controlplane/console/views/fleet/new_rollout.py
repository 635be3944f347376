"""Plan a rollout: the form, what it would do, then a draft or the start."""

from __future__ import annotations

import hashlib
from dataclasses import asdict

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from controlplane.console.fields.problems import Problem, place
from controlplane.console.fields.tree import Group
from controlplane.console.pages import page
from controlplane.console.presenters.previews import shown_of
from controlplane.console.views.fleet.frame import FORBIDDEN, manager_of, show_fleet
from controlplane.console.views.fleet.stage_rows import Row, at_its_stage, press
from controlplane.console.views.fleet.wish_form import (
    ASKED_AS,
    OWN,
    Wish,
    examples,
    fields_of,
    read_wish,
    rows_of,
    usual_wish,
)
from controlplane.console.visitor import ConsoleRequest
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Actor
from provisioner.rollouts import services
from provisioner.rollouts.models import Rollout
from provisioner.rollouts.previewing import Preview


@require_http_methods(["GET", "POST"])
@page
def form(request: ConsoleRequest) -> HttpResponse:
    """Ask, preview, and only then draft or start."""
    actor = manager_of(request)
    typed = {name: value for name, value in request.POST.items() if isinstance(value, str)}
    given = typed if request.method == "POST" else usual_wish(request.GET)
    rows, pressed = rows_of(given), given.get("rows", "")
    if pressed:
        rows, given = press(rows, pressed), {**given, "shape": OWN}
    fields, problems = fields_of(given, rows), list[Problem]()
    preview, changed, seen = None, False, ""
    if request.method == "POST" and not pressed:
        try:
            wish = read_wish(given, rows)
            seen = _digest(wish)
            changed = given.get("step") in {"draft", "start"} and given.get("seen") != seen
            if given.get("step") in {"draft", "start"} and not changed:
                return _carry_out(request, actor, wish, start=given["step"] == "start")
            preview = _preview(actor, wish)
        except Refused as refusal:
            if refusal.status == FORBIDDEN:
                raise
            problems = _place(refusal, fields, rows if given.get("shape") == OWN else [])
    context = {
        "groups": fields, "problems": problems, "changed": changed, "seen": seen, "examples": examples(),
        "own": given.get("shape") == OWN, **(shown_of(preview) if preview else {}),
    }  # fmt: skip
    return show_fleet(request, "new_rollout.html", context, status=422 if problems else 200)


def _place(refusal: Refused, groups: list[Group], rows: list[Row]) -> list[Problem]:
    """Put the refusal to the field of the form that it is about."""
    found = at_its_stage(refusal, rows)
    field = next((one.field for one in found.errors), "")
    if field in ASKED_AS:
        found = Refused(found.code, found.detail, field=ASKED_AS[field], status=found.status)
    return place(found, [one for group in groups for one in group.fields])


def _preview(actor: Actor, wish: Wish) -> Preview:
    return services.preview_rollout(
        actor=actor,
        release=wish.release,
        selector=wish.selector,
        plan=wish.plan,
        urgent=wish.urgent,
        overlap=wish.overlap,
    )


def _carry_out(request: ConsoleRequest, actor: Actor, wish: Wish, *, start: bool) -> HttpResponse:
    rollout = _begin(actor, wish, start=start)
    messages.success(
        request, f"{rollout.name} {'has started' if start else 'is kept as a draft; nothing has begun'}."
    )
    return redirect("console:fleet-rollout", rollout_id=rollout.pk)


@transaction.atomic
def _begin(actor: Actor, wish: Wish, *, start: bool) -> Rollout:
    """Draft it and, if asked, start it: both or neither."""
    made = services.create_rollout(
        actor=actor, name=wish.name, release=wish.release, selector=wish.selector, plan=wish.plan, urgent=wish.urgent,
        overlap=wish.overlap, priority=wish.priority,
    )  # fmt: skip
    return services.start_rollout(actor=actor, rollout_id=made.pk) if start else made


def _digest(wish: Wish) -> str:
    """What is previewed, so that nothing else is started."""
    return hashlib.sha256(repr(sorted(asdict(wish).items())).encode()).hexdigest()[:16]
