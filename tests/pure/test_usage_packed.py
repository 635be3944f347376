"""Samples lie in blocks column by column, each key once; whatever comes in whichever order, what stood first stands."""

from __future__ import annotations

from itertools import groupby
from struct import pack as plainly
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.usage.figures import LARGEST, LARGEST_BYTES, figures_of
from billing.usage.integrals import GAUGES
from billing.usage.merging import DIFFERENT, EQUAL, NEW, block_ends, by_key, merge
from billing.usage.packed import (
    BLOCK_SIZE,
    EVIDENCE,
    EVIDENCE_WIDTH,
    NAMES,
    SAMPLE,
    SAMPLES,
    SAMPLES_WIDTH,
    different,
    field,
    pack,
    shapes_and_gauges,
    unpack,
)
from billing.usage.samples import Gauges

SMALL = st.integers(0, LARGEST)
USE = st.one_of(st.just(-1), SMALL)
LETTERS = {2: "h", 4: "i", 8: "q"}
# Keys that meet often, beside borders of blocks; what is said is one of three things.
KEYS = st.tuples(st.integers(0, 2), st.sampled_from([1, 2, 511, 512, 513, 1024]), st.integers(0, 2))
TOLD = st.tuples(KEYS, st.integers(0, 2), st.integers(0, 9))
Told = tuple[tuple[int, int, int], int, int]


def records_of(told: list[Told]) -> tuple[Any, Any]:
    """Slots, and records whose egress is what they say and whose report is how it came."""
    records = np.zeros(len(told), SAMPLE)
    for row, ((_, source, epoch), said, came) in enumerate(told):
        records[row]["source"], records[row]["epoch"] = source, epoch
        records[row]["egress_bytes"], records[row]["reported_at"] = said, came
    return np.array([slot for (slot, _, _), _, _ in told], np.int64), records


@given(st.lists(st.tuples(*[SMALL] * 2, *[SMALL] * 4, *[USE] * 4, st.integers(0, LARGEST_BYTES), st.integers(0, 2**15 - 1)),
    min_size=1, max_size=6), st.data())  # fmt: skip
def test_a_block_is_its_fields_one_after_the_other(rows: list[tuple[int, ...]], data: Any) -> None:
    rest = st.tuples(*[st.integers(-(2**55), 2**55)] * 2, SMALL, st.integers(1, 3))
    whole = [(*row, *data.draw(rest)) for row in rows]
    records = np.array(whole, SAMPLE)
    samples, evidence = pack(records, [len(rows)])
    sizes = [np.dtype(kind).itemsize for kind in (*SAMPLES.values(), *EVIDENCE.values())]
    columns = [
        plainly(f">{len(rows)}{LETTERS[size]}", *column)
        for size, column in zip(sizes, zip(*whole, strict=True), strict=True)
    ]
    assert samples + evidence == b"".join(columns)
    assert (len(samples), len(evidence)) == (SAMPLES_WIDTH * len(rows), EVIDENCE_WIDTH * len(rows))
    assert unpack([(samples, evidence)]).tolist() == whole
    assert all((field(samples, name) == records[name]).all() for name in SAMPLES)
    assert all(
        (shapes_and_gauges(samples)[place] == records[name]).all()
        for place, name in enumerate(("shape", *GAUGES))
    )


