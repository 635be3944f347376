"""The shipped book of capacity units gives the figures of managed Kyma's price calculator, whose month has 720 hours.

Its formula (kyma-project/price-calculator, src/config.json): nodes x units x 0.12 x hours, and
0.02 x hours x (max(0, GB/32 - 1) + 3 x NFS/32 + snapshots/32).
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from billing.books.loading import meter_facts, read_books
from billing.pricing.book import Book
from billing.pricing.rating import rate
from billing.pricing.rules.capacity import Capacity
from billing.pricing.types import UsageItem
from controlplane.catalog.loading.catalog import read_catalog
from tests.priced import JUNE, terms

HOURS = 720
UNITS = {
    "general": {2: 3, 4: 4, 8: 8, 16: 16, 32: 32, 48: 48, 64: 64},
    "compute": {2: 2, 4: 4, 8: 8, 16: 16, 32: 32, 48: 48, 64: 64},
    "memory": {2: 2, 4: 4, 8: 8, 16: 16, 32: 32, 48: 48, 64: 64},
}


@pytest.fixture(scope="module")
def shipped() -> dict[str, Book]:
    return {file.book.key: file.book for file in read_books()}


def figure(held: Book, *used: tuple[str, str, int]) -> Decimal:
    """The bill of a month with so many of each (meter, dimension, level), all month long."""
    items = []
    for meter, dimension, level in used:
        place = ("a", "r", "aws", "eu-central-1", meter, dimension, JUNE.start, JUNE.end)
        items.append(UsageItem(*place, level * JUNE.seconds, JUNE.seconds, JUNE.seconds))
    rated = rate(items, terms(held))
    assert not rated.problems
    return rated.billed


def calculated(nodes: int, units: int, gib: int = 0, nfs: int = 0, snapshots: int = 0) -> Decimal:
    storage = max(Fraction(0), Fraction(gib, 32) - 1) + 3 * Fraction(nfs, 32) + Fraction(snapshots, 32)
    exact = nodes * units * Fraction("0.12") * HOURS + Fraction("0.02") * HOURS * storage
    return Decimal(exact.numerator) / Decimal(exact.denominator)


def test_the_base_cluster_costs_what_is_published(shipped: dict[str, Book]) -> None:
    found = figure(shipped["kyma-capacity-units"], ("node", "m6i.large", 3))
    assert found == Decimal("777.60") == calculated(nodes=3, units=3)


MACHINES = [
    ("m6i.large", "general", 2), ("m6i.xlarge", "general", 4), ("m6i.8xlarge", "general", 32),
    ("Standard_D48s_v5", "general", 48), ("g_c64_m256", "general", 64),
    ("c7i.xlarge", "compute", 4), ("c7i.8xlarge", "compute", 32), ("r7i.large", "memory", 2), ("r7i.4xlarge", "memory", 16),
]  # fmt: skip


@pytest.mark.parametrize(("machine", "family", "vcpu"), MACHINES)
@pytest.mark.parametrize("nodes", [1, 3, 20])
def test_nodes_cost_what_the_calculator_says(
    shipped: dict[str, Book], machine: str, family: str, vcpu: int, nodes: int
) -> None:
    found = figure(shipped["kyma-capacity-units"], ("node", machine, nodes))
    assert found == calculated(nodes=nodes, units=UNITS[family][vcpu])


@pytest.mark.parametrize(
    ("gib", "nfs", "snapshots"),
    [(32, 0, 0), (64, 0, 0), (0, 0, 32), (0, 32, 0), (320, 64, 96), (10_240, 1_024, 2_048)],
)
def test_storage_costs_what_the_calculator_says(
    shipped: dict[str, Book], gib: int, nfs: int, snapshots: int
) -> None:
    found = figure(
        shipped["kyma-capacity-units"],
        ("node", "m6i.xlarge", 3),
        ("block_storage", "gp3", gib),
        ("nfs", "", nfs),
        ("snapshots", "gp3", snapshots),
    )
    assert found == calculated(3, 4, gib, nfs, snapshots)


def test_every_machine_type_of_the_catalog_weighs_what_the_table_says(shipped: dict[str, Book]) -> None:
    rule = next(line.rule for line in shipped["kyma-capacity-units"].lines if line.key == "nodes")
    assert isinstance(rule, Capacity)
    machines = read_catalog().rows["machine_type"].values()
    expected = {
        row["name"]: (UNITS.get(row["family"], {}).get(row["vcpu"], row["vcpu"]), 1) for row in machines
    }
    assert dict(rule.weights) == expected


def test_the_standard_book_prices_every_meter_but_nodes_whose_parts_it_prices(
    shipped: dict[str, Book],
) -> None:
    held = shipped["standard"]
    assert held.free == {"node"}
    assert {line.meter for line in held.lines} == set(meter_facts()) - {"node"}


def test_a_trial_has_the_standard_prices_and_gets_them_back(shipped: dict[str, Book]) -> None:
    trial, standard = shipped["trial"], shipped["standard"]
    assert trial.lines == standard.lines
    assert trial.credit is not None
    assert trial.credit.percent == 100
    usage = [("vcpu", "", 2000), ("memory", "", 8192), ("control_plane", "", 1), ("block_storage", "gp3", 80)]
    assert figure(trial, *usage) == 0 < figure(standard, *usage) < (trial.credit.limit or 0)
