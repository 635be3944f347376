"""What is handed to the store, and what it answers. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import NamedTuple
from uuid import UUID


class Origin(IntEnum):
    """How a sample came."""

    COLLECTOR = 1  # read by us, in its slot
    AGENT = 2  # pushed
    BACKFILL = 3  # read by us later, while the source still knew


class Gauges(NamedTuple):
    """What changes from slot to slot, of the tenant's own work and of what the platform runs; thousandths of a core and MiB.

    Use is None, all four of it, where the cluster had no figures: unknown is not zero. Egress counts since the sample before.
    """

    workload_requested_millicores: int = 0
    workload_requested_mib: int = 0
    platform_requested_millicores: int = 0
    platform_requested_mib: int = 0
    workload_used_millicores: int | None = None
    workload_used_mib: int | None = None
    platform_used_millicores: int | None = None
    platform_used_mib: int | None = None
    egress_bytes: int = 0
    allocatable_millicores: int = 0
    allocatable_mib: int = 0


class SampleIn(NamedTuple):
    """One sight of one runtime in one slot. A tuple, for ten thousand of them are checked column by column.

    `slot` is the slot's first moment, UTC; `epoch` counts the cluster's incarnations; `levels` is what
    `meters.registry.measure` answers, without counters; `components` is what the platform's components ask for,
    {component: (millicores, MiB)}; `component_use` the same of their use, wanted once an hour.
    """

    runtime: UUID
    epoch: int
    slot: datetime
    levels: Mapping[str, Mapping[str, int]]
    components: Mapping[str, tuple[int, int]]
    gauges: Gauges
    reported_at: datetime
    component_use: Mapping[str, tuple[int, int]] | None = None


@dataclass(frozen=True, slots=True)
class RowFault:
    """What is wrong with one row of a batch: its number from 0, its column, a stable code, a sentence."""

    row: int
    column: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of a batch: every row is accepted, a duplicate, quarantined or refused.

    Refused rows left nothing behind; quarantined ones are kept for those who look into them, and count for nothing.
    """

    accepted: int
    duplicates: int
    quarantined: tuple[RowFault, ...] = ()
    refused: tuple[RowFault, ...] = ()
