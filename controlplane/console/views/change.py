"""Change a runtime's parameters: fill in, look at the difference, save."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from controlplane.catalog.facts import load_plan_facts
from controlplane.catalog.plans import PlanFacts
from controlplane.catalog.schema import IMMUTABLE, plan_schema
from controlplane.catalog.validation import check_update
from controlplane.console import queries
from controlplane.console.fields.read import read_parameters, read_removals
from controlplane.console.fields.rows import press
from controlplane.console.pages import page, show
from controlplane.console.presenters.parameters import changes
from controlplane.console.views.plan_form import plan_form
from controlplane.console.visitor import ConsoleRequest, require
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Permission
from provisioner.lifecycle.update import update_runtime
from provisioner.runtimes.models import Runtime

REVIEW, SAVE, EDIT = "review", "save", "edit"


@require_http_methods(["GET", "POST"])
@page
def form(request: ConsoleRequest, runtime_id: UUID) -> HttpResponse:
    """The form, then the difference, then the operation."""
    row = queries.the_runtime(request.visitor.actor, runtime_id)
    require(request.visitor, Permission.UPDATE, row.tenant)
    facts = load_plan_facts(row.plan_id)
    stored = row.spec.get("parameters", {})
    if request.method == "GET":
        return _form(request, row, facts, stored, known=row.generation)
    known = _generation(request.POST, row)
    schema = plan_schema(facts)
    typed = read_parameters(schema, request.POST, without=IMMUTABLE) | read_removals(schema, request.POST)
    button = request.POST.get("rows", "")
    press(typed, button)
    if button or request.POST.get("step") == EDIT:
        return _form(request, row, facts, {**stored, **typed}, known=known)
    try:
        return _review_or_save(request, row, facts, typed, known)
    except Refused as refusal:
        if refusal.code == "forbidden":
            raise
        return _form(request, row, facts, {**stored, **typed}, known=known, refusal=refusal)


def _review_or_save(
    request: ConsoleRequest, row: Runtime, facts: PlanFacts, typed: dict[str, Any], known: int
) -> HttpResponse:
    wanted = check_update(facts, row.spec.get("parameters", {}), typed, seed=str(row.pk)).as_json()
    if known != row.generation:
        return _difference(request, row, facts, wanted, template="stale.html", status=412)
    if request.POST.get("step") != SAVE:
        return _difference(request, row, facts, wanted, template="review.html", status=200)
    try:
        update_runtime(
            actor=request.visitor.actor,
            runtime_id=row.id,
            parameters=typed,
            labels=None,
            expected_generation=known,
        )
    except Refused as refusal:
        if refusal.code != "stale_revision":
            raise
        fresh = queries.the_runtime(request.visitor.actor, row.id)
        return _difference(request, fresh, facts, wanted, template="stale.html", status=412)
    messages.success(request, "Saved. The change is being carried out.")
    return redirect("console:runtime", runtime_id=row.id)


def _generation(post: QueryDict, row: Runtime) -> int:
    typed = post.get("generation", "")
    return int(typed) if typed.isdecimal() and len(typed) < 19 else row.generation  # noqa: PLR2004 - a bigint's digits


def _form(
    request: ConsoleRequest,
    row: Runtime,
    facts: PlanFacts,
    parameters: dict[str, Any],
    *,
    known: int,
    refusal: Refused | None = None,
) -> HttpResponse:
    drawn = plan_form(facts, plan_schema(facts), parameters, identity=[], locked=IMMUTABLE)
    problems = drawn.place(refusal) if refusal else []
    context = {"runtime": row, "form": drawn, "problems": problems, "generation": known, "plan": facts}
    return show(request, "runtime/change.html", context, status=422 if problems else 200)


def _kept(post: QueryDict) -> list[tuple[str, str]]:
    """What was typed, to be carried through the page that shows the difference."""
    left_out = {"csrfmiddlewaretoken", "step", "rows", "generation"}
    return [(name, value) for name, values in post.lists() if name not in left_out for value in values]


def _difference(
    request: ConsoleRequest,
    row: Runtime,
    facts: PlanFacts,
    wanted: dict[str, Any],
    *,
    template: str,
    status: int,
) -> HttpResponse:
    """What is stored beside what is wanted, with everything typed carried along."""
    found = changes(plan_schema(facts), row.spec["parameters"], wanted)
    context = {"runtime": row, "changes": found, "kept": _kept(request.POST), "generation": row.generation}
    return show(request, f"runtime/{template}", context, status=status)
