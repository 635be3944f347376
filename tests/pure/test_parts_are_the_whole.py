"""However a life is cut among tenants, or a month among versions of a book, the parts together are what the whole would be."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from billing.pricing.rating import rate
from tests.priced import JUNE, book, cores, line, parted, terms
from tests.pure.test_usage_integrals import END, SLOTS, START, sums

KEYS = st.lists(
    st.tuples(SLOTS, st.integers(1, 3), st.integers(0, 9000)), max_size=30, unique_by=lambda key: key[0]
)


@settings(max_examples=60, deadline=None)
@given(KEYS, st.sets(st.integers(START + 1, END - 1), max_size=5))
def test_all_tenants_together_have_what_the_fleet_has(
    told: list[tuple[int, int, int]], moves: set[int]
) -> None:
    """A runtime that changes hands at any second: who has it when adds up to one that never did, shape by shape."""
    samples = [(slot, 0, shape, cores) for slot, shape, cores in told]
    spans = [(number, *piece) for number, piece in enumerate(pairwise(sorted({START, END, *moves})), 1)]
    fleet: dict[int, list[int]] = defaultdict(list)
    tenants: dict[int, list[int]] = defaultdict(list)
    for found, lives in ((fleet, [(1, START, END)]), (tenants, spans)):
        for (_, shape), figures in sums(samples, lives, START, END).items():
            before = found[shape] or [0] * len(figures)
            found[shape] = [one + other for one, other in zip(before, figures, strict=True)]
    assert tenants == fleet
    assert sum(sum(figures[:3]) for figures in tenants.values()) == END - START


TIERS = {
    "rule": "graduated",
    "tiers": [{"up_to": 100, "price": "0.05"}, {"up_to": 500, "price": "0.04"}, {"price": "0.01"}],
}


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 29), st.integers(0, 900), st.integers(0, 900))
def test_a_new_version_with_the_same_tiers_changes_nothing(day: int, before: int, after: int) -> None:
    """Counters go on over the change: nobody begins again in the cheap or the dear tier."""
    at = JUNE.start + timedelta(days=day)
    items = [cores(before, end=at), cores(after, start=at)]
    first, second = (book(line("vcpu", TIERS), version=version) for version in (1, 2))
    cut, whole = rate(items, parted(first, second, at)), rate(items, terms(first))
    sizes: list[dict[str, Decimal]] = []
    for rated in (cut, whole):
        by_tier: dict[str, Decimal] = defaultdict(Decimal)
        for entry in rated.lines:
            by_tier[entry.part] += entry.quantity
        sizes.append({part: quantity for part, quantity in by_tier.items() if quantity})
    assert sizes[0] == sizes[1]
    assert abs(cut.billed - whole.billed) <= Decimal("0.03"), (
        "each line is rounded once, three on either side"
    )
