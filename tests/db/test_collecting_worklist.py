"""The collector's list of runtimes follows what changes, and asks for nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.collecting.worklist import Worklist
from controlplane.kernel.clock import utcnow
from provisioner.modules.kept import Kept
from provisioner.modules.memory import RowMemory
from provisioner.runtimes.models import Runtime
from tests.signed_in import build
from tests.world import World

pytestmark = pytest.mark.django_db
UP = {"situation": "ready", "api_endpoint": "https://api.example.org", "hibernated": False}


def standing(world: World, name: str, **fields: Any) -> Runtime:
    row = build(world, name=name)
    return change(row, **{"status": UP, **fields})


def change(row: Runtime, **fields: Any) -> Runtime:
    Runtime.objects.filter(pk=row.pk).update(**fields)
    row.refresh_from_db()
    return row


def listed() -> Worklist:
    found = Worklist()
    found.read_all()
    return found


def test_all_that_lives_is_listed_and_what_has_no_cluster_is_not_read(world: World) -> None:
    up, building = standing(world, "up"), build(world, name="building", phase="provisioning")
    change(building, phase="provisioning", status={})
    found = listed().targets
    assert found[up.pk].readable
    assert found[up.pk].settled
    assert not found[building.pk].readable
    assert not found[building.pk].settled


def test_a_cluster_that_comes_to_answer_is_noticed_without_a_turn_of_its_life(world: World) -> None:
    row = standing(world, "one", phase="provisioning", status={})
    found = listed()
    assert found.follow() == set()
    change(row, status=UP)
    assert found.follow() == {row.pk}
    assert found.targets[row.pk].answers


def test_what_turns_is_followed_and_what_ends_goes(world: World) -> None:
    one, two = standing(world, "one"), standing(world, "two")
    found = listed()
    change(one, phase="suspended", status={**UP, "hibernated": True})
    assert found.follow() == {one.pk}
    assert found.targets[one.pk].asleep
    change(two, phase="deprovisioned", deleted_at=utcnow())
    assert found.follow() == {two.pk}
    assert two.pk not in found.targets


def test_one_that_is_new_is_found(world: World) -> None:
    found = listed()
    row = standing(world, "late")
    assert row.pk in found.follow()
    assert found.targets[row.pk].readable


def test_a_cluster_that_is_said_to_sleep_while_its_runtime_is_ready_is_asked_itself(world: World) -> None:
    row = standing(world, "one", status={**UP, "hibernated": True})
    target = listed().targets[row.pk]
    assert (target.asleep, target.answers) == (False, True)


def test_one_that_failed_to_answer_is_looked_at_again(world: World) -> None:
    row = standing(world, "one")
    found = listed()
    change(row, status={**UP, "situation": "absent", "api_endpoint": ""})
    assert found.follow() == set()
    assert found.follow({row.pk}) == {row.pk}
    assert not found.targets[row.pk].readable


def test_modules_that_are_installed_are_known_by_the_status(world: World) -> None:
    row = standing(world, "one", status={**UP, "modules": ["istio", 5, "telemetry"]})
    assert listed().targets[row.pk].modules == ("istio", "telemetry")
    other = standing(world, "two", status={**UP, "modules": "x"})
    assert listed().targets[other.pk].modules == ()


def test_modules_that_were_seen_in_the_cluster_are_metered_and_mandatory_ones_are_not(world: World) -> None:
    row = standing(world, "one")
    RowMemory(row.pk, 1).keep(
        [
            Kept("isolation", observed_version="1.4.0"),
            Kept("telemetry", observed_version="1.46.0"),
            Kept("eventing"),
        ]
    )
    assert listed().targets[row.pk].modules == ("telemetry",)


def test_following_costs_the_same_with_many_runtimes_as_with_few(world: World) -> None:
    def cost() -> int:
        found = listed()
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert found.follow() == set()
        return len(captured)

    standing(world, "one")
    few = cost()
    for name in ("two", "three"):
        standing(world, name)
    assert cost() == few <= 3
