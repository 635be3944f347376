"""A runtime's capacity and its cost fall apart into work, platform, reserve and idle, and nothing is lost on the way."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from billing.footprint.split import (
    CORE_HOUR,
    GIB_HOUR,
    Measured,
    Parts,
    split_cost,
    split_resource,
    weights,
)

amount = st.integers(0, 10**13)
measured = st.builds(Measured, amount, amount, amount, amount, amount, amount)
parts = st.builds(Parts, amount, amount, amount, amount)


def test_work_is_the_larger_of_asked_for_and_used() -> None:
    # A node of 4000, of which 3800 can be had: 1500 used though 1000 asked for; the platform asks for 600 and uses 200.
    found = split_resource(Measured(4000, 3800, 1000, 1500, 600, 200))
    assert found.parts == Parts(workload=1500, platform=600, reserve=200, idle=1700)
    assert found.overrun == 0


def test_work_beyond_allocatable_takes_the_reserve_and_is_told() -> None:
    found = split_resource(Measured(4000, 3800, 3300, 0, 600, 0))
    assert found.parts == Parts(3300, 600, 100, 0)
    assert found.overrun == 100


def test_work_beyond_capacity_is_cut_in_proportion_and_told() -> None:
    found = split_resource(Measured(4000, 3800, 6000, 0, 2000, 0))
    assert found.parts == Parts(3000, 1000, 0, 0)
    assert found.overrun == 4200


def test_without_nodes_there_is_nothing_to_split() -> None:
    assert split_resource(Measured(0, 0, 0, 0, 0, 0)).parts.whole == 0


@given(measured)
def test_the_parts_are_the_capacity_and_none_is_negative(day: Measured) -> None:
    found = split_resource(day)
    assert found.parts.whole == day.capacity
    assert min(found.parts) >= 0
    assert found.overrun >= 0


def test_a_cost_goes_by_the_prices_of_cores_and_memory() -> None:
    # A day of 4 cores at 0.03 and 16 GiB at 0.004 is 2.88 and 1.536: 65.2 % and 34.8 % of whatever it cost.
    cpu = Parts(2 * 24 * CORE_HOUR, 0, 0, 2 * 24 * CORE_HOUR)
    memory = Parts(4 * 24 * GIB_HOUR, 4 * 24 * GIB_HOUR, 0, 8 * 24 * GIB_HOUR)
    ratio = weights(cpu.whole, memory.whole, core_hour=Decimal("0.03"), gib_hour=Decimal("0.004"))
    assert split_cost(4_416_000, cpu, memory, ratio) == Parts(
        1_440_000 + 384_000, 384_000, 0, 1_440_000 + 768_000
    )


def test_a_cost_that_nothing_explains_is_idle() -> None:
    assert split_cost(7, Parts(0, 0, 0, 0), Parts(0, 0, 0, 0), (1, 1)) == Parts(0, 0, 0, 7)


@given(amount, parts, parts, st.tuples(amount, amount))
def test_the_parts_of_a_cost_are_the_cost(
    total: int, cpu: Parts, memory: Parts, ratio: tuple[int, int]
) -> None:
    found = split_cost(total, cpu, memory, ratio)
    assert found.whole == total
    assert min(found) >= 0
