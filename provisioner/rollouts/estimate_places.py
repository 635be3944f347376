"""How many of a stage run at once, and which limit says so. Pure.

A stage's lanes share its limits: a landscape that takes one at a time holds up its own members and nobody else's. With every lane
at its share of the pace, no stage ends before its most crowded scope does, and none need end later: members over places, the
most of all scopes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from provisioner.rollouts.budget import ROLLOUT, Lane, Scope

AT_ONCE = "the number at once"
WITHIN = ("stage", "group", "landscape", "region")


@dataclass(frozen=True)
class StagePlaces:
    """What the limits of every scope come to in one stage."""

    at_once: int  # no more than these ever run at the same time
    pace: float  # places that the stage is as fast as: fewer where its members crowd into one scope
    bound_by: str  # the limit that says so, for people


def places_of(lanes: Mapping[Lane, int], limits: Mapping[Scope, int]) -> StagePlaces:
    """Return the places of a stage whose lanes have so many members each; a scope without a limit takes everybody."""
    total = max(1, sum(lanes.values()))
    members: dict[Scope, int] = {}
    for lane, count in lanes.items():
        for scope in lane.scopes():
            members[scope] = members.get(scope, 0) + count
    crowded = {scope: count / limits[scope] for scope, count in members.items() if scope in limits and count}
    tightest = max(crowded, key=lambda scope: crowded[scope], default=ROLLOUT)
    pace = total / crowded[tightest] if crowded else float(total)
    at_once = limits.get(ROLLOUT, total)
    for kind in WITHIN:
        of_kind = [scope for scope in members if scope[0] == kind]
        if any(scope in limits for scope in of_kind):
            taken = sum(min(members[scope], limits.get(scope, members[scope])) for scope in of_kind)
            at_once = min(at_once, max(1, taken))
    return StagePlaces(at_once, max(pace, 1e-6), _words(tightest))


def _words(scope: Scope) -> str:
    """Short enough for the column that keeps them."""
    return AT_ONCE if scope == ROLLOUT else f"{AT_ONCE} in one {scope[0]}"
