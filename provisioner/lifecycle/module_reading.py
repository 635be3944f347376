"""The modules of a runtime as people see them: what is wished beside what was seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from controlplane.catalog.facts import load_plan_facts
from controlplane.kernel.errors import Refused
from provisioner.modules.base import Module
from provisioner.modules.kept import Health, State
from provisioner.modules.models import RuntimeModule
from provisioner.modules.ordering import objections
from provisioner.modules.registry import all_modules
from provisioner.modules.rendering import with_defaults
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.spec import ModuleWish

REQUESTED = "requested"  # wished, and nobody has begun with it
STATES = (REQUESTED, *(state.value for state in State))


@dataclass(frozen=True)
class ModuleSight:
    """One module of one runtime; `version` is wished, `observed_version` was seen whole and well."""

    key: str
    mandatory: bool
    version: str
    channel: str
    settings: Mapping[str, Any]  # with every default
    state: str
    health: str
    observed_version: str = ""
    implementation: str = ""  # for the platform's people
    drift: tuple[str, ...] = ()
    message: str = ""
    since: datetime | None = None
    seen_at: datetime | None = None


def modules_of(runtime: Runtime) -> list[ModuleSight]:
    """Return the wished modules in their order, and behind them those that are still being removed; one query."""
    if runtime.deleted_at is not None:
        return []
    rows = {row.key: row for row in RuntimeModule.objects.filter(runtime=runtime).order_by("key")}
    wishes = [ModuleWish(**wish) for wish in runtime.cluster_spec.get("modules", ())]
    found = [_sight(wish, rows.pop(wish.key, None)) for wish in wishes]
    return found + [_sight(ModuleWish(key, row.version), row) for key, row in rows.items()]


def module_of(runtime: Runtime, key: str) -> ModuleSight:
    """Return one of them; raises Refused module_not_there 404."""
    for sight in modules_of(runtime):
        if sight.key == key:
            return sight
    detail = f"Runtime {runtime.name} has no module {key}."
    raise Refused("module_not_there", detail, status=404)


def _sight(wish: ModuleWish, row: RuntimeModule | None) -> ModuleSight:
    module = all_modules().get(wish.key)
    settings = with_defaults(module.schema, wish.settings) if module else dict(wish.settings)
    wished = ModuleSight(
        wish.key,
        mandatory=bool(module and module.mandatory),
        version=wish.version,
        channel=wish.channel,
        settings=settings,
        state=REQUESTED,
        health=Health.UNKNOWN.value,
    )
    if row is None:
        return wished
    return replace(
        wished,
        state=row.state,
        health=row.health,
        observed_version=row.observed_version,
        implementation=row.implementation,
        drift=tuple(row.drift),
        message=row.message,
        since=row.since,
        seen_at=row.seen_at,
    )


@dataclass(frozen=True)
class Offer:
    """A module that a runtime does not have; `hindrance` says why it can't be added just now."""

    module: Module
    name: str
    description: str
    version: str
    hindrance: str = ""


def offers_for(runtime: Runtime) -> list[Offer]:
    """Return what could be added to the runtime, in the catalog's words and its release's versions."""
    wished = [wish["key"] for wish in runtime.cluster_spec.get("modules", ())]
    versions = runtime.spec.get("release", {}).get("modules", {})
    known, found = all_modules(), []
    for facts in load_plan_facts(runtime.plan_id).modules:
        module = known.get(facts.key)
        if module is None or facts.key in wished or facts.key not in versions:
            continue
        why = [one.detail for one in objections([*wished, facts.key], known)]
        version = str(versions[facts.key]).rpartition("@")[2]
        found.append(Offer(module, facts.name, facts.description, version, " ".join(why)))
    return found
