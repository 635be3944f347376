"""Whose modules are due to be looked at, and what was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.postgres.functions import TransactionNow as Now
from django.db import connection, transaction
from django.db.models import F, Value
from django.db.models.functions import Least

from provisioner.modules import queries
from provisioner.modules.installing import Sight
from provisioner.modules.kept import Health, State
from provisioner.modules.memory import RowMemory
from provisioner.modules.models import Inspection, RuntimeModule

RARELY = 4  # rounds between two looks, at most


def claim(most: int) -> list[UUID]:
    """Return runtimes whose look is due, and put the next one off by a round."""
    params: dict[str, Any] = {"round": _round(), "most": most, "rarely": RARELY}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(queries.CLAIM, params)
        return [row[0] for row in cursor.fetchall()]


def come_again(runtime_id: UUID, *, after: timedelta, problem: str = "") -> None:
    """Look at this one again soon: now it could not be."""
    Inspection.objects.filter(pk=runtime_id).update(due_at=Now() + after, problem=problem[:300])


def forget(runtime_id: UUID) -> None:
    """Drop what is remembered of a runtime that is gone."""
    with transaction.atomic():
        RuntimeModule.objects.filter(runtime=runtime_id).delete()
        Inspection.objects.filter(pk=runtime_id).delete()


def note(runtime_id: UUID, generation: int, sights: Sequence[Sight]) -> int:
    """Keep what was seen of installed modules; return for how many looks in a row there has been drift, this one counted."""
    memory = RowMemory(runtime_id, generation)
    kept = memory.recall()
    memory.keep(
        [
            replace(
                kept[sight.key],
                health=Health.UNHEALTHY if sight.complaints else Health.HEALTHY,
                drift=sight.drift,
                message=sight.message,
            )
            for sight in sights
            if sight.key in kept and kept[sight.key].state is State.INSTALLED
        ]
    )
    drifted = any(sight.drift for sight in sights)
    row = Inspection.objects.filter(pk=runtime_id)
    row.update(rounds=F("rounds") + 1 if drifted else 0, problem="", **_next(sights))
    return row.values_list("rounds", flat=True).first() or 0


def _next(sights: Sequence[Sight]) -> dict[str, Any]:
    """Return what a look changes of when the next one comes; the claim has put that off as if all were in order."""
    if not any(sight.drift or sight.complaints for sight in sights):
        return {"quiet": Least(F("quiet") + 1, Value(RARELY))}
    return {"quiet": 0, "due_at": Least(F("due_at"), Now() + _round())}


def _round() -> timedelta:
    return timedelta(seconds=settings.MODULE_INSPECTION_SECONDS)
