"""The contract of a gate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from controlplane.kernel.errors import Refused
from controlplane.kernel.sentences import choices, shown
from provisioner.rollouts.breaker import Cohort

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Approval:
    """Who said yes, and when."""

    by: str
    at: datetime
    person: str = ""  # their id; empty where only a name is known, of a token that is nobody's


@dataclass(frozen=True)
class Evidence:
    """What a gate may look at."""

    now: datetime
    since: datetime  # when the gate's turn came
    approvals: Sequence[Approval] = ()
    upgraded: Cohort = field(default_factory=lambda: Cohort(0, 0))
    control: Cohort = field(default_factory=lambda: Cohort(0, 0))
    footprint_change: float | None = None  # percent, of upgraded runtimes since before; None: not known yet
    measurable: bool = True  # whether anybody was upgraded whose footprint could have changed


@dataclass(frozen=True)
class Verdict:
    """Open or not, and why; `until` when time alone will open it, or when to look again."""

    open: bool
    reason: str
    until: datetime | None = None


def opened(reason: str) -> Verdict:
    """Return the verdict of a gate that is open."""
    return Verdict(open=True, reason=reason)


def shut(reason: str, until: datetime | None = None) -> Verdict:
    """Return the verdict of a gate that is not."""
    return Verdict(open=False, reason=reason, until=until)


def no_words(_settings: Settings) -> str:
    """Nothing but the title."""
    return ""


@dataclass(frozen=True)
class Gate:
    """One kind of gate: `check` returns normal settings or raises Refused, `judge` says how it stands."""

    title: str
    check: Callable[[Settings, datetime], dict[str, Any]]
    judge: Callable[[Settings, Evidence], Verdict]
    least_seconds: Callable[[Settings, datetime], float]  # for the estimate: how long it takes at the least
    words: Callable[[Settings], str] = no_words  # of its settings, as written or as normal, behind the title


def only(settings: Settings, *known: str) -> None:
    """Refuse settings that the gate does not know."""
    for key in settings:
        if key not in known:
            raise refused(f"The gate has no setting {shown(key)}. {choices(known, key)}")


def number(settings: Settings, key: str, *, least: float, most: float, default: float | None = None) -> float:
    """Return a number within bounds."""
    value = settings.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:  # noqa: PLR0124 - NaN
        raise refused(f"The gate needs {key}, a number from {least:g} to {most:g}, not {shown(value)}.")
    if not least <= value <= most:
        raise Refused(
            "gate_never_met", f"{key} is {value:g}; write {least:g} to {most:g}.", field=f"gates.{key}"
        )
    return float(value)


def refused(detail: str) -> Refused:
    """Return the refusal of settings."""
    return Refused("gate_invalid", detail, field="gates")


def no_wait(_settings: Settings, _now: datetime) -> float:
    """Nothing is known of how long it takes."""
    return 0.0
