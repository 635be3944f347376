"""Whatever people do with runtimes, in whatever order, what is kept of a tenant's usage is the sum of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controlplane.catalog.models import Entitlement, Usage
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import SYSTEM
from provisioner.lifecycle import following
from provisioner.lifecycle.delete import delete_runtime
from provisioner.lifecycle.quota_check import check
from provisioner.lifecycle.resume import resume_runtime
from provisioner.lifecycle.suspend import suspend_runtime
from provisioner.lifecycle.tenants import resume_tenant, suspend_tenant
from provisioner.lifecycle.update import update_runtime
from provisioner.operations.models import Operation
from provisioner.operations.services import cancel_operation
from provisioner.runtimes.models import Runtime
from tests import work
from tests.signed_in import present
from tests.world import World, order

pytestmark = pytest.mark.django_db
WORDS = st.sampled_from(
    [
        "order",
        "grow",
        "shrink",
        "suspend",
        "resume",
        "delete",
        "work",
        "cancel",
        "rest",
        "wake",
        "follow",
        "gcp",
    ]
)
BOUND = 60


@pytest.fixture(autouse=True)
def _flows(world: World) -> Iterator[None]:
    present(world.landscape, world.shop, world.alice)
    with work.flows(suspend=work.flow(), resume=work.flow()):
        yield


def act(world: World, word: str, which: int, number: int) -> None:
    """Do it to one of the runtimes, if there is any."""
    alice, rows = world.alice.actor, list(Runtime.objects.order_by("id"))
    if word == "order":
        order(world, name=f"r{number}", parameters={"region": "eu-central-1", "autoScalerMax": 3 + which})
    elif word == "gcp":
        order(world, name=f"r{number}", plan="gcp", parameters={"region": "europe-west3"})
    elif word == "work":
        work.work()
    elif word == "rest":
        suspend_tenant(actor=SYSTEM, tenant_id=world.archipel.id)
    elif word == "wake":
        resume_tenant(actor=SYSTEM, tenant_id=world.archipel.id)
    elif word == "follow":
        following.tick()
    elif rows:
        row = rows[which % len(rows)]
        if word in {"grow", "shrink"}:
            most = {"grow": 12, "shrink": 3}[word]
            update_runtime(actor=alice, runtime_id=row.pk, parameters={"autoScalerMax": most})
        elif word == "cancel":
            for operation in Operation.objects.filter(runtime=row, slot="active"):
                cancel_operation(actor=alice, operation_id=operation.pk)
        else:
            door = {"suspend": suspend_runtime, "resume": resume_runtime, "delete": delete_runtime}[word]
            door(actor=alice, runtime_id=row.pk)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(deeds=st.lists(st.tuples(WORDS, st.integers(0, 5)), min_size=3, max_size=14))
def test_usage_is_the_sum_of_the_runtimes(world: World, deeds: list[tuple[str, int]]) -> None:
    with transaction.atomic():
        Entitlement.objects.create(tenant=world.archipel, vcpu=BOUND, granted_by="test")
        for number, (word, which) in enumerate(deeds):
            try:
                with transaction.atomic():
                    act(world, word, which, number)
            except Refused:
                continue
            finally:
                found = check()
                assert found.is_clean, (word, found)
        # Only what the platform itself gave back after a suspension may pass the bound.
        if not any(word == "wake" for word, _ in deeds):
            assert all(row.vcpu <= BOUND for row in Usage.objects.filter(tenant=world.archipel))
        transaction.set_rollback(True)