@given(st.lists(TOLD, min_size=1, max_size=20))
def test_blocks_that_are_packed_together_are_those_packed_alone(told: list[Told]) -> None:
    slots, records = records_of(told)
    order, fates = by_key(slots, records)
    slots, records = slots[order[fates == NEW]], records[order[fates == NEW]]
    ends = block_ends(slots, records).tolist()
    apart = [pack(records[start:end], [end - start]) for start, end in zip([0, *ends], ends, strict=False)]
    assert pack(records, ends) == (b"".join(one for one, _ in apart), b"".join(other for _, other in apart))
    assert (unpack(apart) == records).all()
    keys = zip(slots.tolist(), (records["source"] // BLOCK_SIZE).tolist(), strict=True)
    assert [len(list(rows)) for _, rows in groupby(keys)] == np.diff(ends, prepend=0).tolist()


@given(st.lists(TOLD, min_size=1, max_size=20))
def test_the_first_row_of_a_key_stands_whatever_the_order(told: list[Told]) -> None:
    slots, records = records_of(told)
    order, fates = by_key(slots, records)
    assert sorted(order.tolist()) == list(range(len(told)))
    first: dict[Any, int] = {}
    for key, said, _ in told:
        first.setdefault(key, said)
    seen = set()
    wanted = {}
    for row, (key, said, _) in enumerate(told):
        wanted[row] = NEW if key not in seen else EQUAL if said == first[key] else DIFFERENT
        seen.add(key)
    assert dict(zip(order.tolist(), fates.tolist(), strict=True)) == wanted
    standing = [told[row][0] for row in order[fates == NEW].tolist()]
    assert standing == sorted(first)


@given(st.lists(TOLD, max_size=15), st.lists(TOLD, min_size=1, max_size=15))
def test_what_comes_is_put_between_what_is_there_and_changes_none_of_it(
    there: list[Told], coming: list[Told]
) -> None:
    held = {key: (said, came) for key, said, came in reversed(there)}
    blocks = sorted({(slot, source // BLOCK_SIZE) for (slot, source, _), _, _ in (*there, *coming)})
    _, before = records_of([(key, *held[key]) for key in sorted(held)])
    slots, records = records_of(coming)
    order, fates = by_key(slots, records)
    met = [coming[row] for row in order.tolist()]
    places = [
        np.array([blocks.index((slot, source // BLOCK_SIZE)) for slot, source, _ in keys], np.int64)
        for keys in (sorted(held), [key for key, _, _ in met])
    ]
    merged, fates = merge(before, places[0], records[order], places[1], fates)
    standing = dict(held)
    for key, said, came in met:
        standing.setdefault(key, (said, came))
    assert merged["source"].tolist() == [source for _, source, _ in sorted(standing)]
    for at, name in enumerate(("egress_bytes", "reported_at")):
        assert merged[name].tolist() == [standing[key][at] for key in sorted(standing)]
    # Whatever stands judges all the others, those that came with it and those that were there before.
    wanted, seen = [], set(held)
    for key, said, _ in met:
        wanted.append(NEW if key not in seen else EQUAL if said == standing[key][0] else DIFFERENT)
        seen.add(key)
    assert fates.tolist() == wanted


@pytest.mark.parametrize("far", [1, 2**40, 2**61])
def test_keys_are_ordered_however_far_apart_their_slots_lie(far: int) -> None:
    _, records = records_of([((0, source, epoch), 0, 0) for source in (2**30, 7) for epoch in (2**15 - 1, 0)])
    slots = np.array([far, far, far, 0, 0], np.int64)
    records = np.append(records, records[:1])
    order, fates = by_key(slots, records)
    keys = list(zip(slots.tolist(), records["source"].tolist(), records["epoch"].tolist(), strict=True))
    assert [keys[row] for row in order.tolist()] == sorted(keys)
    assert (fates == NEW).all()


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("source", "epoch")])
def test_two_samples_of_a_key_must_agree_in_all_but_how_they_came(name: str) -> None:
    _, (one, other) = records_of([((0, 1, 0), 0, 0)] * 2)
    other[name] = 5
    records = np.array([one, other], SAMPLE)
    same = name in ("reported_at", "stored_at", "origin")
    assert by_key(np.zeros(2, np.int64), records)[1].tolist() == [NEW, EQUAL if same else DIFFERENT]


@given(st.lists(st.integers(-3, 3)))
def test_different_numbers_come_once_and_ordered(numbers: list[int]) -> None:
    assert different(np.array(numbers, np.int64)).tolist() == sorted(set(numbers))


@pytest.mark.parametrize("name", Gauges._fields)
def test_the_largest_number_is_small_enough_and_the_next_is_not(name: str) -> None:
    largest = LARGEST_BYTES if name == "egress_bytes" else LARGEST
    for value, good in ((0, True), (largest, True), (largest + 1, False), (-1, False)):
        figures = figures_of([Gauges(*range(11)), Gauges(*range(11))._replace(**{name: value})])
        assert (figures is not None) is good


@pytest.mark.parametrize("bad", [1.0, "1", float("nan"), 2**64, [1]])
@pytest.mark.parametrize("name", ["workload_used_mib", "egress_bytes", "workload_requested_mib"])
def test_what_is_no_whole_number_makes_no_figures(name: str, bad: Any) -> None:
    unknown = Gauges()
    assert figures_of([unknown, Gauges(*range(11))._replace(**{name: bad})]) is None


def test_use_that_is_unknown_is_no_number_and_none_that_is_known_in_part() -> None:
    told = [Gauges(*range(11)), Gauges(5)]
    figures = figures_of(told)
    assert figures is not None
    assert figures.tolist() == [list(range(11)), [5, 0, 0, 0, -1, -1, -1, -1, 0, 0, 0]]
    assert figures_of([Gauges()._replace(workload_used_mib=1)]) is None
    assert figures_of([Gauges(*range(11))._replace(platform_used_mib=None)]) is None
