"""What a release says of modules: "1.46.0", or "vector@0.44.0" where it chooses another implementation than the first. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from provisioner.modules import ports
from provisioner.modules.base import Implementation, Module
from provisioner.modules.ordering import Objection, in_order, objections
from provisioner.modules.registry import all_modules
from provisioner.runtimes.spec import ModuleWish

Sourced = Callable[[str, str, str], Implementation | None]


def parse_version(text: str, module: Module) -> tuple[str, str]:
    """Return version and implementation."""
    implementation, _, version = text.rpartition("@")
    return version, implementation or module.first


def plain_versions(release: Mapping[str, str]) -> dict[str, str]:
    """Return {module: version} for people: which implementation stands behind a module is not theirs to follow."""
    return {key: text.rpartition("@")[2] for key, text in release.items()}


def objections_to(
    release: Mapping[str, str], modules: Mapping[str, Module] | None = None, *, sourced: Sourced | None = None
) -> list[Objection]:
    """Return what is wrong with a release's modules: one that this build has no file or implementation for, one whose needs the
    release lacks, a circle of needs, mandatory ones that can't be together. Others may conflict: each runtime chooses among them.

    `sourced` says what there is from elsewhere: the catalogue in force, where nothing is said.
    """
    elsewhere = sourced or ports.sourced
    known = all_modules() if modules is None else modules
    found = [
        Objection("module_unknown", key, f"This build has no file for the module {key}.")
        for key in release
        if key not in known
    ]
    for key in release.keys() & known.keys():
        version, implementation = parse_version(release[key], known[key])
        if (
            implementation not in known[key].implementations
            and elsewhere(key, implementation, version) is None
        ):
            names = ", ".join(known[key].implementations)
            detail = f"Module {key} has no implementation {implementation}; it has: {names}."
            found.append(Objection("module_implementation_unknown", key, detail))
    everywhere = {key for key, module in known.items() if module.mandatory}
    together = objections([key for key in release if key in known], known)
    found += [one for one in together if one.code != "module_conflict"]
    found += [one for one in objections(everywhere, known) if one.code == "module_conflict"]
    return sorted(found, key=lambda one: (one.module, one.code))


def wishes_of_release(
    present: Sequence[ModuleWish], release: Mapping[str, str], modules: Mapping[str, Module] | None = None
) -> tuple[ModuleWish, ...]:
    """Return the wishes as a release's versions make them: settings stay, and so does what follows a channel of its own.

    Mandatory modules that a wish older than them does not name are added.
    """
    known = all_modules() if modules is None else modules
    wishes = {wish.key: wish for wish in present}
    for key, module in known.items():
        if module.mandatory and key in release:
            wishes.setdefault(key, ModuleWish(key, ""))
    moved = {key: _moved(wish, release, known) for key, wish in wishes.items()}
    return tuple(moved[key] for key in in_order([key for key in moved if key in known], known))


def _moved(wish: ModuleWish, release: Mapping[str, str], modules: Mapping[str, Module]) -> ModuleWish:
    if wish.channel or wish.key not in release or wish.key not in modules:
        return wish
    version, implementation = parse_version(release[wish.key], modules[wish.key])
    return replace(wish, version=version, implementation=implementation)
