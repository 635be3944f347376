"""Samples become PostgreSQL's bytes column by column, and a block of gauges is looked at as a whole."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.usage.encoding import HEADER, TRAILER, Records, flat
from billing.usage.figures import LARGEST, LARGEST_BYTES, figures_of
from billing.usage.samples import Gauges

NAMES = ("slot", "source", "epoch", "reported_at", "origin", "shape", "components")
SMALL = st.integers(0, LARGEST)
KNOWN = st.builds(Gauges, *[SMALL] * 8, st.integers(0, LARGEST_BYTES), SMALL, SMALL)
UNKNOWN = KNOWN.map(lambda gauges: Gauges(*gauges[:4], None, None, None, None, *gauges[8:]))
ROWS = st.lists(
    st.tuples(st.integers(0, 2**55), SMALL, st.integers(0, 2**15 - 1), st.integers(-(2**55), 2**55),
              st.integers(1, 3), SMALL, SMALL, KNOWN | UNKNOWN), min_size=1, max_size=5)  # fmt: skip


def records_of(rows: list[tuple[Any, ...]]) -> Records:
    *columns, gauges = map(list, zip(*rows, strict=True))
    figures = figures_of(gauges)
    assert figures is not None
    return Records(dict(zip(NAMES, columns, strict=True)), figures)


def field(size: int, value: int | None) -> bytes:
    if value is None:
        return struct.pack(">i", -1)
    return struct.pack(">i", size) + value.to_bytes(size, "big", signed=True)


def plainly(row: tuple[Any, ...]) -> bytes:
    """One record field by field, as PostgreSQL's manual says."""
    slot, source, epoch, reported, origin, shape, components, gauges = row
    front = ((8, slot), (4, source), (2, epoch), (8, reported), (2, origin), (8, gauges.egress_bytes))
    fields = (*front, (4, shape), (4, components), *((4, value) for value in gauges[:8]))
    return struct.pack(">h", len(fields)) + b"".join(field(size, value) for size, value in fields)


@given(ROWS)
def test_each_record_is_what_field_by_field_comes_to(rows: list[tuple[Any, ...]]) -> None:
    records = records_of(rows)
    encoded = records.encoded()
    assert encoded == [plainly(row) for row in rows]
    assert flat(encoded) == [(*row[:3], row[7].egress_bytes, row[5], row[6], *row[7][:8]) for row in rows]
    assert records.some([len(rows) - 1]).encoded() == encoded[-1:]


@given(ROWS, st.integers(1, 3))
def test_a_file_is_ordered_by_key_whatever_piece_it_comes_in(rows: list[tuple[Any, ...]], size: int) -> None:
    from billing.usage import encoding

    before, encoding._PIECE = encoding._PIECE, size
    try:
        for some in (rows, [(rows[0][0], number, *row[2:]) for number, row in enumerate(rows)]):
            found = b"".join(records_of(some).pieces())
            expected = [plainly(row) for row in sorted(some, key=lambda row: row[:3])]
            assert found == b"".join((HEADER, *expected, TRAILER))
    finally:
        encoding._PIECE = before


@pytest.mark.parametrize("name", Gauges._fields)
def test_the_largest_number_is_small_enough_and_the_next_is_not(name: str) -> None:
    largest = LARGEST_BYTES - 1 if name == "egress_bytes" else LARGEST
    for value, small in ((0, True), (largest, True), (largest + 1, False), (-1, False)):
        figures = figures_of([Gauges(*range(11)), Gauges(*range(11))._replace(**{name: value})])
        assert (figures is not None and figures.are_small) is small


@pytest.mark.parametrize("bad", [1.0, "1", float("nan"), 2**64, [1]])
@pytest.mark.parametrize("name", ["workload_used_mib", "egress_bytes", "workload_requested_mib"])
def test_what_is_no_whole_number_makes_no_block(name: str, bad: Any) -> None:
    unknown = Gauges()
    assert figures_of([unknown, Gauges(*range(11))._replace(**{name: bad})]) is None


def test_use_that_is_known_in_part_makes_no_block() -> None:
    assert figures_of([Gauges()._replace(workload_used_mib=1)]) is None
    assert figures_of([Gauges(*range(11))._replace(platform_used_mib=None)]) is None
