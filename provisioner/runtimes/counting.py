"""How the fleet stands, from counts that a trigger keeps: a few hundred rows at most, however many runtimes there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection

from provisioner.runtimes.phases import Phase

# Reads one row for each kind that there is, and the changes since they were folded last: see migration 0008.
STANDING = """
SELECT phase, release_key, situation, sum(runtimes)::int FROM runtimes_fleetcount GROUP BY 1, 2, 3 HAVING sum(runtimes) > 0"""

APART = """
SELECT kubernetes_apart, release_key, count(*)::int FROM runtimes_runtime
WHERE kubernetes_apart <> '' AND deleted_at IS NULL GROUP BY 1, 2 ORDER BY 1, 2"""


@dataclass(frozen=True)
class Standing:
    """So many present runtimes stand alike; `situation` is empty before the first sight."""

    phase: str
    release: str
    situation: str
    runtimes: int


def fleet_standing() -> Sequence[Standing]:
    """Return every kind of present runtime with how many there are; one statement."""
    with connection.cursor() as cursor:
        cursor.execute(STANDING)
        found = [Standing(*row) for row in cursor.fetchall()]
    return [one for one in found if one.phase != Phase.DEPROVISIONED]


@dataclass(frozen=True)
class Apart:
    """So many present runtimes of a release were seen with this other Kubernetes version."""

    kubernetes: str
    release: str
    runtimes: int


def fleet_apart() -> Sequence[Apart]:
    """Return who was seen with another Kubernetes than their release's. Reads those only; rides on runtime_kubernetes_apart."""
    with connection.cursor() as cursor:
        cursor.execute(APART)
        return [Apart(*row) for row in cursor.fetchall()]


def by(name: str, standing: Sequence[Standing]) -> dict[str, int]:
    """Return how many there are by phase, release or situation, the most first."""
    counts: Counter[str] = Counter()
    for one in standing:
        counts[getattr(one, name)] += one.runtimes
    return dict(counts.most_common())
