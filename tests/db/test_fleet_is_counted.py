"""How the fleet stands is counted as it changes, whoever writes it, and runtimes are found by how their names' words begin."""

from __future__ import annotations

import random
from typing import Any

import pytest
from django.db import connection
from django.db.models import Count

from controlplane.kernel.clock import utcnow
from provisioner.rollouts import why_not
from provisioner.runtimes.counting import by, fleet_standing
from provisioner.runtimes.finding import words_begin
from provisioner.runtimes.models import FleetCount, Runtime
from tests.rolling_out import NEW, OLD, fleet, release
from tests.world import World

pytestmark = pytest.mark.django_db


def counted_anew() -> dict[tuple[str, str, str], int]:
    rows = Runtime.objects.exclude(phase="deprovisioned").order_by()
    kinds = rows.values_list("phase", "release_key", "situation").annotate(number=Count("id"))
    return {(phase, key, situation): number for phase, key, situation, number in kinds}


def as_kept() -> dict[tuple[str, str, str], int]:
    return {(one.phase, one.release, one.situation): one.runtimes for one in fleet_standing()}


def test_counts_follow_whatever_is_written(world: World) -> None:
    chance, made = random.Random(5), fleet(world.shop, [world.landscape], 40)
    for _ in range(60):
        some = [one.pk for one in chance.sample(made, 6)]
        change: dict[str, Any] = chance.choice(
            [
                {"phase": chance.choice(["ready", "failed", "upgrading"])},
                {"status": {"situation": chance.choice(["ready", "unhealthy"])}},
                {"spec": {"release": release(chance.choice([OLD, NEW]))}},
                {"labels": {"a": "b"}},
            ]
        )
        Runtime.objects.filter(pk__in=some).update(**change)
    gone = [one.pk for one in made[:3]]
    Runtime.objects.filter(pk__in=gone).update(phase="deprovisioned", deleted_at=utcnow())
    Runtime.objects.filter(pk__in=gone[:1]).delete()
    assert as_kept() == counted_anew()
    assert sum(by("phase", fleet_standing()).values()) == 37


def test_changes_are_folded_so_that_counting_never_reads_a_history(world: World) -> None:
    made = fleet(world.shop, [world.landscape], 20)
    for turn in range(60):
        Runtime.objects.filter(pk__in=[one.pk for one in made]).update(phase=("failed", "ready")[turn % 2])
    # 2,400 rows unfolded; a fold comes with each 1,002nd number, wherever earlier tests left the sequence.
    assert FleetCount.objects.count() < 1_020
    assert as_kept() == counted_anew()


def test_the_histogram_is_read_from_counts(world: World) -> None:
    fleet(world.shop, [world.landscape], 3)
    with connection.execute_wrapper(refuse_to_read_runtimes):
        found = why_not.version_histogram(actor=world.sam.actor)
    assert [(one.release, one.runtimes) for one in found] == [(OLD, 3)]


def refuse_to_read_runtimes(execute, sql, params, many, context):  # type: ignore[no-untyped-def]
    assert "runtimes_runtime" not in sql
    return execute(sql, params, many, context)


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("pay", True), ("PROD", True), ("prod-e", True), ("eu prod", True), ("i0007", True), ("ments", False),
        ("prod us", False), ("it's:*|!&", False),
    ],
)  # fmt: skip
def test_a_runtime_is_found_by_how_words_of_its_names_begin(world: World, typed: str, found: bool) -> None:
    fleet(world.shop, [world.landscape], 1, name="payments-prod-eu", cluster_name="i000712")
    wanted = words_begin(typed)
    assert wanted is not None
    assert Runtime.objects.filter(wanted).exists() is found


def test_nothing_to_look_for_is_no_condition() -> None:
    assert words_begin(" -_'*") is None
