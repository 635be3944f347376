"""What the lifecycle asks rooms above it; they fill these at start-up. Read them through the module.

Each of `may_begin` is asked inside the transaction that creates a runtime, once tenant and account allow it, and raises
Refused where it does not: read only, indexed, no network.
Each of `preflight` is asked before runtimes are brought to a release, of all of them at once, with what the platform knows
already: no network either. It answers for those that something keeps from it.
`stopped` says why nothing may be forced now, or nothing; asked inside the transaction that forces an upgrade. `openings` says of
which runtimes an upgrade may begin only later, and when.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from controlplane.catalog.plans import ReleaseFacts
from controlplane.tenants.models import Account


@dataclass(frozen=True)
class Blocker:
    """What keeps a runtime from being upgraded, and what to do about it."""

    code: str
    detail: str  # a sentence: what is wrong, and the remedy
    audience: str = "tenant"  # or sre: who can act


may_begin: list[Callable[[Account], None]] = []
stopped: Callable[[], str] | None = None
openings: Callable[[Sequence[UUID], datetime], Mapping[UUID, datetime]] | None = None
preflight: list[Callable[[Sequence[UUID], ReleaseFacts], Mapping[UUID, Sequence[Blocker]]]] = []
