"""Two at once: who decides about an operation waits for whoever is changing it, and decides by what is true afterwards.

One transaction is held open until the other is seen to wait for it, so the order is the same at every run.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.postgres.functions import TransactionNow as Now
from django.db import connection, transaction

from controlplane.kernel.errors import Refused
from controlplane.tenants.access import SYSTEM
from controlplane.tenants.models import AuditEvent
from provisioner.operations import services
from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Kind
from tests import work
from tests.work import again
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE_SECONDS = 10.0
BLOCKED_BY_US = "SELECT count(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))"


@pytest.fixture(autouse=True)
def _flows() -> Iterator[None]:
    with work.flows():
        yield


@pytest.fixture
def runtime(world: World) -> Runtime:
    return work.runtime(world.shop, world.landscape, observed_generation=1, phase="ready")


def meanwhile(first: Callable[[], object], second: Callable[[], Any]) -> Any:
    """What `second` answers, or raises, when it begins between `first` and its commit."""
    answers: list[Any] = []

    def ask() -> None:
        try:
            answers.append(second())
        except Exception as refusal:
            answers.append(refusal)
        finally:
            connection.close()

    other = threading.Thread(target=ask)
    with transaction.atomic():
        first()
        other.start()
        wait_until_blocked(other)
        assert not answers, "it decided without waiting"
    other.join(PATIENCE_SECONDS)
    assert answers, "it never ended"
    return answers[0]


def wait_until_blocked(other: threading.Thread) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end and other.is_alive():
        with connection.cursor() as cursor:
            cursor.execute(BLOCKED_BY_US)
            if cursor.fetchone()[0]:
                return
        time.sleep(0.01)
    pytest.fail("it did not wait for the other's transaction")


def in_state(operation: Operation, **row: Any) -> None:
    Operation.objects.filter(pk=operation.pk).update(**row)


@pytest.mark.parametrize(
    ("control", "row"),
    [
        (services.pause_operation, {"state": "running", "fence": 1, "lease_until": Now()}),
        (services.cancel_operation, {"state": "running", "fence": 1, "lease_until": Now()}),
        (services.resume_operation, {"state": "paused", "pause_requested_at": Now()}),
    ],
)
def test_a_persons_control_sees_the_end_that_is_being_written(
    runtime: Runtime, control: Callable[..., Operation], row: dict[str, Any]
) -> None:
    operation = work.start(runtime, Kind.UPDATE)
    in_state(operation, **row)

    def end() -> None:
        in_state(operation, state="failed", slot=None, finished_at=Now(), lease_until=None)

    answer = meanwhile(end, lambda: control(actor=SYSTEM, operation_id=operation.pk))
    assert isinstance(answer, Refused), answer
    assert answer.code == "operation_closed"
    assert again(operation).state == "failed"
    assert not AuditEvent.objects.filter(target_id=str(operation.pk)).exists()


def test_a_retry_sees_the_delete_that_is_being_opened(runtime: Runtime) -> None:
    failed = work.start(runtime, Kind.UPDATE)
    in_state(failed, state="failed", slot=None, finished_at=Now())
    answer = meanwhile(
        lambda: work.start(runtime, Kind.DEPROVISION),
        lambda: services.retry_operation(actor=SYSTEM, operation_id=failed.pk),
    )
    assert isinstance(answer, Refused), answer
    assert answer.code == "operation_superseded"


def test_two_wishes_at_once_stand_one_behind_the_other(runtime: Runtime) -> None:
    answer = meanwhile(lambda: work.start(runtime, Kind.UPDATE), lambda: work.start(runtime, Kind.UPDATE))
    assert isinstance(answer, Operation), answer
    assert answer.slot == "next"


def test_a_delete_that_meets_an_operation_at_its_end_begins_at_once(runtime: Runtime) -> None:
    operation = work.start(runtime, Kind.UPDATE)
    in_state(operation, state="running", fence=1, lease_until=Now())

    def end() -> None:
        in_state(operation, state="succeeded", slot=None, finished_at=Now(), lease_until=None)

    answer = meanwhile(end, lambda: work.start(runtime, Kind.DEPROVISION))
    assert isinstance(answer, Operation), answer
    assert (answer.kind, answer.slot) == ("deprovision", "active")
