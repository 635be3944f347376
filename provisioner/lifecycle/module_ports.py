"""What the catalog and upgrades ask of modules: can a release be installed, and does a runtime's set let it go there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from controlplane.catalog.plans import ReleaseFacts
from controlplane.catalog.ports import ModuleFault
from controlplane.tenants.isolation import prepared
from provisioner.lifecycle import queries
from provisioner.lifecycle.ports import Blocker
from provisioner.modules.ordering import objections
from provisioner.modules.ports import nothing_sourced
from provisioner.modules.registry import all_modules
from provisioner.modules.versions import objections_to


def release_faults(release: Mapping[str, str]) -> list[ModuleFault]:
    """Return what of a release's modules this build can't install; what the catalog's files give a source is not asked about."""
    found = objections_to(release, sourced=nothing_sourced)
    return [ModuleFault(one.code, one.module, one.detail) for one in found]


def set_faults(chosen: Sequence[str]) -> list[ModuleFault]:
    """Return why these modules, with the mandatory ones, can't be together."""
    known = all_modules()
    mandatory = [key for key, module in known.items() if module.mandatory]
    return [ModuleFault(one.code, one.module, one.detail) for one in objections([*chosen, *mandatory], known)]


def blockers(runtimes: Sequence[UUID], release: ReleaseFacts) -> Mapping[UUID, Sequence[Blocker]]:
    """Return what of runtimes' modules keeps them from a release; one statement."""
    found: dict[UUID, list[Blocker]] = defaultdict(list)
    asked = {"runtimes": list(runtimes), "modules": list(release.modules), **_rules()}
    for row in prepared.rows(queries.MODULE_BLOCKERS, asked):
        key = row["missing"]
        missing = Blocker(
            "module_not_in_release", f"Release {release.key} has no module {key}: remove it first."
        )
        found[row["id"]].append(missing if key else Blocker("module_blocked", row["stuck"]))
    return found


def _rules() -> dict[str, list[Any]]:
    """Return this build's rules about two modules: the second is forbidden beside the first, or else must be there."""
    known = all_modules()
    rules = [
        (one.key, other, False, f"Module {one.key} needs {other}: add it first.")
        for one in known.values()
        for other in one.requires
        if other not in known or not known[other].mandatory
    ]
    rules += [
        (one.key, other, True, f"Modules {one.key} and {other} can't be together: {why}. Remove one first.")
        for one in known.values()
        for other, why in one.conflicts.items()
    ]
    columns = zip(*rules, strict=True) if rules else ((), (), (), ())
    return dict(zip(("firsts", "seconds", "forbidden", "words"), map(list, columns), strict=True))
