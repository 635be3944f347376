"""A Shoot is read the way Gardener means it."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.kernel.errors import Audience
from provisioner.drivers.base import Situation
from provisioner.drivers.shoots.faults import MEANINGS
from provisioner.drivers.shoots.observed import observed_of

TRUE = {
    "type": "APIServerAvailable",
    "status": "True",
    "message": "fine",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
}


def shoot(
    *, metadata: dict[str, Any] | None = None, spec: dict[str, Any] | None = None, **status: Any
) -> dict[str, Any]:
    """A Shoot that is done, changed by what is given."""
    return {
        "metadata": {
            "name": "c1",
            "generation": 2,
            "resourceVersion": "77",
            "labels": {"nesoi.dev/runtime": "r1", "shoot.gardener.cloud/status": "healthy"},
            "annotations": {"nesoi.dev/generation": "4", "nesoi.dev/fence": "12"},
            **(metadata or {}),
        },
        "spec": {"kubernetes": {"version": "1.34.2"}, "hibernation": {"enabled": False}, **(spec or {})},
        "status": {
            "observedGeneration": 2,
            "hibernated": False,
            "lastOperation": {
                "type": "Reconcile",
                "state": "Succeeded",
                "progress": 100,
                "description": "done",
            },
            "conditions": [TRUE],
            "advertisedAddresses": [
                {"name": "internal", "url": "https://in"},
                {"name": "external", "url": "https://out"},
            ],
            **status,
        },
    }


def working(state: str, **more: Any) -> dict[str, Any]:
    return {"type": "Reconcile", "state": state, "progress": 42, "description": "waiting for nodes", **more}


def test_a_done_and_healthy_shoot_is_ready() -> None:
    observed = observed_of(shoot())
    assert observed.situation is Situation.READY
    assert (observed.generation, observed.kubernetes_version, observed.api_endpoint) == (
        4,
        "1.34.2",
        "https://out",
    )
    assert (observed.progress, observed.activity, observed.version) == (100, "", "77")


def test_the_owner_tags_are_told_without_the_fence_that_changes_all_the_time() -> None:
    assert observed_of(shoot()).owner == {"runtime": "r1", "generation": "4"}


@pytest.mark.parametrize(
    "seen",
    [
        shoot(observedGeneration=1),
        shoot(metadata={"annotations": {"gardener.cloud/operation": "retry"}}),
        shoot(metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}),
        shoot(lastOperation=working("Processing")),
        shoot(lastOperation=working("Error")),
        shoot(lastOperation=working("Pending")),
        shoot(lastOperation=None),
        shoot(spec={"hibernation": {"enabled": True}}),
        {"metadata": {"name": "c1", "generation": 1}},
    ],
)
def test_whatever_is_not_done_is_changing(seen: dict[str, Any]) -> None:
    assert observed_of(seen).situation is Situation.CHANGING


@pytest.mark.parametrize("status", ["False", "Unknown", "Progressing"])
def test_a_condition_that_is_not_true_makes_it_unhealthy(status: str) -> None:
    observed = observed_of(
        shoot(conditions=[TRUE, {"type": "EveryNodeReady", "status": status, "message": "1 of 3"}])
    )
    assert observed.situation is Situation.UNHEALTHY
    assert observed.conditions[1].message == "1 of 3"


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        ("EveryNodeReady is Progressing.", ""),
        ("everynodeready is progressing", ""),
        ("", ""),
        ("EveryNodeReady is Progressing: 1 of 3", "EveryNodeReady is Progressing: 1 of 3"),
    ],
)
def test_a_message_that_only_repeats_type_and_status_is_left_out(message: str, kept: str) -> None:
    condition = {"type": "EveryNodeReady", "status": "Progressing", "message": message}
    assert observed_of(shoot(conditions=[condition])).conditions[0].message == kept


def test_a_shoot_without_any_condition_is_not_yet_healthy() -> None:
    assert observed_of(shoot(conditions=[])).situation is Situation.UNHEALTHY


def test_progress_and_activity_are_in_gardeners_words() -> None:
    observed = observed_of(shoot(lastOperation=working("Processing")))
    assert (observed.progress, observed.activity) == (42, "Reconcile: waiting for nodes")


def test_a_wish_not_yet_taken_up_shows_no_progress_of_the_one_before() -> None:
    assert observed_of(shoot(observedGeneration=1)).progress == 0


def test_giving_up_is_failed_with_the_code_and_who_can_act() -> None:
    error = {"description": "quota 'cpus' exceeded", "codes": ["ERR_INFRA_QUOTA_EXCEEDED"]}
    observed = observed_of(shoot(lastOperation=working("Failed"), lastErrors=[error]))
    assert observed.situation is Situation.FAILED
    (fault,) = observed.faults
    assert (fault.code, fault.passing, fault.audience) == ("ERR_INFRA_QUOTA_EXCEEDED", False, Audience.SRE)
    assert "quota 'cpus' exceeded" in fault.message
    assert fault.message.startswith("Raise the infrastructure account's quota")


def test_while_gardener_still_tries_no_fault_lasts() -> None:
    error = {"description": "no", "codes": ["ERR_CONFIGURATION_PROBLEM"]}
    observed = observed_of(shoot(lastOperation=working("Error"), lastErrors=[error]))
    assert observed.situation is Situation.CHANGING
    assert [fault.passing for fault in observed.faults] == [True]


def test_a_failure_of_an_older_wish_is_not_held_against_the_new_one() -> None:
    observed = observed_of(shoot(observedGeneration=1, lastOperation=working("Failed")))
    assert observed.situation is Situation.CHANGING


def test_a_failed_creation_does_not_make_the_deletion_fail() -> None:
    deleted = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
    assert (
        observed_of(shoot(metadata=deleted, lastOperation=working("Failed"))).situation is Situation.CHANGING
    )
    stuck = working("Failed", type="Delete")
    assert observed_of(shoot(metadata=deleted, lastOperation=stuck)).situation is Situation.FAILED


def test_giving_up_without_a_code_is_for_the_sre() -> None:
    (fault,) = observed_of(shoot(lastOperation=working("Failed"))).faults
    assert (fault.code, fault.passing, fault.audience) == ("LANDSCAPE_GAVE_UP", False, Audience.SRE)
    assert "waiting for nodes" in fault.message


@pytest.mark.parametrize("code", sorted(MEANINGS))
def test_every_code_says_what_to_do(code: str) -> None:
    assert MEANINGS[code].remedy.endswith(".")
