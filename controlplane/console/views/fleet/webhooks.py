"""Where the platform's own team is told of what happens in the fleet: addresses, what each hears of, how the last ones went."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from controlplane.console.fields.problems import Problem, place
from controlplane.console.fields.read import clean
from controlplane.console.fields.tree import Field, Option
from controlplane.console.pages import page
from controlplane.console.presenters.badges import Badge
from controlplane.console.views.fleet.frame import RAISED, manager_of, show_fleet
from controlplane.console.visitor import ConsoleRequest
from controlplane.kernel.errors import Refused
from controlplane.notices import webhooks
from controlplane.notices.webhook_filters import WORDS
from controlplane.notices.webhook_models import DeliveryState

TITLES = {
    "operation.ended": "Operations that ended",
    "rollout.changed": "Rollouts that changed",
    "rollout.gate": "Gates",
}
STATES = {
    DeliveryState.QUEUED: Badge("On its way", "clock", "wait"),
    DeliveryState.SENT: Badge("Delivered", "check-circle", "ok"),
    DeliveryState.FAILED: Badge("Given up", "exclamation-triangle", "bad"),
}
LATEST = 10


@require_http_methods(["GET", "POST"])
@page
def index(request: ConsoleRequest) -> HttpResponse:
    """What there is, and a form for one more."""
    actor = manager_of(request)
    fields, problems = _fields(request), list[Problem]()
    if request.method == "POST":
        try:
            row, secret = webhooks.register_webhook(
                actor=actor, tenant=None, url=clean(request.POST.get("url", "")), kinds=request.POST.getlist("kinds"),
                filters=_filters(request),
            )  # fmt: skip
        except Refused as refusal:
            if refusal.status in RAISED:
                raise
            problems = place(refusal, fields)
        else:
            return show_fleet(request, "webhook_secret.html", {"webhook": row, "secret": secret})
    rows = list(webhooks.webhooks_of(actor).order_by("-id"))
    latest = [(one, STATES[DeliveryState(one.state)]) for one in webhooks.latest_deliveries(actor, LATEST)]
    context: dict[str, Any] = {
        "rows": [(row, [TITLES.get(kind, kind) for kind in row.kinds]) for row in rows],
        "latest": latest,
        "fields": fields,
        "problems": problems,
        "most": webhooks.MOST,
    }
    return show_fleet(request, "webhooks.html", context, status=422 if problems else 200)


@require_POST
@page
def test(request: ConsoleRequest, webhook_id: UUID) -> HttpResponse:
    """Send a ping on its way; an address that was disabled is tried again."""
    webhooks.ping_webhook(actor=manager_of(request), webhook_id=webhook_id)
    messages.success(request, "A ping is on its way; look below whether it arrived.")
    return redirect("console:fleet-webhooks")


@require_POST
@page
def remove(request: ConsoleRequest, webhook_id: UUID) -> HttpResponse:
    """Take it away, with what is still on its way to it."""
    row = webhooks.remove_webhook(actor=manager_of(request), webhook_id=webhook_id)
    messages.success(request, f"{row.url} is told nothing any more.")
    return redirect("console:fleet-webhooks")


def _fields(request: ConsoleRequest) -> list[Field]:
    post = request.POST
    picked = post.getlist("kinds") if request.method == "POST" else list(webhooks.FLEET_KINDS)
    kinds = [Option(kind, TITLES[kind], kind in picked) for kind in webhooks.FLEET_KINDS]
    narrowing = [
        Field("text", f"filters.{word}", f"Only this {word}", f"{told}; several with commas between.",
              post.get(f"filters.{word}", ""), advanced=word not in {"state", "operation"})
        for word, told in WORDS.items()
    ]  # fmt: skip
    about = "Gets each event as a signed POST, as CloudEvents and Standard Webhooks have it."
    return [
        Field(
            "text", "url", "Address", about, post.get("url", ""), required=True, spread=True
        ),
        Field("checks", "kinds", "Tell of", options=kinds, spread=True),
        *narrowing,
    ]  # fmt: skip


def _filters(request: ConsoleRequest) -> dict[str, list[str]]:
    given = {word: clean(request.POST.get(f"filters.{word}", "")) for word in WORDS}
    return {
        word: [part.strip() for part in text.split(",") if part.strip()]
        for word, text in given.items()
        if text
    }
