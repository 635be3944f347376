"""What every page of the fleet has: who may see it, the emergency stop on top, and a form that asks before anything is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect

from controlplane.console.fields.problems import Problem, place
from controlplane.console.fields.tree import Field
from controlplane.console.pages import show
from controlplane.console.visitor import ConsoleRequest
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Actor, Permission
from provisioner.rollouts.listing import engaged_stop

FORBIDDEN, NOT_FOUND = 403, 404
RAISED = frozenset({FORBIDDEN, NOT_FOUND})  # no field of a form can mend these


def manager_of(request: ConsoleRequest) -> Actor:
    """Return the actor; raises Refused 403 unless it may change rollouts."""
    actor = request.visitor.actor
    if not (actor.sees_every_tenant and actor.may(Permission.ROLLOUT_MANAGE)):
        raise Refused("forbidden", "Only the platform's SREs and admins may do this to rollouts.", status=403)
    return actor


def show_fleet(
    request: ConsoleRequest, template: str, context: Mapping[str, Any], *, status: int = 200
) -> HttpResponse:
    """Answer with a page of the fleet; raises Refused 403 for whoever may not see rollouts."""
    actor = request.visitor.actor
    framed = {"stop": engaged_stop(actor=actor), "may_manage": request.visitor.may_manage_rollouts}
    return show(request, f"fleet/{template}", {**framed, **context}, status=status)


def reason_field(
    request: ConsoleRequest, *, required: bool = True, usual: str = "", help_: str = ""
) -> Field:
    """Return the question why, with what was typed."""
    about = help_ or "Kept in the audit trail; others will ask."
    return Field(
        "text", "reason", "Why", about, value=request.POST.get("reason", usual).strip()[:400],
        required=required, spread=True,
    )  # fmt: skip


@dataclass
class Asked:
    """A question before something is done: what it means, what must be filled in, what the button says."""

    title: str
    words: str
    button: str
    back: str  # where people go who leave it
    crumb: str = "Rollouts"
    tone: str = "primary"  # or danger-solid
    notes: list[str] = field(default_factory=list)
    fields: list[Field] = field(default_factory=list)
    hidden: list[tuple[str, str]] = field(default_factory=list)
    extra: str = ""  # a template of its own between the words and the fields
    context: dict[str, Any] = field(default_factory=dict)


def ask(request: ConsoleRequest, asked: Asked, act: Callable[[], str], onward: str = "") -> HttpResponse:
    """Show the question, or do what was confirmed, tell what `act` returns, and go on; a refusal stands in the form."""
    problems: list[Problem] = []
    if request.method == "POST":
        try:
            said = act()
        except Refused as refusal:
            if refusal.status in RAISED:
                raise
            problems = place(refusal, asked.fields)
        else:
            messages.success(request, said)
            return redirect(onward or asked.back)
    context = {"asked": asked, "problems": problems, **asked.context}
    return show_fleet(request, "ask.html", context, status=422 if problems else 200)
