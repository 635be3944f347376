"""An audit compares landscape and database both ways; what nobody owns goes only when a person says its name."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils.timezone import now

from controlplane.config.celery import app
from controlplane.tenants.access import SYSTEM
from controlplane.tenants.models import AuditEvent
from provisioner.drivers.base import ClusterRef, Situation
from provisioner.landscapes.models import Landscape
from provisioner.observer import orphans, queries
from provisioner.observer.models import Drift
from provisioner.observer.orphans import audit_landscape, is_believable
from provisioner.observer.tasks import audit
from provisioner.runtimes.models import Runtime
from tests.plugins.simulator import Simulator
from tests.watching import cluster_of, driver_of, remove, runtime, until
from tests.work import refused
from tests.world import World
from tests.world import landscape as landscape_row

pytestmark = pytest.mark.django_db


@pytest.fixture
def place(world: World, simulator: Simulator) -> Landscape:
    return landscape_row("audited", kubeconfig=simulator.kubeconfig)


@pytest.fixture
def row(world: World, place: Landscape) -> Iterator[Runtime]:
    made = runtime(world, place, phase="ready")
    driver_of(place).ensure(cluster_of(made))
    yield made
    remove(driver_of(place), made)


@pytest.fixture
def stray(world: World, place: Landscape) -> Iterator[Runtime]:
    """A cluster whose runtime is gone; the row is in memory only."""
    made = runtime(world, place)
    driver_of(place).ensure(cluster_of(made))
    Runtime.objects.filter(pk=made.pk).update(phase="deprovisioned", deleted_at=now() - timedelta(minutes=5))
    yield made
    remove(driver_of(place), made)


def settled_before(row: Runtime) -> None:
    Runtime.objects.filter(pk=row.pk).update(updated_at=now() - timedelta(minutes=5))


def test_an_audit_counts_and_names_clusters_that_nobody_owns(
    place: Landscape, row: Runtime, stray: Runtime
) -> None:
    audit()
    place.refresh_from_db()
    assert (place.orphans, place.orphans_count, place.missing_count) == ([stray.cluster_name], 1, 0)
    assert place.audited_at is not None
    row.refresh_from_db()
    assert row.phase == "ready"


def named(place: Landscape, installation: str) -> Landscape:
    """The same landscape, as an installation of this name reaches it."""
    Landscape.objects.filter(pk=place.pk).update(config={**place.config, "installation": installation})
    place.refresh_from_db()
    return place


def test_another_installation_in_the_same_project_keeps_its_clusters(
    place: Landscape, row: Runtime, stray: Runtime
) -> None:
    driver = driver_of(named(place, "north"))
    for made in (row, stray):
        driver.ensure(cluster_of(made))
    assert orphans.compare(place).orphans == [stray.cluster_name]
    seen = orphans.compare(named(place, "south"))
    assert (seen.orphans, seen.missing, seen.clusters) == ([], [], 2)
    with refused("cluster_foreign"):
        orphans.remove_orphan(actor=SYSTEM, landscape=place, name=stray.cluster_name)
    assert driver.observe(ClusterRef(stray.cluster_name)).situation is not Situation.ABSENT


def test_an_audit_fails_a_settled_runtime_without_a_cluster(world: World, place: Landscape) -> None:
    lost, young, building = (
        runtime(world, place, phase=phase) for phase in ("ready", "ready", "provisioning")
    )
    settled_before(lost)
    settled_before(building)
    Runtime.objects.filter(pk=young.pk).update(updated_at=now() + timedelta(minutes=5))
    assert audit_landscape(place).missing == [lost.pk]
    phases = Runtime.objects.in_bulk([lost.pk, young.pk, building.pk])
    assert [phases[each.pk].phase for each in (lost, young, building)] == ["failed", "ready", "provisioning"]


def test_a_list_that_lacks_most_of_the_fleet_fails_nobody(
    world: World, place: Landscape, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orphans, "is_believable", lambda *, missing, present: missing == 0)
    lost = runtime(world, place, phase="ready")
    settled_before(lost)
    audit_landscape(place)
    for each in (lost, place):
        each.refresh_from_db()
    assert (lost.phase, place.missing_count) == ("ready", 1)


@pytest.mark.parametrize(
    ("missing", "present", "believed"), [(10, 0, True), (11, 0, False), (500, 500, True), (501, 500, False)]
)
def test_of_more_than_a_few_at_most_half_may_be_missing(missing: int, present: int, believed: bool) -> None:
    assert is_believable(missing=missing, present=present) is believed


def test_an_audit_asks_the_database_the_same_however_many_there_are(
    world: World, place: Landscape, row: Runtime, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(4):  # the clock, orphans, missing, the landscape's row
        audit_landscape(place)


def test_a_landscape_that_does_not_answer_does_not_keep_others_from_their_audit(
    place: Landscape, row: Runtime
) -> None:
    landscape_row("aaa-dark")
    assert orphans.audit_due() == 1
    place.refresh_from_db()
    assert place.audited_at is not None


def test_the_audit_is_on_the_clock_and_known_to_workers() -> None:
    entry = app.conf.beat_schedule["audit"]
    app.loader.import_default_modules()
    assert (entry["schedule"], entry["task"] in app.tasks) == (60.0, True)


def test_a_landscape_is_audited_when_its_last_audit_is_long_ago(place: Landscape, settings: Any) -> None:
    assert orphans.audit_due() == 1
    assert orphans.audit_due() == 0
    long_ago = now() - timedelta(seconds=settings.AUDIT_SECONDS + 1)
    Landscape.objects.filter(pk=place.pk).update(audited_at=long_ago)
    assert orphans.audit_due() == 0  # somebody else has just begun
    Landscape.objects.filter(pk=place.pk).update(audit_begun_at=now() - timedelta(minutes=11))
    assert orphans.audit_due() == 1


def test_two_who_find_an_audit_due_do_it_once(place: Landscape, settings: Any) -> None:
    assert queries.due_audits(settings.AUDIT_SECONDS) == [place.pk]
    assert queries.begin_audit(place.pk, settings.AUDIT_SECONDS)
    assert not queries.begin_audit(place.pk, settings.AUDIT_SECONDS)


def test_an_audit_names_a_cluster_of_ours_that_lost_its_label(
    place: Landscape, row: Runtime, simulator: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    simulator.patch_shoot(row.cluster_name, {"metadata": {"labels": {"nesoi.dev/runtime": None}}})
    found = audit_landscape(place)
    assert (found.orphans, found.unlabelled, found.missing) == ([row.cluster_name], [row.cluster_name], [])
    place.refresh_from_db()
    assert place.orphans == [row.cluster_name]
    with pytest.raises(SystemExit):
        call_command("orphans", landscape=["audited"])
    assert f"{row.cluster_name}\tlost its owner label" in capsys.readouterr().out
    with pytest.raises(CommandError, match="belongs to a living runtime"):
        call_command("orphans", landscape=["audited"], remove=row.cluster_name, confirm=row.cluster_name)


def test_an_orphan_without_its_label_goes_too(place: Landscape, stray: Runtime, simulator: Simulator) -> None:
    name = stray.cluster_name
    simulator.patch_shoot(name, {"metadata": {"labels": {"nesoi.dev/runtime": None}}})
    call_command("orphans", landscape=["audited"], remove=name, confirm=name)
    until(lambda: driver_of(place).observe(ClusterRef(name)).situation is Situation.ABSENT)


def test_drift_that_was_mended_long_ago_is_forgotten(world: World, place: Landscape) -> None:
    old, fresh, open_one = (runtime(world, place) for _ in range(3))
    long_ago = now() - timedelta(days=2)
    for row_, fields, due in ((old, [], long_ago), (fresh, [], now()), (open_one, ["spec"], long_ago)):
        Drift.objects.create(runtime=row_, landscape=place, fields=fields, seen_at=long_ago, due_at=due)
    audit()
    assert set(Drift.objects.values_list("pk", flat=True)) == {fresh.pk, open_one.pk}


def test_an_orphan_goes_when_its_name_is_confirmed(
    place: Landscape, stray: Runtime, capsys: pytest.CaptureFixture[str]
) -> None:
    name = stray.cluster_name
    call_command("orphans", landscape=["audited"], remove=name, confirm=name)
    assert name in capsys.readouterr().out
    event = AuditEvent.objects.get(action="orphan.remove")
    assert event.changes == {"cluster": name, "owner": str(stray.pk)}
    until(lambda: driver_of(place).observe(ClusterRef(name)).situation is Situation.ABSENT)


@pytest.mark.parametrize("confirm", [None, "another"])
def test_without_its_name_nothing_goes(place: Landscape, stray: Runtime, confirm: str | None) -> None:
    with pytest.raises(CommandError):
        call_command("orphans", landscape=["audited"], remove=stray.cluster_name, confirm=confirm)
    seen = driver_of(place).observe(ClusterRef(stray.cluster_name))
    assert "Delete" not in seen.activity
    assert not AuditEvent.objects.filter(action="orphan.remove").exists()


def test_a_cluster_with_a_living_runtime_is_no_orphan_to_remove(
    place: Landscape, row: Runtime, simulator: Simulator
) -> None:
    name = row.cluster_name
    with pytest.raises(CommandError, match="belongs to a living runtime"):
        call_command("orphans", landscape=["audited"], remove=name, confirm=name)
    assert "deletionTimestamp" not in simulator.shoot(name)["metadata"]


def test_a_cluster_that_we_never_made_is_not_even_seen(place: Landscape, simulator: Simulator) -> None:
    simulator.create_shoot("theirs", wait=False)
    try:
        with pytest.raises(CommandError, match="has no cluster of ours named theirs"):
            call_command("orphans", landscape=["audited"], remove="theirs", confirm="theirs")
        assert "theirs" not in audit_landscape(place).orphans
    finally:
        simulator.delete_shoot("theirs")
