"""How findings look: a word, an icon and a tone for each severity, under the names of their rules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from controlplane.console.presenters.badges import Badge
from provisioner.findings.reading import Sight, Standing
from provisioner.findings.rules.base import Severity

SEVERITIES = {
    Severity.BLOCKING: Badge("Blocks upgrades", "no-symbol", "bad"),
    Severity.WARNING: Badge("Breaks a rule", "exclamation-triangle", "wait"),
    Severity.INFO: Badge("Worth knowing", "information-circle", "idle"),
}
WAIVED = Badge("Waived", "check-circle", "idle")
SHOWN = 20


@dataclass(frozen=True)
class FindingLine:
    """One finding as a line of a list."""

    sight: Sight
    badge: Badge


@dataclass(frozen=True)
class FindingLines:
    """What a runtime's page says of findings; `more` are those that are not shown."""

    standing: Standing
    lines: tuple[FindingLine, ...]
    more: int = 0


def finding_lines(standing: Standing) -> FindingLines:
    """Return the first lines, the worst first."""
    lines = tuple(_lines(standing.sights[:SHOWN]))
    return FindingLines(standing, lines, max(0, len(standing.sights) - SHOWN))


def _lines(sights: Iterable[Sight]) -> Iterable[FindingLine]:
    for sight in sights:
        yield FindingLine(sight, WAIVED if sight.waiver else SEVERITIES[Severity(sight.row.severity)])
