"""The collector reads every runtime once in each slot, whoever stumbles meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from billing.usage import interning, sources
from billing.usage.models import Quarantined
from billing.usage.partitions import make_ahead
from provisioner.landscapes.models import Landscape
from provisioner.runtimes.models import Runtime
from tests.collecting import clusters_removed, collect_until, grounded, runtime_with_cluster, samples
from tests.plugins.simulator import Simulator
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)
SLOT = 3


@pytest.fixture
def ground(world: World, simulator: Simulator, settings: Any) -> Iterator[World]:
    settings.USAGE_SLOT_SECONDS = SLOT
    sources.forget()
    interning.forget()
    make_ahead()
    grounded(world, simulator)
    with clusters_removed(simulator), simulator.set(fill=0.5):
        yield world


def slots_of(runtime: Runtime) -> int:
    return len({each["slot"] for each in samples(runtime.pk)})


def test_every_runtime_is_read_once_in_each_slot(ground: World, simulator: Simulator) -> None:
    rows = [runtime_with_cluster(ground, simulator, name) for name in ("one", "two")]
    [process] = collect_until(lambda: all(slots_of(row) >= 2 for row in rows))
    found = samples()
    assert max(Counter((each["runtime"], each["slot"]) for each in found).values()) == 1
    assert not Quarantined.objects.exists()
    assert {"vcpu", "memory", "node", "block_storage", "snapshots", "control_plane"} <= found[0][
        "levels"
    ].keys()
    # One cluster in twenty is busy enough at noon to use more than it asks for: of the two nothing follows.
    assert min(found[0][f"workload_{which}_millicores"] for which in ("requested", "used")) > 0
    assert found[0]["epoch"] > 0
    assert Landscape.objects.get().tokens < 1000
    assert process.measures.read._value.get() >= 4


def test_two_copies_share_the_runtimes_and_count_nothing_twice(ground: World, simulator: Simulator) -> None:
    rows = [runtime_with_cluster(ground, simulator, name) for name in ("one", "two", "three")]
    copies = collect_until(lambda: all(slots_of(row) >= 2 for row in rows), copies=2)
    read = [each.measures.read._value.get() for each in copies]
    assert max(Counter((each["runtime"], each["slot"]) for each in samples()).values()) == 1
    assert not Quarantined.objects.exists()
    assert sum(each._shards.copies for each in copies) >= 2
    assert sum(read) >= 6


def test_a_restart_in_a_slot_reads_nobody_twice(ground: World, simulator: Simulator) -> None:
    row = runtime_with_cluster(ground, simulator, "one")
    for wanted in (1, 2):
        collect_until(lambda wanted=wanted: slots_of(row) >= wanted)  # type: ignore[misc]
    assert not Quarantined.objects.exists()


def test_a_cluster_that_sleeps_yields_no_nodes_and_what_its_landscape_bills(
    ground: World, simulator: Simulator
) -> None:
    row = runtime_with_cluster(ground, simulator, "one")
    Runtime.objects.filter(pk=row.pk).update(phase="suspended", status={**row.status, "hibernated": True})
    Landscape.objects.update(config={"namespace": "garden-nesoi", "hibernated_control_planes": 1})
    collect_until(lambda: slots_of(row) >= 1)
    assert samples(row.pk)[0]["levels"] == {"control_plane": {"": 1}}


def test_one_that_does_not_answer_keeps_nobody_waiting_and_yields_nothing(
    ground: World, simulator: Simulator
) -> None:
    good, bad = (runtime_with_cluster(ground, simulator, name) for name in ("good", "bad"))
    simulator.patch_shoot(bad.cluster_name, {"spec": {"hibernation": {"enabled": True}}})
    simulator.wait_for(bad.cluster_name)
    [process] = collect_until(lambda: slots_of(good) >= 2)
    assert samples(bad.pk) == []
    assert process.measures.missed._value.get() >= 1


def test_an_outage_is_filled_where_the_very_same_things_stood_at_both_ends(
    ground: World, simulator: Simulator
) -> None:
    with simulator.set(fill=0.0):
        row = runtime_with_cluster(ground, simulator, "one")
        began: list[int] = []

        def over() -> bool:
            if slots_of(row) >= 2 and not began:
                began.append(slots_of(row))
                simulator.outage(2.5 * SLOT)
            return bool(began) and Counter(each["origin"] for each in samples(row.pk))[3] > 0

        collect_until(over)
    found = samples(row.pk)
    gaps = [(later["slot"] - each["slot"]).total_seconds() for each, later in pairwise(found)]
    assert set(gaps) == {SLOT}
    filled = [each for each in found if each["origin"] == 3]
    assert all(each["workload_used_millicores"] is None for each in filled)


def test_a_runtime_that_is_gone_is_read_no_more_and_a_new_one_is(ground: World, simulator: Simulator) -> None:
    first = runtime_with_cluster(ground, simulator, "one")
    made: list[Runtime] = []

    def over() -> bool:
        if slots_of(first) >= 1 and not made:
            made.append(runtime_with_cluster(ground, simulator, "two"))
            from controlplane.kernel.clock import utcnow

            Runtime.objects.filter(pk=first.pk).update(phase="deprovisioned", deleted_at=utcnow())
        return bool(made) and slots_of(made[0]) >= 2

    collect_until(over)
    first.refresh_from_db()
    assert first.deleted_at is not None
    assert samples(first.pk)[-1]["slot"] <= first.deleted_at
    newest = max(each["slot"] for each in samples(made[0].pk))
    assert (newest - first.deleted_at).total_seconds() > 0
