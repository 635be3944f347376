"""What the store knows of the last sights of runtimes, for a collector that has just begun to read them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from billing.collecting import queries
from billing.collecting.samples import Held
from billing.usage.packed import BLOCK_SIZE
from billing.usage.samples import Gauges, SampleIn


def last_seen(runtimes: Collection[UUID], slot: datetime, *, seconds: int, most: int) -> dict[UUID, Held]:
    """Return the newest sight of each runtime in a slot and the `most` before it; who has none is left out.

    Slot by slot, newest first: behind a restart nearly all were seen in the last one before it.
    """
    found: dict[UUID, Held] = {}
    missing = set(runtimes)
    with connection.cursor() as cursor:
        for back in range(most + 1):
            if not missing:
                break
            then = slot - timedelta(seconds=seconds * back)
            cursor.execute(queries.SEEN, {"slot": then, "runtimes": list(missing), "size": BLOCK_SIZE})
            found |= {row[0]: _held(then, row) for row in cursor.fetchall()}
            missing -= found.keys()
    return found


def _held(slot: datetime, row: Sequence[Any]) -> Held:
    runtime, epoch, levels, components, cores, mib, platform_cores, platform_mib, *can, reported = row
    gauges = Gauges(
        cores, mib, platform_cores, platform_mib, allocatable_millicores=can[0], allocatable_mib=can[1]
    )
    return Held(
        slot, b"", SampleIn(runtime, epoch, slot, _read(levels), _pairs(components), gauges, reported)
    )


@lru_cache(4096)
def _read(text: str) -> dict[str, dict[str, int]]:
    return dict(orjson.loads(text))


@lru_cache(4096)
def _pairs(text: str) -> dict[str, tuple[int, int]]:
    return {name: (pair[0], pair[1]) for name, pair in orjson.loads(text).items()}
