"""What an apply would change, and what it would take away. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from controlplane.catalog.loading.catalog import KINDS, Row
from controlplane.catalog.ports import Kind, Removal

Rows = Mapping[str, Mapping[str, Row]]


@dataclass(frozen=True)
class Change:
    """One row that is added, changed or removed; `fields` holds (name, before, after)."""

    kind: str
    key: str
    action: str
    fields: tuple[tuple[str, Any, Any], ...] = ()


def compare(before: Rows, after: Rows) -> list[Change]:
    """Every difference, in the order in which it may be written; removals come last, in reverse."""
    changes, removals = [], []
    for kind in KINDS:
        for key, row in after[kind].items():
            if key not in before[kind]:
                changes.append(Change(kind, key, "add"))
            elif fields := tuple(_fields("", before[kind][key], row)):
                changes.append(Change(kind, key, "change", fields))
        removals += [Change(kind, key, "remove") for key in before[kind] if key not in after[kind]]
    return changes + removals[::-1]


def _fields(prefix: str, before: Row, after: Row) -> Iterator[tuple[str, Any, Any]]:
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if name == "definition" and isinstance(old, dict) and isinstance(new, dict):
            yield from _fields("definition.", old, new)
        else:
            yield f"{prefix}{name}", old, new


def removals(before: Rows, after: Rows) -> tuple[Removal, ...]:
    """What runtimes could miss: rows that go, zones that go, and what a plan that stays no longer offers."""
    found: list[Removal] = []
    for kind in (
        "plan",
        "region",
        "machine_type",
        "kubernetes_version",
        "release",
        "module",
        "module_version",
    ):
        for key in sorted(set(before[kind]) - set(after[kind])):
            row = before[kind][key]
            named = row["name"] if kind in ("region", "machine_type") else key
            provider = row["provider"] if kind in ("region", "machine_type") else ""
            found.append(Removal(kind, named, provider=provider))
    found += _lost_zones(before, after)
    for key in sorted(set(before["plan"]) & set(after["plan"])):
        old, new = before["plan"][key]["definition"], after["plan"][key]["definition"]
        # A machine type that only additional pools keep is gone for every main pool that has it.
        lost: list[tuple[Kind, str]] = []
        lost += [("region", name) for name in old["regions"] if name not in new["regions"]]
        lost += [("machine_type", name) for name in old["machine_types"] if name not in new["machine_types"]]
        kept = [*new["machine_types"], *new["additional_machine_types"]]
        lost += [("machine_type", name) for name in old["additional_machine_types"] if name not in kept]
        found += [Removal(kind, name, plan=key, provider=old["provider"]) for kind, name in lost]
    return tuple(found)


def _lost_zones(before: Rows, after: Rows) -> Iterator[Removal]:
    for key in sorted(set(before["region"]) & set(after["region"])):
        row = before["region"][key]
        for zone in row["zones"]:
            if zone not in after["region"][key]["zones"]:
                yield Removal("zone", f"{row['name']}/{zone}", provider=row["provider"])
