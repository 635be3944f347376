"""Brings sealed values under the present key, in batches, while everybody goes on reading them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from controlplane.config.sealed_columns import COLUMNS, SealedColumn
from controlplane.kernel.errors import Fatal, Refused
from controlplane.sealing import current

BATCH = 100


@dataclass
class Progress:
    """How far one column is; `failed` names rows whose value does not open."""

    column: str
    seen: int = 0
    rewrapped: int = 0
    failed: list[str] = field(default_factory=list)


def rewrap_all(*, batch: int = BATCH) -> Iterator[Progress]:
    """Yield the progress of each column after every batch. Stop at any time and begin again: what is done stays done.

    A value that somebody changes meanwhile is left to them: they seal it under the present key.
    """
    for column in COLUMNS:
        progress = Progress(column.name)
        last: Any = None
        while True:
            rows = _rows(column, last, batch)
            for row in rows:
                _rewrap(column, row, progress)
            yield progress
            if len(rows) < batch:
                break
            last = rows[-1].pk


def keys_in_use() -> dict[str, Counter[str]]:
    """Return for each column how many values each key wraps; `not sealed` for what can't be read."""
    sealer, found = current(), {}
    for column in COLUMNS:
        counter: Counter[str] = Counter()
        for value in column.model.objects.values_list(column.column, flat=True).iterator(chunk_size=1000):
            if value:
                try:
                    counter[sealer.key_of(bytes(value))] += 1
                except Fatal:
                    counter["not sealed"] += 1
        found[column.name] = counter
    return found


def _rows(column: SealedColumn, last: Any, batch: int) -> list[Any]:
    rows = column.model.objects.exclude(**{column.column: b""}).order_by("pk")
    return list(rows.filter(pk__gt=last)[:batch] if last is not None else rows[:batch])


def _rewrap(column: SealedColumn, row: Any, progress: Progress) -> None:
    sealed = bytes(getattr(row, column.column) or b"")
    if not sealed:
        return
    progress.seen += 1
    sealer = current()
    try:
        if sealer.is_current(sealed):
            return
        fresh = sealer.rewrap(sealed, context=column.context(row))
    except (Fatal, Refused) as error:
        progress.failed.append(f"{column.name} of row {row.pk}: {error}")
        return
    unchanged = {"pk": row.pk, column.column: sealed}
    with transaction.atomic():
        progress.rewrapped += column.model.objects.filter(**unchanged).update(**{column.column: fresh})
