"""The modules of a runtime: what it has, what it could have, settings drawn from the module's own schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_safe

from controlplane.catalog.facts import load_plan_facts
from controlplane.console import queries
from controlplane.console.fields.draw import Drawing
from controlplane.console.fields.problems import Problem, place
from controlplane.console.fields.read import read_value
from controlplane.console.fields.tree import Field
from controlplane.console.pages import page, show
from controlplane.console.presenters.modules import module_lines
from controlplane.console.visitor import ConsoleRequest, require
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Permission
from provisioner.lifecycle.module_reading import ModuleSight, modules_of, offers_for
from provisioner.lifecycle.modules import add_module, configure_module, known, remove_module
from provisioner.modules.base import Module
from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime

SETTINGS = "settings"


@require_safe
@page
def index(request: ConsoleRequest, runtime_id: UUID) -> HttpResponse:
    """What could be added, each with what it is for and what it takes."""
    row = queries.the_runtime(request.visitor.actor, runtime_id)
    require(request.visitor, Permission.UPDATE, row.tenant)
    return show(request, "runtime/modules.html", {"runtime": row, "offers": offers_for(row)})


@require_http_methods(["GET", "POST"])
@page
def form(request: ConsoleRequest, runtime_id: UUID, module: str) -> HttpResponse:
    """The settings of one module; saving adds it where the runtime does not have it yet."""
    row = queries.the_runtime(request.visitor.actor, runtime_id)
    require(request.visitor, Permission.UPDATE, row.tenant)
    chosen = known(module)
    sight = next((one for one in modules_of(row) if one.key == module), None)
    given: Mapping[str, Any] = sight.settings if sight else {}
    refusal: Refused | None = None
    if request.method == "POST":
        given = _typed(request.POST, chosen)
        try:
            _, operation = _save(request, row, module, given, there=sight is not None)
        except Refused as refused:
            refusal = refused
        else:
            return _saved(request, row, operation, "is being added" if sight is None else "is being changed")
    return _draw(request, row, chosen, sight, given, refusal)


@require_http_methods(["GET", "POST"])
@page
def remove(request: ConsoleRequest, runtime_id: UUID, module: str) -> HttpResponse:
    """Say what goes with it, then remove it, unless something stands in the way."""
    row = queries.the_runtime(request.visitor.actor, runtime_id)
    require(request.visitor, Permission.UPDATE, row.tenant)
    known(module)
    problem = ""
    if request.method == "POST":
        try:
            _, operation = remove_module(actor=request.visitor.actor, runtime_id=row.id, module=module)
        except Refused as refusal:
            problem = refusal.detail
        else:
            return _saved(request, row, operation, "is being changed")
    context = {"runtime": row, "title": _title(row, module), "problem": problem}
    return show(request, "runtime/remove_module.html", context, status=422 if problem else 200)


def _save(
    request: ConsoleRequest, row: Runtime, module: str, settings: Mapping[str, Any], *, there: bool
) -> tuple[Runtime, Operation | None]:
    door = configure_module if there else add_module
    return door(actor=request.visitor.actor, runtime_id=row.id, module=module, settings=settings)


def _saved(request: ConsoleRequest, row: Runtime, operation: Operation | None, done: str) -> HttpResponse:
    said = f"Saved. {row.name} {done}." if operation else "Nothing to do: it is as you wish already."
    messages.success(request, said)
    return redirect("console:runtime", runtime_id=row.id)


def _typed(post: QueryDict, module: Module) -> dict[str, Any]:
    found: dict[str, Any] = read_value(post, SETTINGS, module.schema)
    return found


def _draw(
    request: ConsoleRequest,
    row: Runtime,
    module: Module,
    sight: ModuleSight | None,
    given: Mapping[str, Any],
    refusal: Refused | None,
) -> HttpResponse:
    facts = load_plan_facts(row.plan_id)
    field: Field = Drawing(facts).field(SETTINGS, module.schema, given)
    problems: list[Problem] = place(refusal, [field]) if refusal else []
    description = next((one.description for one in facts.modules if one.key == module.key), "")
    lines = module_lines([sight], facts) if sight else []
    context = {
        "runtime": row,
        "title": _title(row, module.key),
        "description": description,
        "fields": field.children,
        "line": lines[0] if lines else None,
        "problems": problems,
        "footprint": module.footprint,
        "module": module,
    }
    return show(request, "runtime/module.html", context, status=422 if problems else 200)


def _title(row: Runtime, module: str) -> str:
    facts = load_plan_facts(row.plan_id)
    return next((one.name for one in facts.modules if one.key == module), module)
