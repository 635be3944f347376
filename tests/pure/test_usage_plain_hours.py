"""Whole blocks of hours made at once are what `integrate` says of each runtime, and lie packed as they were."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.usage import packed
from billing.usage.blocks import Block
from billing.usage.integrals import GAUGES
from billing.usage.integrate import Life, Sample, Sums, integrate
from billing.usage.packed import BLOCK_SIZE, SAMPLE, Array
from billing.usage.packed_hours import HOUR, SIZE, joined, pack, replaced, unpack
from billing.usage.plain_hours import Plain, make_plain
from billing.usage.sights import Grid, Sights, sights_of
from billing.usage.spans import Spans
from billing.usage.uneven_hours import make_uneven, reach

HOURS = (7200, 10800, 14400)
BLOCK = 3
FIRST = BLOCK * BLOCK_SIZE
Told = dict[tuple[int, int, int], tuple[int, ...]]  # shape, gauges and egress by (source, slot, epoch)
KINDS = ("whole", "whole", "mixed", "rebuilt", "gappy", "begun", "ended", "astray", "unseen", "twice")


def history(chance: Random, length: int) -> tuple[Told, list[tuple[int, Life]]]:
    """Samples of some neighbours, each of another kind, and their spans."""
    told: Told = {}
    lives: list[tuple[int, Life]] = []
    every = range(HOURS[0] - reach(length), HOURS[-1] + 3600 + reach(length), length)
    seen_until = chance.choice([every[-1], HOURS[-1] + 1200, HOURS[-1] + 3600])
    for number in range(8):
        source, kind = FIRST + chance.choice([number, 60 + number, 500 + number]), chance.choice(KINDS)
        cut = chance.randrange(HOURS[0], HOURS[-1] + 3600)
        slots = [slot for slot in every if slot < seen_until]
        if kind in ("begun", "ended"):
            slots = [slot for slot in slots if (slot >= cut) == (kind == "begun")]
        elif kind == "gappy":
            slots = [slot for slot in slots if chance.random() < 0.8]
        elif kind == "unseen":
            slots = [slot for slot in slots if abs(slot - cut) > 4000]
        for slot in slots:
            shape = chance.randrange(1, 4) if kind == "mixed" else 1
            use = [-1] * 4 if chance.random() < 0.1 else [chance.randrange(2**31) for _ in range(4)]
            asked = [chance.choice([0, 700, 2**31 - 1]) for _ in range(4)]
            epochs = (
                [0, 1] if kind == "twice" and slot == slots[0] else [int(kind == "rebuilt" and slot > cut)]
            )
            for epoch in epochs:
                at = slot + (length // 2 if kind == "astray" and slot == slots[len(slots) // 2] else 0)
                told[source, at, epoch] = (shape, *asked, *use, chance.randrange(2**40))
        ends = sorted(
            {0, 2**40, *(chance.randrange(HOURS[0] - 99, 20000) for _ in range(chance.choice([0, 0, 1, 2])))}
        )
        quiet = chance.random() < 0.1
        lives += [
            (source, Life(100 * number + part, *piece, quiet)) for part, piece in enumerate(pairwise(ends), 1)
        ]
    return told, lives


def blocks_of(told: Told) -> list[Block]:
    found = []
    for slot in sorted({slot for _, slot, _ in told}):
        rows = sorted((source, epoch) for source, at, epoch in told if at == slot)
        records = np.zeros(len(rows), SAMPLE)
        for record, (source, epoch) in zip(records, rows, strict=True):
            shape, *figures, egress = told[source, slot, epoch]
            record["source"], record["epoch"], record["shape"], record["egress_bytes"] = (
                source,
                epoch,
                shape,
                egress,
            )
            for name, figure in zip(GAUGES, figures, strict=True):
                record[name] = figure
        samples, _ = packed.pack(records, [len(rows)])
        found.append(Block(slot, BLOCK, memoryview(samples)))
    return found


def spans_of(lives: list[tuple[int, Life]]) -> Spans:
    rows = sorted((source, life.id, life.since, life.until, life.quiet) for source, life in lives)
    source, ids, since, until, quiet = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    return Spans(source, ids, since, until, quiet.astype(bool))


def oracle(
    told: Told, lives: list[tuple[int, Life]], source: int, hour: int, length: int
) -> dict[tuple[int, int], Sums]:
    samples = [
        Sample(slot, epoch, said[0], tuple(None if figure == -1 else figure for figure in said[1:]))
        for (whose, slot, epoch), said in told.items()
        if whose == source
    ]
    theirs = [life for whose, life in lives if whose == source]
    return integrate(samples, theirs, start=hour, end=hour + 3600, slot_seconds=length)


def as_told(records: Array) -> dict[tuple[int, int], Sums]:
    return {
        (int(one["span"]), int(one["shape"])): (*one["seconds"].tolist(), *one["sums"].tolist())
        for one in records
    }


def made(told: Told, lives: list[tuple[int, Life]], length: int) -> tuple[Sights, Plain]:
    ends = [any(hour + 3600 <= slot < hour + 5400 for _, slot, _ in told) for hour in HOURS]
    grid = Grid(HOURS, length, tuple(not seen for seen in ends))
    wanted = np.unique([source for source, _ in lives])
    sights = sights_of(blocks_of(told), wanted, grid)
    dirty = np.ones((len(HOURS), len(sights.sources)), bool)
    return sights, make_plain(sights, grid, spans_of(lives).lasting(sights.sources, HOURS), dirty)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([300, 60]))
def test_what_is_made_at_once_is_what_is_said_of_each(seed: int, length: int) -> None:
    told, lives = history(Random(seed), length)
    sights, plain = made(told, lives, length)
    blocks, spans = blocks_of(told), spans_of(lives)
    for number, hour in enumerate(HOURS):
        records = plain.records[plain.bounds[number] : plain.bounds[number + 1]]
        uneven = sights.sources[plain.uneven[number]]
        more = make_uneven(blocks, uneven, spans, hour=hour, length=length)
        assert not set(records["source"].tolist()) & set(more["source"].tolist())
        found = joined([records, more])
        for source in sights.sources.tolist():
            assert as_told(found[found["source"] == source]) == oracle(told, lives, source, hour, length)


def test_most_hours_are_made_at_once() -> None:
    lives = [(FIRST + number, Life(number + 1, 0, 2**40)) for number in range(4)]
    every = range(HOURS[0], HOURS[-1] + 3600, 300)
    told = {
        (source, slot, 0): (1 + (source % 2 and slot % 600 // 300), *[5] * 9)
        for source, _ in lives
        for slot in every
    }
    _, plain = made(told, lives, 300)
    assert not plain.uneven.any()
    assert len(plain.records) == len(HOURS) * 6
    told = {key: said for key, said in told.items() if key[1] < HOURS[-1] + 900}
    _, plain = made(told, lives, 300)
    assert not plain.uneven.any()  # the last hour goes on


def test_hours_with_slots_that_can_be_inferred_are_made_at_once_and_no_others() -> None:
    lives = [(FIRST + number, Life(number + 1, 0, 2**40)) for number in range(6)]
    every = range(HOURS[0], HOURS[-1] + 3600, 300)
    lost = {
        FIRST: range(HOURS[0] + 600, HOURS[0] + 600 + 1800, 300),  # half an hour within one
        FIRST + 1: range(HOURS[1] - 300, HOURS[1] + 300, 300),  # on both sides of an edge
        FIRST + 2: range(HOURS[0] + 600, HOURS[0] + 600 + 2100, 300),  # too long
        FIRST + 3: range(HOURS[0], HOURS[0] + 300, 300),  # what was before lies in no hour of these
        FIRST + 4: range(HOURS[1] + 300, HOURS[1] + 600, 300),  # rebuilt meanwhile
    }
    told = {
        (source, slot, int(source == FIRST + 4 and slot > HOURS[1])): (1, *[5] * 9)
        for source, _ in lives
        for slot in every
        if slot not in lost.get(source, ())
    }
    sights, plain = made(told, lives, 300)
    hours, at = np.nonzero(plain.uneven)
    assert list(zip(hours.tolist(), sights.sources[at].tolist(), strict=True)) == [
        (0, FIRST + 2),
        (0, FIRST + 3),
        (1, FIRST + 4),
    ]
    inferred = plain.records["seconds"][:, 1]
    assert sorted(inferred[inferred > 0].tolist()) == [300, 300, 1800]


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32))
def test_hours_come_out_of_their_blocks_as_they_went_in(seed: int) -> None:
    told, lives = history(Random(seed), 300)
    _, plain = made(told, lives, 300)
    hours = [plain.records[start:end] for start, end in pairwise(plain.bounds.tolist())]
    found = {(number, block): parts for number, block, parts in pack(hours, BLOCK)}
    assert len(found) == len(HOURS) * BLOCK_SIZE // SIZE
    for number, records in enumerate(hours):
        parts = [part for (hour, _), part in found.items() if hour == number]
        assert b"".join(part.hours for part in parts) == records.tobytes()
    for (_, block), part in found.items():
        places, gaps = np.frombuffer(part.places, ">u2").tolist(), np.frombuffer(part.gappy, ">i4").tolist()
        for offset, (start, end) in enumerate(pairwise(places)):
            theirs = unpack(bytes(part.hours))[start:end]
            assert set(theirs["source"].tolist()) <= {block * SIZE + offset}
            has_gap = (theirs["shape"] == 0).any() or theirs["seconds"][:, 1].any()
            assert (block * SIZE + offset in gaps) == has_gap


def record(source: int, span: int = 1, shape: int = 1, seconds: tuple[int, ...] = (3600, 0, 0, 0)) -> Array:
    return np.array([(source, span, shape, 0, 0, seconds, (7,) * 9)], HOUR)


def test_what_came_out_as_before_keeps_its_revision_and_the_rest_gets_one_more() -> None:
    old = replaced(
        joined([]), joined([record(FIRST), record(FIRST + 1), record(FIRST + 2)]), np.array([]), now=5
    )
    assert (old["revision"].tolist(), old["rolled_at"].tolist()) == ([1, 1, 1], [5, 5, 5])
    fresh = joined(
        [
            record(FIRST + 1, seconds=(3300, 0, 0, 0)),
            record(FIRST + 2),
            record(FIRST + 2, span=2, seconds=(0, 0, 0, 0)),
        ]
    )
    new = replaced(old, fresh, np.array([FIRST + 1, FIRST + 2]), now=9)
    assert new["source"].tolist() == [FIRST, FIRST + 1, FIRST + 2, FIRST + 2]
    assert (new["revision"].tolist(), new["rolled_at"].tolist()) == ([1, 2, 1, 1], [5, 9, 5, 9])
    gone = replaced(new, joined([]), np.array([FIRST, FIRST + 2]), now=11)
    assert gone.tobytes() == new[1:2].tobytes()


@pytest.mark.parametrize(
    "records",
    [
        [record(FIRST, seconds=(3601, 0, 0, 0))],
        [record(FIRST, seconds=(-1, 0, 0, 0))],
        [record(FIRST, seconds=(3000, 0, 0, 3300))],
        [record(FIRST, seconds=(3000, 0, 600, 0))],
        [record(FIRST, shape=0, seconds=(3000, 0, 600, 0))],
        [record(FIRST, shape=0, seconds=(0, 0, 0, 0))],
        [record(FIRST, seconds=(3000, 0, 0, 0)), record(FIRST, shape=2, seconds=(700, 0, 0, 0))],
        [record(FIRST, seconds=(9, 0, 0, 0)), record(FIRST, seconds=(9, 0, 0, 0))],
        [record(FIRST, span=2, seconds=(9, 0, 0, 0)), record(FIRST, seconds=(9, 0, 0, 0))],
        [record(FIRST + 1), record(FIRST)],
        [record(FIRST - 1)],
        [record(FIRST + BLOCK_SIZE)],
    ],
)
def test_hours_that_can_not_be_true_are_not_packed(records: list[Array]) -> None:
    with pytest.raises(ValueError, match="can't be true"):
        list(pack([joined(records)], BLOCK))
