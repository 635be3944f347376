"""What pods ask for and use, summed for the tenant's work, the platform, and each of its components."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from billing.collecting.namespaces import OTHERS, component_of, part_of
from billing.collecting.pods import Amounts, requested, takes_room, used
from billing.collecting.quantities import mebibytes, millicores
from billing.meters.base import Part, Share

Json = Mapping[str, Any]
MOST_COMPONENTS = 100  # the largest; whoever fills kube-system with names of their own fills no table of ours
LONGEST_NAME = 63


@dataclass(slots=True)
class _Sum:
    """Billionths, so that nothing is rounded before the end."""

    cpu: int = 0
    memory: int = 0
    used_cpu: int = 0
    used_memory: int = 0
    pods: int = 0

    def ask(self, amounts: Amounts) -> None:
        self.cpu, self.memory, self.pods = self.cpu + amounts[0], self.memory + amounts[1], self.pods + 1

    def use(self, amounts: Amounts) -> None:
        self.used_cpu, self.used_memory = self.used_cpu + amounts[0], self.used_memory + amounts[1]

    def add(self, other: _Sum) -> None:
        self.cpu, self.memory = self.cpu + other.cpu, self.memory + other.memory
        self.used_cpu, self.used_memory = self.used_cpu + other.used_cpu, self.used_memory + other.used_memory
        self.pods += other.pods

    def share(self) -> Share:
        return Share(
            millicores(self.cpu),
            mebibytes(self.memory),
            millicores(self.used_cpu),
            mebibytes(self.used_memory),
            self.pods,
        )


def shares(
    pods: Sequence[Json], metrics: Sequence[Json] | None, parts: Mapping[str, Part]
) -> tuple[dict[Part, Share], dict[str, Share]]:
    """Return (by part, by component of the platform); a pod whose namespace is younger than its list counts by name."""
    by_part = {part: _Sum() for part in Part}
    by_component: dict[str, _Sum] = {}
    names: dict[tuple[str, str], str] = {}
    for pod in pods:
        if not takes_room(pod):
            continue
        amounts, part = requested(pod), _part(pod, parts)
        by_part[part].ask(amounts)
        if part is Part.PLATFORM:
            name = component_of(pod)[:LONGEST_NAME]
            names[pod["metadata"]["namespace"], pod["metadata"]["name"]] = name
            by_component.setdefault(name, _Sum()).ask(amounts)
    for each in metrics or ():
        amounts, part = used(each), _part(each, parts)
        by_part[part].use(amounts)
        known = names.get((each["metadata"]["namespace"], each["metadata"]["name"]))
        if part is Part.PLATFORM and known is not None:
            by_component[known].use(amounts)
    return {part: each.share() for part, each in by_part.items()}, _largest(by_component)


def _part(pod: Json, parts: Mapping[str, Part]) -> Part:
    namespace = pod["metadata"]["namespace"]
    return parts.get(namespace) or part_of(namespace, {})


def _largest(found: dict[str, _Sum]) -> dict[str, Share]:
    """Keep the largest by name; the rest is one entry."""
    ordered = sorted(found, key=lambda name: (-found[name].cpu, -found[name].memory, name))
    rest = _Sum()
    for name in ordered[MOST_COMPONENTS:]:
        rest.add(found.pop(name))
    if rest.pods:
        found.setdefault(OTHERS, _Sum()).add(rest)
    return {name: found[name].share() for name in sorted(found)}
