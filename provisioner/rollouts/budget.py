"""How many may run at once and how many may fail, in every scope that a target lies in. Pure.

Numbers are absolute or a percentage of the scope's members. A percentage of concurrency is rounded down, but to one at least; one
of failures is rounded down, to none at least: a budget is never exceeded by rounding.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controlplane.kernel.errors import Refused
from controlplane.kernel.sentences import shown

Scope = tuple[
    str, ...
]  # ("rollout",) ("stage", id) ("group", stage, name) ("landscape", id) ("region", name)
ROLLOUT: Scope = ("rollout",)
LARGEST = 1_000_000
FREE_PLACE = ("place", "waits for a free place")
WHOLE = 100  # percent


@dataclass(frozen=True)
class Amount:
    """A number of members, or a percentage of them."""

    number: float
    relative: bool

    def __str__(self) -> str:
        return f"{self.number:g}%" if self.relative else f"{self.number:g}"

    def of(self, members: int, *, least: int) -> int:
        """Return how many of so many members that is."""
        if self.relative:
            return max(least, int(members * self.number / 100 + 1e-9))
        return max(least, int(self.number))


def parse_amount(given: Any, field: str, *, positive: bool) -> Amount:
    """Return the amount in 5, "5" or "5%"; raises Refused amount_invalid, percent_over_100, amount_zero."""
    text = str(given).strip() if not isinstance(given, bool) else ""
    if not re.fullmatch(r"[0-9]{1,7}(\.[0-9]{1,3})?%|[0-9]{1,7}", text):
        detail = f"{field} must be a number such as 5 or a percentage such as 2%, not {shown(given)}."
        raise Refused("amount_invalid", detail, field=field)
    amount = Amount(float(text.removesuffix("%")), text.endswith("%"))
    if amount.relative and amount.number > WHOLE:
        raise Refused("percent_over_100", f"{field} is {text}; write at most 100%.", field=field)
    if positive and amount.number == 0:
        raise Refused(
            "amount_zero", f"{field} is 0, so nothing would ever begin; write at least 1.", field=field
        )
    if amount.number > LARGEST:
        raise Refused("amount_invalid", f"{field} must be at most {LARGEST}.", field=field)
    return amount


@dataclass(frozen=True)
class Lane:
    """Members of one stage and group in one landscape and region: they share every scope."""

    id: int
    stage: str
    group: str
    landscape: str
    region: str
    active: int = 0
    blamed: int = 0  # failed, and counted against the budget

    def scopes(self) -> tuple[Scope, ...]:
        """Return every scope that the lane's members lie in."""
        return (
            ROLLOUT,
            ("stage", self.stage),
            ("group", self.stage, self.group),
            ("landscape", self.landscape),
            ("region", self.region),
        )


@dataclass(frozen=True)
class Limits:
    """What each scope allows; a scope that is not named allows everything."""

    concurrency: Mapping[Scope, int]
    failures: Mapping[Scope, int]


class Places:
    """The free places of every scope while targets are chosen, first come first served."""

    def __init__(self, lanes: Iterable[Lane], limits: Limits) -> None:
        self._free = dict(limits.concurrency)
        self._over = set[Scope]()
        blamed: dict[Scope, int] = {}
        for lane in lanes:
            for scope in lane.scopes():
                if scope in self._free:
                    self._free[scope] -= lane.active
                blamed[scope] = blamed.get(scope, 0) + lane.blamed
        self._allowed = limits.failures
        self._over = {scope for scope, allowed in limits.failures.items() if blamed.get(scope, 0) > allowed}
        self.blamed: Mapping[Scope, int] = blamed

    @property
    def over_budget(self) -> frozenset[Scope]:
        """The scopes in which more failed than may: nothing begins there."""
        return frozenset(self._over)

    def is_over(self, lane: Lane) -> bool:
        """Whether more failed than may where the lane's members are."""
        return any(scope in self._over for scope in lane.scopes())

    def waits_for(self, lane: Lane) -> tuple[str, str]:
        """Return the code and the words of what a member of the lane waits for that is ready."""
        over = next((scope for scope in lane.scopes() if scope in self._over), None)
        if over is None:
            return FREE_PLACE
        where = {"landscape": "its landscape", "region": f"region {over[-1]}"}.get(over[0], f"its {over[0]}")
        return "over_budget", f"over budget: {self.blamed[over]} failed in {where}, {self._allowed[over]} may"

    def free(self, lane: Lane) -> int:
        """Return how many members of the lane could begin now, were it alone."""
        scopes = lane.scopes()
        if self.is_over(lane):
            return 0
        return max(0, min((self._free[scope] for scope in scopes if scope in self._free), default=LARGEST))

    def take(self, lane: Lane) -> bool:
        """Take one place in every scope of the lane, or none and return False."""
        if self.free(lane) < 1:
            return False
        for scope in lane.scopes():
            if scope in self._free:
                self._free[scope] -= 1
        return True


def choose(
    places: Places, lanes: Mapping[int, Lane], candidates: Sequence[tuple[Any, int]], most: int
) -> list[Any]:
    """Return those of the candidates (key, lane), in their order, that find a place; at most so many."""
    chosen: list[Any] = []
    for key, lane in candidates:
        if len(chosen) >= most:
            break
        if places.take(lanes[lane]):
            chosen.append(key)
    return chosen
