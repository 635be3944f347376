"""A delete that a worker has taken up goes on to its end."""

from __future__ import annotations

import pytest

from controlplane.kernel.errors import Refused
from controlplane.tenants.access import SYSTEM
from provisioner.operations import ledger
from provisioner.operations.services import cancel_operation
from provisioner.runtimes.phases import Kind
from tests import work
from tests.world import World

pytestmark = pytest.mark.django_db


def test_a_delete_in_a_workers_hand_can_not_be_cancelled(world: World) -> None:
    with work.flows():
        operation = work.start(work.runtime(world.shop, world.landscape), Kind.DEPROVISION)
        assert ledger.claim() is not None
        with pytest.raises(Refused) as refused:
            cancel_operation(actor=SYSTEM, operation_id=operation.id)
    assert refused.value.code == "operation_not_cancellable"


def test_a_delete_that_nobody_has_taken_up_can_be_cancelled(world: World) -> None:
    with work.flows():
        operation = work.start(work.runtime(world.shop, world.landscape), Kind.DEPROVISION)
        assert cancel_operation(actor=SYSTEM, operation_id=operation.id).state == "cancelled"
