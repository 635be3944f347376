"""Makes an hour that can't be made as a whole: for all sources but those that it fails for, found by halving."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import structlog
from django.db import connection, transaction

from billing.usage import hour_blocks
from billing.usage.making import Making
from billing.usage.packed import Array
from billing.usage.packed_hours import SIZE, joined, unpack

if TYPE_CHECKING:
    from django.db.backends.utils import CursorWrapper

log = structlog.get_logger(__name__)
# After so many parts that can't be made it is no single runtime's fault, and what else fails is not halved.
MOST_ODD = 20


def make_but_for(cursor: CursorWrapper, hour: datetime, sources: Array) -> tuple[Array, Exception | None]:
    """Make an hour in an open transaction; return the sources that it can't be made for, and why not for the last of them."""
    parts, bad, why = [sources], list[Array](), None
    while parts:
        part = parts.pop()
        try:
            with transaction.atomic():
                Making(cursor, {hour: part}).make()
        except Exception as error:
            if not connection.is_usable():
                raise
            if len(part) > 1 and len(bad) < MOST_ODD:
                middle = len(part) // 2
                parts += part[middle:], part[:middle]
            else:
                bad.append(part)
                why = error
    return (np.sort(np.concatenate(bad)) if bad else sources[:0]), why


def make_unknown(cursor: CursorWrapper, hour: datetime, sources: Array) -> Array:
    """Let an hour that was never made for these sources be unknown time; return those that it is new for.

    Without it their day would look as if they had not lived in that hour, and been seen all through the others.
    """
    lacking = np.setdiff1d(sources, _made(cursor, hour, sources))
    if not len(lacking):
        return lacking
    try:
        with transaction.atomic():
            Making(cursor, {hour: lacking}, blind=True).make()
    except Exception:
        if not connection.is_usable():
            raise
        log.exception("usage.hour_not_even_unknown", hour=str(hour), sources=len(lacking))
        return lacking[:0]
    return np.intersect1d(lacking, _made(cursor, hour, lacking))


def _made(cursor: CursorWrapper, hour: datetime, sources: Array) -> Array:
    places: Sequence[int] = np.unique(sources // SIZE).tolist()
    held = joined([unpack(each) for each in hour_blocks.stored(cursor, [hour], places).values()])
    return np.unique(held["source"].astype(np.int64))
