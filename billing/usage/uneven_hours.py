"""Makes the hours that are not plain, one source after the other: `integrate` says what is in them. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

import numpy as np

from billing.usage.integrals import GAUGES, SECONDS
from billing.usage.integrate import GAP_SECONDS, USED_FROM, Life, Sample, integrate
from billing.usage.packed import UNKNOWN_USE, Array, field, shapes_and_gauges
from billing.usage.packed_hours import HOUR
from billing.usage.spans import Spans

if TYPE_CHECKING:
    from billing.usage.blocks import Block

_HOUR = 3600
_SIDES: tuple[Literal["left"], Literal["right"]] = ("left", "right")


def reach(length: int) -> int:
    """Return how many seconds before and after an hour the samples begin that may decide about it."""
    return GAP_SECONDS + length


def make_uneven(blocks: Iterable[Block], sources: Array, spans: Spans, *, hour: int, length: int) -> Array:
    """Return the records of these sources' hour, by key; `blocks` are those of the hour and of what it reaches to."""
    samples = _samples(blocks, sources, hour - reach(length), hour + _HOUR + reach(length))
    found = [
        (source, *key, 0, 0, sums[: len(SECONDS)], sums[len(SECONDS) :])
        for source in sources.tolist()
        for key, sums in integrate(
            samples.get(source, ()),
            [Life(*span) for span in spans.of(source)],
            start=hour,
            end=hour + _HOUR,
            slot_seconds=length,
        ).items()
    ]
    return np.array(sorted(found, key=lambda record: record[:3]), HOUR)


def _samples(blocks: Iterable[Block], sources: Array, first: int, last: int) -> dict[int, list[Sample]]:
    found: dict[int, list[Sample]] = defaultdict(list)
    for slot, _, samples in blocks:
        if not first <= slot < last:
            continue
        whose = field(samples, "source").astype(np.int64)
        at, ends = (np.searchsorted(whose, sources, side) for side in _SIDES)
        # Mostly each is there once: a look at the few that are wanted, not at all of the block.
        at = at[ends > at] if (ends - at).max(initial=0) <= 1 else np.nonzero(np.isin(whose, sources))[0]
        shapes, *figures = shapes_and_gauges(samples)[:, at]
        told = (
            whose[at],
            field(samples, "epoch")[at],
            shapes,
            np.array([*figures, field(samples, "egress_bytes")[at]]).T,
        )
        for source, epoch, shape, values in zip(*(part.tolist() for part in told), strict=True):
            if values[USED_FROM] == UNKNOWN_USE:
                values[USED_FROM : len(GAUGES)] = [None] * (len(GAUGES) - USED_FROM)
            found[source].append(Sample(slot, epoch, shape, tuple(values)))
    return found
