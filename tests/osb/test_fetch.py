"""Rows 28 to 30: an instance is looked at."""

from __future__ import annotations

import pytest

from controlplane.osb.offer import SERVICE_ID
from provisioner.lifecycle.delete import delete_runtime
from tests.osb.asking import Platform, error, finish, plan_id, read, row_of, stand
from tests.world import World

pytestmark = pytest.mark.django_db


def test_row_28_it_is_there_as_soon_as_it_succeeded(cf: Platform) -> None:
    operation = read(cf.provision())["operation"]
    finish(operation)
    assert read(cf.last(operation=operation))["state"] == "succeeded"
    body = read(cf.fetch())
    assert (body["service_id"], body["plan_id"]) == (SERVICE_ID, plan_id())
    assert body["parameters"] == {"region": "eu-central-1"}
    assert body["dashboard_url"].endswith(f"/runtimes/{row_of().runtime_id}/")


def test_row_29_missing_or_unfinished_is_404(cf: Platform) -> None:
    assert error(cf.fetch()) == (404, "NotFound")
    operation = read(cf.provision())["operation"]
    assert error(cf.fetch()) == (404, "NotFound")
    finish(operation, "failed")
    assert error(cf.fetch()) == (404, "NotFound")


def test_row_29_while_it_changes_it_is_422(cf: Platform) -> None:
    stand(cf)
    operation = read(cf.update(parameters={"autoScalerMax": 5}))["operation"]
    assert error(cf.fetch()) == (422, "ConcurrencyError")
    finish(operation)
    assert read(cf.fetch())["parameters"] == {"region": "eu-central-1", "autoScalerMax": 5}


def test_row_29_one_that_its_people_deleted_elsewhere_is_404(cf: Platform, world: World) -> None:
    row = stand(cf)
    operation = delete_runtime(actor=world.alice.actor, runtime_id=row.runtime_id)
    finish(operation.pk)
    assert error(cf.fetch()) == (404, "NotFound")
    assert cf.deprovision().status_code == 410
    assert cf.last().status_code == 410


def test_row_30_nothing_secret_is_among_what_is_shown(cf: Platform) -> None:
    stand(cf)
    assert set(read(cf.fetch())) == {
        "service_id",
        "plan_id",
        "dashboard_url",
        "parameters",
        "maintenance_info",
        "metadata",
    }
    cf.version = "2.14"
    assert set(read(cf.fetch())) == {"service_id", "plan_id", "dashboard_url", "parameters"}
