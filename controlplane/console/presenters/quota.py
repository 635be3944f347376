"""Quota in words and bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from controlplane.catalog.entitlements import Line
from controlplane.catalog.facts import snapshot
from controlplane.catalog.models import QuotaRequest
from controlplane.catalog.quota import DIMENSIONS
from controlplane.catalog.quota_models import RequestState
from controlplane.console.presenters.badges import Badge
from provisioner.lifecycle.quota_requests import asked

TITLES = {"runtimes": "Runtimes", "vcpu": "vCPUs", "memory_gib": "Memory (GiB)", "gpus": "GPUs"}
STATES = {
    RequestState.OPEN: Badge("Waiting", "clock", "wait"),
    RequestState.APPROVED: Badge("Approved", "check-circle", "ok"),
    RequestState.DECLINED: Badge("Declined", "no-symbol", "bad"),
    RequestState.WITHDRAWN: Badge("Taken back", "arrow-uturn-left", "idle"),
}


@dataclass(frozen=True)
class Bar:
    """One dimension: `percent` is None where nothing bounds it."""

    name: str
    title: str
    used: str
    granted: str  # empty where nothing bounds it
    percent: int | None

    @property
    def is_full(self) -> bool:
        """Whether nothing more fits."""
        return self.percent is not None and self.percent >= 100  # noqa: PLR2004


@dataclass(frozen=True)
class LineShown:
    """One plan's bars; the empty key stands for all plans."""

    key: str
    title: str
    bars: list[Bar]
    regions: str


def lines_shown(lines: Sequence[Line]) -> list[LineShown]:
    """Return all plans first, then those of which something is used or bounded; not those that are closed to the tenant."""
    shown = [_line(line) for line in lines if not (line.plan and line.is_closed and not line.used.runtimes)]
    return [line for line in shown if not line.key or line.bars]


def request_shown(row: QuotaRequest) -> dict[str, object]:
    """Return a request with its words."""
    return {
        "row": row,
        "asked": ", ".join(asked(row)),
        "of": _title(row.plan),
        "badge": STATES[RequestState(row.state)],
    }


def _line(line: Line) -> LineShown:
    bars = []
    for name in DIMENSIONS:
        used, granted = getattr(line.used, name), getattr(line.bounds, name)
        if used or granted is not None or (not line.plan and name != "gpus"):
            bars.append(Bar(name, TITLES[name], _number(used), _granted(granted), _percent(used, granted)))
    return LineShown(line.plan, _title(line.plan), bars, ", ".join(line.bounds.regions))


def _title(plan: str) -> str:
    facts = snapshot().plans.get(plan)
    return facts.name if facts else plan or "All plans together"


def _number(value: Decimal | int) -> str:
    return f"{Decimal(value).normalize():,f}"


def _granted(value: Decimal | int | None) -> str:
    return "" if value is None else _number(value)


def _percent(used: Decimal | int, granted: Decimal | int | None) -> int | None:
    if granted is None:
        return None
    return min(100, int(100 * Decimal(used) / Decimal(granted))) if granted else 100
