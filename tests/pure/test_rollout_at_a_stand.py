"""A rollout of which nobody moves any more says so, and what a person can do."""

from __future__ import annotations

import pytest

from controlplane.console.presenters.rollouts import at_a_stand
from provisioner.rollouts.models import Tally

OVER = Tally(state="ready", code="over_budget", targets=2)
PLACE = Tally(state="ready", code="place", targets=1)


@pytest.mark.parametrize(
    ("counts", "reasons", "told"),
    [
        ({"succeeded": 5, "blocked": 1}, [], "Only 1 runtime that cannot begin is left. Mend what they say"),
        (
            {"ready": 2, "failed": 1},
            [OVER],
            "Only 2 runtimes that cannot begin are left. Retry or skip what failed",
        ),
        (
            {"ready": 2, "blocked": 1},
            [OVER],
            "Only 3 runtimes that cannot begin are left. Retry or skip what failed",
        ),
        ({"ready": 3}, [OVER, PLACE], ""),
        ({"ready": 2, "active": 1}, [OVER], ""),
        ({"blocked": 1, "waiting": 1}, [], ""),
        ({"succeeded": 9, "failed": 1}, [], ""),
    ],
)
def test_it_says_so_only_while_nobody_can_begin(
    counts: dict[str, int], reasons: list[Tally], told: str
) -> None:
    said = at_a_stand(counts, reasons)
    assert said.startswith(told)
    assert bool(said) is bool(told)
