"""What the catalog and upgrades ask of modules: can a release be installed, and does a runtime's set let it go there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from controlplane.catalog.plans import ReleaseFacts
from provisioner.lifecycle.ports import Blocker
from provisioner.modules.kept import State
from provisioner.modules.models import RuntimeModule
from provisioner.modules.ordering import objections
from provisioner.modules.registry import all_modules
from provisioner.modules.versions import faults
from provisioner.runtimes.models import Runtime


def release_faults(release: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return (module, sentence) for what of a release's modules this build can't install."""
    return faults(release)


def set_faults(chosen: Sequence[str]) -> list[tuple[str, str]]:
    """Return (module, sentence) for why these modules, with the mandatory ones, can't be together."""
    known = all_modules()
    mandatory = [key for key, module in known.items() if module.mandatory]
    return [(one.module, one.detail) for one in objections([*chosen, *mandatory], known)]


def blockers(runtime: Runtime, release: ReleaseFacts) -> list[Blocker]:
    """Return what of a runtime's modules keeps it from a release."""
    wished = [wish for wish in runtime.cluster_spec.get("modules", ()) if not wish.get("channel")]
    missing = [wish["key"] for wish in wished if wish["key"] not in release.modules]
    found = [
        Blocker("module_not_in_release", f"Release {release.key} has no module {key}: remove it first.")
        for key in missing
    ]
    stuck = RuntimeModule.objects.filter(runtime=runtime, state=State.BLOCKED).order_by("key")
    return [*found, *(Blocker("module_blocked", one.message) for one in stuck)]
