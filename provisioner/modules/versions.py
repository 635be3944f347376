"""What a release says of modules: "1.46.0", or "vector@0.44.0" where it chooses another implementation than the first. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from provisioner.modules.base import Module
from provisioner.modules.ordering import in_order
from provisioner.modules.registry import all_modules
from provisioner.runtimes.spec import ModuleWish


def parse_version(text: str, module: Module) -> tuple[str, str]:
    """Return version and implementation."""
    implementation, _, version = text.rpartition("@")
    return version, implementation or module.first


def plain_versions(release: Mapping[str, str]) -> dict[str, str]:
    """Return {module: version} for people: which implementation stands behind a module is not theirs to follow."""
    return {key: text.rpartition("@")[2] for key, text in release.items()}


def faults(release: Mapping[str, str], modules: Mapping[str, Module] | None = None) -> list[tuple[str, str]]:
    """Return (module, sentence) for every implementation that a release names and this build does not have."""
    known = all_modules() if modules is None else modules
    found = []
    for key, text in release.items():
        if key not in known:
            found.append((key, f"this build has no file for the module {key}."))
            continue
        _, implementation = parse_version(text, known[key])
        if implementation not in known[key].implementations:
            names = ", ".join(known[key].implementations)
            found.append((key, f"module {key} has no implementation {implementation}; it has: {names}."))
    return found


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
