"""What one look at one cluster gave. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any

import orjson

from billing.meters.base import Reading
from billing.meters.registry import measure

Json = Mapping[str, Any]
EPOCHS = 2**15 - 1  # a small integer of PostgreSQL


@dataclass(frozen=True, slots=True)
class Answers:
    """The lists of one cluster, each whole; `metrics` is None where it serves none."""

    nodes: Sequence[Json]
    namespaces: Sequence[Json]
    pods: Sequence[Json]
    claims: Sequence[Json]
    services: Sequence[Json]
    snapshots: Sequence[Json] = ()
    metrics: Sequence[Json] | None = None


@dataclass(frozen=True, slots=True)
class Sight:
    """A reading, and what tells this cluster and its objects from others of the same names."""

    reading: Reading
    incarnation: str  # the uid of kube-system: another one is another cluster
    present: bytes  # a digest of the levels and of the uids of all that they count
    oddities: tuple[str, ...] = ()  # what could not be measured, in words for the log
    levels: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # `meters.registry.measure`
    newest: datetime | None = (
        None  # when the youngest of all that they count was created; None where one does not say
    )

    @property
    def epoch(self) -> int:
        """The incarnation as a small number above zero: a rebuilt cluster counts anew."""
        return epoch_of(self.incarnation)


def epoch_of(incarnation: str) -> int:
    """Return the small number of an incarnation."""
    return int.from_bytes(blake2b(incarnation.encode(), digest_size=8).digest()) % EPOCHS + 1


def sight(
    reading: Reading,
    *,
    incarnation: str,
    uids: Iterable[str],
    oddities: Iterable[str] = (),
    newest: datetime | None = None,
) -> Sight:
    """Put a sight together."""
    levels = measure(reading)
    digest = blake2b(orjson.dumps([incarnation, sorted(uids), levels]), digest_size=16).digest()
    return Sight(reading, incarnation, digest, tuple(oddities), levels, newest)
