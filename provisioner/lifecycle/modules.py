"""Add, configure and remove the modules of a runtime; an operation of kind update carries each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from controlplane.catalog.facts import load_plan_facts
from controlplane.kernel.errors import Refused
from controlplane.kernel.sentences import choices
from controlplane.tenants.access import Actor, Permission
from provisioner.drivers.base import ClusterRef, Driver, Role
from provisioner.lifecycle.admission import locked_runtime
from provisioner.lifecycle.kubeconfig import asked, reachable
from provisioner.lifecycle.update import update_runtime
from provisioner.modules.base import Module
from provisioner.modules.models import RuntimeModule
from provisioner.modules.registry import all_modules
from provisioner.modules.removing import Hindrance, hindrance
from provisioner.operations.models import Operation
from provisioner.runtimes.inside import ObjectRef
from provisioner.runtimes.models import Runtime

POLICY = "customResourcePolicy"
Changed = tuple[Runtime, Operation | None]


@transaction.atomic
def add_module(
    *,
    actor: Actor,
    runtime_id: Any,
    module: str,
    settings: Mapping[str, Any] | None = None,
    channel: str = "",
    expected_revision: int | None = None,
) -> Changed:
    """Add a module and what it is set to; again is a change of its settings. Raises Refused, as `update_runtime` does."""
    runtime = _locked(actor, runtime_id, expected_revision)
    known(module)
    listed = _listed(runtime)
    entry = next((one for one in listed if one["name"] == module), None)
    if entry is None and not known(module).mandatory:
        entry = {"name": module}
        listed = [*listed, entry]
    if entry is not None and channel:
        listed = [{**one, "channel": channel} if one["name"] == module else one for one in listed]
    return _update(actor, runtime, listed, {} if settings is None else {module: settings})


@transaction.atomic
def configure_module(
    *,
    actor: Actor,
    runtime_id: Any,
    module: str,
    settings: Mapping[str, Any],
    expected_revision: int | None = None,
) -> Changed:
    """Replace a module's settings. Raises Refused: module_not_there 404, settings_invalid 422, as `update_runtime` besides."""
    runtime = _locked(actor, runtime_id, expected_revision)
    _present(runtime, module)
    return _update(actor, runtime, None, {module: settings})


def remove_module(
    *, actor: Actor, runtime_id: Any, module: str, expected_revision: int | None = None
) -> Changed:
    """Remove a module, unless it is mandatory, others need it, or it still holds what people made: looked for in the cluster.

    Never inside a transaction: the cluster may take its time. Raises Refused: module_not_there 404, module_mandatory 409,
    module_requires 422, module_in_use 409, and what asking the landscape raises.
    """
    with transaction.atomic(durable=True):
        runtime = _locked(actor, runtime_id, expected_revision)
        _removable(runtime, module)
        # Everything that can be refused without the cluster is, before it is asked.
        _update(actor, runtime, _without(runtime, module), {})
        transaction.set_rollback(True)
    runtime = Runtime.objects.select_related("landscape").get(pk=runtime.pk)
    if _installed(runtime, module) and reachable(runtime):
        inventory = _inventory(runtime, module)
        why = asked(runtime, lambda driver, cluster: _hindrance(driver, cluster, known(module), inventory))
        if why is not None:
            raise Refused("module_in_use", why.detail, status=409)
    with transaction.atomic():
        runtime = _locked(actor, runtime_id, expected_revision)
        _removable(runtime, module)
        return _update(actor, runtime, _without(runtime, module), {})


def known(key: str) -> Module:
    """Return the module; raises Refused module_unknown 404."""
    modules = all_modules()
    if key not in modules:
        detail = f"There is no module {key}. {choices(sorted(modules), key)}"
        raise Refused("module_unknown", detail, status=404)
    return modules[key]


def _hindrance(
    driver: Driver, cluster: ClusterRef, module: Module, inventory: Sequence[ObjectRef]
) -> Hindrance | None:
    with driver.inside(cluster, role=Role.VIEW) as api:
        return hindrance(api, module, inventory)


def _inventory(runtime: Runtime, module: str) -> list[ObjectRef]:
    kept = RuntimeModule.objects.filter(runtime=runtime, key=module).values_list("inventory", flat=True)
    return [ObjectRef(*entry) for inventory in kept for entry in inventory]


def _installed(runtime: Runtime, module: str) -> bool:
    return RuntimeModule.objects.filter(runtime=runtime, key=module).exists()


def _locked(actor: Actor, runtime_id: Any, revision: int | None) -> Runtime:
    return locked_runtime(actor=actor, permission=Permission.UPDATE, runtime_id=runtime_id, revision=revision)


def _removable(runtime: Runtime, module: str) -> None:
    if known(module).mandatory:
        detail = f"Module {module} is in every runtime and can't be removed."
        raise Refused("module_mandatory", detail, status=409)
    _present(runtime, module)


def _present(runtime: Runtime, module: str) -> None:
    known(module)
    wished = [wish["key"] for wish in runtime.cluster_spec.get("modules", ())]
    if module not in wished:
        detail = f"Runtime {runtime.name} has no module {module}; add it first. It has: {', '.join(wished) or 'none'}."
        raise Refused("module_not_there", detail, status=404)


def _without(runtime: Runtime, module: str) -> list[dict[str, Any]]:
    return [one for one in _listed(runtime) if one["name"] != module]


def _listed(runtime: Runtime) -> list[dict[str, Any]]:
    """Return the tenant's own list; a runtime with its plan's set begins from that."""
    chosen = runtime.spec["parameters"].get("modules", {"default": True})
    if "list" in chosen:
        return [dict(one) for one in chosen["list"]]
    plan = load_plan_facts(runtime.plan_id)
    return [{"name": name} for name in plan.default_modules] if chosen.get("default") else []


def _update(
    actor: Actor,
    runtime: Runtime,
    listed: list[dict[str, Any]] | None,
    settings: Mapping[str, Mapping[str, Any]],
) -> Changed:
    same = listed is None or listed == _listed(runtime)
    return update_runtime(
        actor=actor,
        runtime_id=runtime.pk,
        parameters=None if same else {"modules": {"list": listed}},
        module_settings=settings,
    )
