"""How the console says lengths of time, differences and counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from billing.costs.months import Known
from controlplane.console.presenters.badges import PHASES, STATES, SUMMARY_ORDER
from controlplane.console.presenters.costs import coverage_sentence
from controlplane.console.presenters.durations import ago, in_words, roughly
from controlplane.console.presenters.parameters import changes
from controlplane.console.presenters.runtime_rows import PICTURE_WIDTH, summary
from provisioner.operations.moves import State
from provisioner.runtimes.phases import Phase

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "under 1 s"),
        (42, "42 s"),
        (60, "1 min"),
        (185, "3 min 5 s"),
        (4320, "1 h 12 min"),
        (90000, "1 d 1 h"),
        (timedelta(minutes=2), "2 min"),
        (None, ""),
    ],
)
def test_a_length_of_time_is_said_with_its_two_largest_units(seconds: object, words: str) -> None:
    assert in_words(seconds) == words  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(7, "about 7 s"), (43, "about 45 s"), (350, "about 6 min"), (5400, "about 1 h 30 min")],
)
def test_a_usual_length_is_rounded_as_people_round(seconds: float, words: str) -> None:
    assert roughly(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (5, "just now"),
        (300, "5 min ago"),
        (7300, "2 h ago"),
        (200000, "2 d ago"),
        (-3700, "in 1 h"),
        (-5, "in under a minute"),
    ],
)
def test_a_moment_is_said_from_now(seconds: int, words: str) -> None:
    assert ago(NOW - timedelta(seconds=seconds), NOW) == words


def test_every_phase_and_state_has_a_badge_of_its_own() -> None:
    assert set(PHASES) == set(Phase)
    assert set(STATES) == set(State)
    assert set(SUMMARY_ORDER) == set(Phase) - {Phase.DEPROVISIONED}


def test_the_picture_is_filled_and_the_smallest_share_is_still_seen() -> None:
    shares = summary({"ready": 9_999, "failed": 1, "updating": 3, "deprovisioned": 70})
    assert [share.phase for share in shares] == ["failed", "updating", "ready"]
    assert shares[0].width >= 12
    assert sum(share.width for share in shares) == PICTURE_WIDTH
    assert all(left.x + left.width == right.x for left, right in pairwise(shares))
    assert summary({}) == []


def test_a_difference_names_only_what_differs_in_the_form_s_words() -> None:
    schema = {
        "x-groups": [{"key": "size", "title": "Size"}],
        "properties": {
            "most": {"type": "integer", "title": "Most nodes", "x-unit": "nodes", "x-group": "size"},
            "pools": {
                "type": "array",
                "title": "Pools",
                "x-group": "size",
                "items": {
                    "title": "Pool",
                    "properties": {"name": {"title": "Name"}, "gpu": {"title": "GPU"}},
                },
            },
        },
    }
    found = changes(
        schema,
        {"most": 5, "pools": [{"name": "a", "gpu": True}, {"name": "b", "gpu": False}]},
        {"most": 7, "pools": [{"name": "b", "gpu": True}]},
    )
    assert [(entry.title, entry.before, entry.after) for entry in found] == [
        ("Most nodes", "5 nodes", "7 nodes"),
        ("Pool b · GPU", "No", "Yes"),
        ("Pool a · Name", "a", ""),
        ("Pool a · GPU", "Yes", ""),
    ]


def test_a_list_that_was_empty_is_no_difference_of_its_own() -> None:
    entry = {"title": "Pool", "properties": {"name": {"title": "Name"}, "labels": {"title": "Labels"}}}
    schema = {"x-groups": [], "properties": {"pools": {"type": "array", "title": "Pools", "items": entry}}}
    found = changes(schema, {"pools": []}, {"pools": [{"name": "a", "labels": {}}]})
    assert [(change.title, change.before, change.after) for change in found] == [("Pool a · Name", "", "a")]


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (Known(observed=3600), ""),
        (
            Known(observed=720, unknown=2160),
            "Of the 0.8 hours that it lived, 0.6 hours were not seen and cost nothing.",
        ),
        (
            Known(observed=36_000, inferred=7200),
            "Of the 12 hours that it lived, 2.0 hours were inferred from what was seen before and after.",
        ),
    ],
)
def test_what_of_a_time_was_not_seen_is_one_sentence(known: Known, said: str) -> None:
    assert coverage_sentence(known, whose="it") == said
