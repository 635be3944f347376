"""Rating against a brute-force oracle over random months, and how many items a second it rates."""

from __future__ import annotations

import gc
import time
from collections import defaultdict
from random import Random
from statistics import median
from typing import Any

from billing.books.loading import read_books
from billing.pricing.rating import rate
from billing.pricing.types import UsageItem
from tests.priced import JUNE, terms
from tests.pricing_histories import history
from tests.pricing_oracle import Key, oracle

NAMES = ("oracle_error",)
MONTHS = 2_000
TENANTS, RUNTIMES, ROUNDS = 1_000, 10, 3


def run() -> list[dict[str, Any]]:
    """Return the largest difference, in cents, of any runtime's meter in any month."""
    worst, figures = 0, 0
    for seed in range(MONTHS):
        made = history(Random(seed))
        expected = oracle(made.items, made.stages, made.per_unit, discount=made.discount, rate=made.rate)
        found: dict[Key, int] = defaultdict(int)
        rated = rate(made.items, made.terms)
        if rated.problems:
            raise RuntimeError(f"month {seed} could not be rated: {rated.problems[0].detail}")
        for line in rated.lines:
            found[line.account, line.runtime, line.meter, line.book_version] += int(line.billed_cost * 100)
        for key in {*expected, *found}:
            worst = max(worst, abs(expected.get(key, 0) - found[key]))
            figures += 1
    return [
        {
            "name": "oracle_error",
            "value": worst,
            "unit": "cents",
            "goal": 0,
            "at": "most",
            "holds": worst == 0,
            "detail": {"months": MONTHS, "figures": figures, "items_per_cpu_second": items_per_second()},
        }
    ]


def items_per_second() -> int:
    """Rate the month of 1,000 tenants with ten runtimes each and fifteen figures a runtime, by the standard book."""
    book = next(file.book for file in read_books() if file.book.key == "standard")
    held = terms(book)
    kinds = [
        (line.meter, f"kind-{n}" if line.facts.has_dimension else "") for line in book.lines for n in range(2)
    ]
    kinds = sorted(set(kinds))[:15]
    months = [
        [_item(tenant, runtime, *kind) for runtime in range(RUNTIMES) for kind in kinds]
        for tenant in range(TENANTS)
    ]
    took = []
    for _ in range(ROUNDS):
        gc.collect()
        began = time.process_time()
        for items in months:
            rate(items, held)
        took.append(time.process_time() - began)
    return round(TENANTS * RUNTIMES * len(kinds) / median(took))


def _item(tenant: int, runtime: int, meter: str, dimension: str) -> UsageItem:
    place = (
        f"account-{tenant}-{runtime % 3}",
        f"runtime-{tenant}-{runtime}",
        "aws",
        "eu-central-1",
        meter,
        dimension,
    )
    quantity = 123_456_789 + tenant * 7919 + runtime * 31
    return UsageItem(*place, JUNE.start, JUNE.end, quantity, JUNE.seconds, JUNE.seconds)
