"""How a runtime's modules look: a word, an icon and a tone for state and health together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from controlplane.catalog.plans import PlanFacts
from controlplane.console.presenters.badges import Badge
from provisioner.lifecycle.module_reading import REQUESTED, ModuleSight
from provisioner.modules.kept import Health, State

_STATES = {
    REQUESTED: Badge("Requested", "clock", "wait"),
    State.INSTALLING: Badge("Installing", "arrow-path", "busy"),
    State.REMOVING: Badge("Removing", "arrow-path", "busy"),
    State.BLOCKED: Badge("Blocked", "exclamation-triangle", "bad"),
}
_HEALTH = {
    Health.HEALTHY: Badge("Healthy", "check-circle", "ok"),
    Health.UNHEALTHY: Badge("Unhealthy", "exclamation-triangle", "bad"),
    Health.STARTING: Badge("Starting", "arrow-path", "busy"),
    Health.UNKNOWN: Badge("Unknown", "clock", "wait"),
}


@dataclass(frozen=True)
class ModuleLine:
    """One module as a line of a list."""

    sight: ModuleSight
    title: str
    badge: Badge
    leaving: bool

    @property
    def version(self) -> str:
        """The version that runs, and the one that it is on its way to."""
        seen, wanted = self.sight.observed_version, self.sight.version
        return wanted if seen in {"", wanted} else f"{seen} → {wanted}"


def module_lines(sights: Sequence[ModuleSight], plan: PlanFacts) -> list[ModuleLine]:
    """Return a line for each, under the catalog's names."""
    names = {facts.key: facts.name for facts in plan.modules}
    return [
        ModuleLine(
            sight,
            names.get(sight.key, sight.key),
            _HEALTH[Health(sight.health)] if sight.state == State.INSTALLED else _STATES[sight.state],
            leaving=sight.state in {State.REMOVING, State.BLOCKED},
        )
        for sight in sights
    ]
