"""Which runtimes there are to read: read whole once, then followed by what changed."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.db import connection

from billing.collecting import queries
from billing.collecting.targets import RESTING, Place, Target
from provisioner.landscapes.models import Landscape

PAGE_ROWS = 5_000
# A transaction that took a span's number may commit after younger ones; none of ours lasts as long as this many looks.
_BACK = 12
_NOBODY = UUID(int=0)


class Worklist:
    """The targets, as the database has them; every call comes from one thread, outside any transaction."""

    def __init__(self) -> None:
        self.targets: dict[UUID, Target] = {}
        self._unsettled: set[UUID] = set()
        self._newest: deque[int] = deque(maxlen=_BACK)

    def read_all(self) -> None:
        """Read every runtime anew: at the start, and now and then against whatever was missed."""
        found: dict[UUID, Target] = {}
        after = _NOBODY
        with connection.cursor() as cursor:
            self._note_newest(cursor)
            while True:
                cursor.execute(queries.PAGE, {"after": after, "limit": PAGE_ROWS})
                rows = cursor.fetchall()
                found |= _targets(rows)
                if len(rows) < PAGE_ROWS:
                    break
                after = rows[-1][0]
        self.targets = found
        self._unsettled = {key for key, target in found.items() if not target.settled}

    def follow(self, doubtful: Collection[UUID] = ()) -> set[UUID]:
        """Take in what changed, and return whose: turns of lives, ends of them, the unsettled and the `doubtful`."""
        with connection.cursor() as cursor:
            cursor.execute(queries.TURNED, {"after": self._newest[0]})
            found = _targets(cursor.fetchall())
            if named := list({*self._unsettled, *doubtful} - found.keys()):
                cursor.execute(queries.NAMED, {"runtimes": named})
                found |= _targets(cursor.fetchall())
            cursor.execute(queries.GONE)
            gone = ({row[0] for row in cursor.fetchall()} | set(named)) - found.keys()
            self._note_newest(cursor)
        changed = {key for key, target in found.items() if self.targets.get(key) != target}
        changed |= gone & self.targets.keys()
        self.targets |= found
        for key in gone:
            self.targets.pop(key, None)
        self._unsettled -= gone | found.keys()
        self._unsettled |= {key for key, target in found.items() if not target.settled}
        return changed

    def _note_newest(self, cursor: Any) -> None:
        cursor.execute(queries.NEWEST_SPAN)
        self._newest.append(int(cursor.fetchone()[0]))


def read_in(slot: datetime) -> set[UUID]:
    """Return whom somebody has read in a slot."""
    with connection.cursor() as cursor:
        cursor.execute(queries.READ, {"slot": slot})
        return {row[0] for row in cursor.fetchall()}


def places() -> dict[UUID, Place]:
    """Return every landscape."""
    timeout = settings.LANDSCAPE_TIMEOUT_SECONDS
    return {row.id: Place.of(row, timeout_seconds=timeout) for row in Landscape.objects.all()}


def _targets(rows: Iterable[tuple[Any, ...]]) -> dict[UUID, Target]:
    return {
        key: Target(
            key, landscape, cluster, phase, answers, hibernated and phase in RESTING, _words(modules), _sizes(own_nodes)
        )
        for key, landscape, cluster, phase, answers, hibernated, modules, own_nodes in rows
    }  # fmt: skip


def _sizes(value: Any) -> tuple[tuple[str, int], ...]:
    """Return what of nodes is the platform's own; wishes older than such pools have none."""
    listed = orjson.loads(value) if isinstance(value, str) else value or {}
    return tuple(sorted((str(machine), int(most)) for machine, most in listed.items()))


def _words(value: Any) -> tuple[str, ...]:
    listed = orjson.loads(value) if isinstance(value, str) else value
    return tuple(each for each in listed if isinstance(each, str))
