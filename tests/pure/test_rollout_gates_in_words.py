"""What a gate asks for stands behind its name: how long, how many, when."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from controlplane.console.presenters.plans_in_words import plan_lines, within
from provisioner.rollouts.gates.registry import gate_of, gates, words_of

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ASKED: dict[str, list[tuple[dict[str, Any], str]]] = {
    "approval": [({}, "Approval"), ({"approvers": 2}, "Approval by 2")],
    "footprint": [({"growth_percent": 5}, "Change of the footprint, +5 % at most")],
    "health": [({}, "Health of the upgraded, 99 % at least")],
    "notice": [({"hours": 24}, "Notice to tenants of 24 h")],
    "scheduled_start": [({"at": "2026-12-01T07:30:00+01:00"}, "Scheduled start on 1 Dec 06:30 UTC")],
    "soak": [({"minutes": 60}, "Timed soak of 60 min")],
}


@pytest.mark.parametrize("kind", sorted(gates()))
def test_every_kind_says_what_its_settings_ask_for(kind: str) -> None:
    for settings, told in ASKED[kind]:
        assert words_of(kind, gate_of(kind).check(settings, NOW)) == words_of(kind, settings) == told


def test_within_a_sentence_only_the_first_letter_is_small() -> None:
    assert within("Scheduled start on 1 Dec 06:30 UTC") == "scheduled start on 1 Dec 06:30 UTC"


@pytest.mark.parametrize(
    ("share", "told"),
    [("4", "4 runtimes, 5 at once"), ("1", "1 runtime, 5 at once"), ("30%", "30%, 5 at once"),
     ("rest", "all that are left, 5 at once")],
)  # fmt: skip
def test_how_many_of_a_stage_is_told_apart_from_how_many_at_once(share: str, told: str) -> None:
    plan = {"stages": [{"name": "canary", "share": share, "max_concurrency": 5}]}
    assert dict(plan_lines(plan))["Stage canary"] == told
