"""The memory of one runtime's modules in PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from controlplane.kernel.ids import uuid7
from provisioner.modules import queries
from provisioner.modules.kept import Health, Kept, State
from provisioner.runtimes.inside import ObjectRef


@dataclass(frozen=True)
class RowMemory:
    """Reads and writes the rows of one runtime, for the wish of one generation; a late writer of an older one changes nothing."""

    runtime_id: UUID
    generation: int

    def recall(self) -> Mapping[str, Kept]:
        """Return what the rows say; one statement."""
        with connection.cursor() as cursor:
            cursor.execute(queries.RECALL, {"runtime": self.runtime_id})
            return {row[0]: _kept(row) for row in cursor.fetchall()}

    def keep(self, kept: Sequence[Kept], *, forget: Collection[str] = ()) -> None:
        """Write these rows and drop those; one statement."""
        params: dict[str, Any] = {
            "runtime": self.runtime_id,
            "generation": self.generation,
            "round": timedelta(seconds=settings.MODULE_INSPECTION_SECONDS),
            "forget": list(forget),
            "rows": json.dumps([_row(one) for one in kept]),
        }
        with connection.cursor() as cursor:
            cursor.execute(queries.KEEP, params)


def _kept(row: Sequence[Any]) -> Kept:
    key, version, implementation, wanted, state, health, observed, digest, inventory, drift, message = row
    return Kept(
        key=key,
        version=version,
        implementation=implementation,
        settings=json.loads(wanted),
        state=State(state),
        health=Health(health),
        observed_version=observed,
        digest=digest,
        inventory=tuple(ObjectRef(*entry) for entry in json.loads(inventory)),
        drift=tuple(json.loads(drift)),
        message=message,
    )


def _row(one: Kept) -> dict[str, Any]:
    return {
        "id": str(uuid7()),
        "key": one.key,
        "version": one.version,
        "implementation": one.implementation,
        "settings": dict(one.settings),
        "state": one.state.value,
        "health": one.health.value,
        "observed_version": one.observed_version,
        "digest": one.digest,
        "inventory": [[ref.api_version, ref.kind, ref.name, ref.namespace] for ref in one.inventory],
        "drift": list(one.drift)[:50],
        "message": one.message[:500],
    }
