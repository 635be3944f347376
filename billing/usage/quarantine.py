"""Keeps samples that can't be believed, with the reason, for those who look into it; they count for nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from django.db import connection
from psycopg.types.json import Jsonb

from billing.usage.looks import canonical
from billing.usage.queries import QUARANTINE
from billing.usage.samples import Origin, RowFault, SampleIn
from controlplane.kernel.ids import uuid7

CONFLICT = "Another sample of this slot says otherwise; the first one stays."


def keep(rows: Sequence[tuple[SampleIn, RowFault]], origin: Origin) -> None:
    """Write these rows; one that was kept before for the same reason is kept once."""
    if not rows:
        return
    values: list[tuple[Any, ...]] = []
    for sample, fault in rows:
        payload = {
            "levels": sample.levels,
            "components": sample.components,
            "gauges": sample.gauges._asdict(),
        }
        digest = hashlib.blake2b(canonical(payload), digest_size=16).digest()
        keys = (uuid7(), sample.runtime, sample.slot, sample.epoch, fault.code, fault.detail)
        values.append((*keys, Jsonb(payload), digest, int(origin), sample.reported_at))
    with connection.cursor() as cursor:
        cursor.executemany(QUARANTINE, values)
