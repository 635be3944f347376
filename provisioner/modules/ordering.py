"""Which modules can be there together, and in which order they are installed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from provisioner.modules.base import Module


@dataclass(frozen=True)
class Objection:
    """Why a set of modules can't be: a stable code, the module it is about, and a sentence with the way out."""

    code: str  # module_cycle, module_conflict, module_requires, module_unknown
    module: str
    detail: str
    needs: str = ""  # of module_requires: what is not there


def objections(keys: Iterable[str], modules: Mapping[str, Module]) -> list[Objection]:
    """Return everything that is wrong with this set of modules, empty for one that can be installed."""
    chosen = sorted(set(keys))
    found = [
        Objection("module_unknown", key, f"There is no module {key}.") for key in chosen if key not in modules
    ]
    known = [key for key in chosen if key not in {one.module for one in found}]
    for key in known:
        found += [
            Objection("module_requires", key, f"Module {key} needs {other}; choose {other} as well.", other)
            for other in modules[key].requires
            if other not in chosen
        ]
    found += [
        Objection(
            "module_conflict", first, f"Modules {first} and {second} can't be together: {why}. Choose one."
        )
        for (first, second), why in sorted(_conflicts(known, modules).items())
    ]
    if cycle := find_cycle(known, modules):
        said = " → ".join((*cycle, cycle[0]))
        detail = (
            f"These modules need one another in a circle: {said}. Take one `requires` out of the catalogue."
        )
        found.append(Objection("module_cycle", cycle[0], detail))
    return found


def _conflicts(keys: list[str], modules: Mapping[str, Module]) -> dict[tuple[str, str], str]:
    """Return {pair: why}, each pair once, whichever of the two names the other."""
    return {
        (min(key, other), max(key, other)): why
        for key in keys
        for other, why in modules[key].conflicts.items()
        if other in keys
    }


def in_order(keys: Iterable[str], modules: Mapping[str, Module]) -> tuple[str, ...]:
    """Return the keys with every module behind those that it needs, mandatory ones as early as they can be, then by key.

    The same set gives the same order. Raises ValueError for a circle.
    """
    order, waits = _sorted(set(keys), modules)
    if waits:
        raise ValueError(f"a circle among {', '.join(sorted(waits))}")
    return tuple(order)


def find_cycle(keys: Iterable[str], modules: Mapping[str, Module]) -> tuple[str, ...]:
    """Return the modules of one circle of needs, each before the one that it needs, or nothing."""
    _, waits = _sorted(set(keys), modules)
    if not waits:
        return ()
    # Whatever is left needs something that is left: following that comes back to where it was.
    path = [min(waits)]
    while (needed := min(waits[path[-1]])) not in path:
        path.append(needed)
    return tuple(path[path.index(needed) :])


def _sorted(chosen: set[str], modules: Mapping[str, Module]) -> tuple[list[str], dict[str, set[str]]]:
    """Return what can be put in order, and for the rest what each still waits for."""
    waits = {key: {other for other in modules[key].requires if other in chosen} for key in chosen}
    needed_by: dict[str, list[str]] = {key: [] for key in chosen}
    for key, others in waits.items():
        for other in others:
            needed_by[other].append(key)
    ready = [(not modules[key].mandatory, key) for key, others in waits.items() if not others]
    heapify(ready)
    order: list[str] = []
    while ready:
        _, key = heappop(ready)
        order.append(key)
        del waits[key]
        for other in needed_by[key]:
            waits[other].discard(key)
            if not waits[other]:
                heappush(ready, (not modules[other].mandatory, other))
    return order, waits
