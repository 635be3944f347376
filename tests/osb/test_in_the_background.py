"""A runtime that people can use already is no instance for a platform until its provision has succeeded."""

from __future__ import annotations

import pytest

from provisioner.lifecycle.update import update_runtime
from provisioner.runtimes.models import Runtime
from tests.osb.asking import Platform, error, finish, read, row_of, settle
from tests.osb.conftest import Cluster
from tests.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def operation(cf: Platform, cluster: Cluster) -> str:
    """A provision that goes on in the background."""
    begun: str = read(cf.provision())["operation"]
    settle(begun)
    return begun


def test_asked_again_it_is_202_with_the_same_operation_until_that_has_ended(
    cf: Platform, operation: str
) -> None:
    again = cf.provision()
    assert (again.status_code, read(again)["operation"]) == (202, operation)
    assert read(cf.last(operation=operation))["state"] == "in progress"
    finish(operation)
    assert cf.provision().status_code == 200
    assert read(cf.last(operation=operation))["state"] == "succeeded"


def test_it_is_neither_fetched_nor_bound_nor_changed_before(cf: Platform, operation: str) -> None:
    assert error(cf.fetch()) == (404, "NotFound")
    assert error(cf.bind()) == (422, "ConcurrencyError")
    assert error(cf.update(parameters={"autoScalerMax": 5})) == (422, "ConcurrencyError")
    finish(operation)
    assert cf.fetch().status_code == 200
    assert cf.bind().status_code == 201
    assert cf.update(parameters={"autoScalerMax": 5}).status_code == 202


@pytest.mark.parametrize("end", ["failed", "cancelled"])
@pytest.mark.parametrize("phase", ["failed", "ready"])
def test_one_whose_provision_failed_in_the_background_is_no_instance(
    cf: Platform, operation: str, end: str, phase: str
) -> None:
    finish(operation, end)
    Runtime.objects.filter(pk=row_of().runtime_id).update(phase=phase)
    assert read(cf.last(operation=operation))["state"] == "failed"
    assert error(cf.provision()) == (409, "Conflict")
    assert error(cf.fetch()) == (404, "NotFound")
    assert error(cf.bind()) == (422, "ConcurrencyError")
    assert error(cf.update(parameters={"autoScalerMax": 5})) == (422, "InstanceNotUsable")
    assert cf.deprovision().status_code == 202


def test_one_that_its_people_brought_to_an_end_elsewhere_is_an_instance(
    cf: Platform, operation: str, world: World
) -> None:
    finish(operation, "failed")
    _, changed = update_runtime(
        actor=world.alice.actor, runtime_id=row_of().runtime_id, parameters={"autoScalerMax": 5}
    )
    assert changed is not None
    finish(changed.pk)
    assert cf.fetch().status_code == 200
    assert cf.provision().status_code == 200
