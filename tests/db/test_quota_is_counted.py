"""What a tenant uses is the sum of its runtimes, whatever happens to them; what is granted is never exceeded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models import Count, Sum

from controlplane.catalog.models import Entitlement, Usage
from controlplane.catalog.quota import Size
from controlplane.kernel.errors import Fatal, Refused
from controlplane.tenants.models import Tenant
from provisioner.lifecycle.delete import delete_runtime
from provisioner.lifecycle.resume import resume_runtime
from provisioner.lifecycle.suspend import suspend_runtime
from provisioner.lifecycle.update import update_runtime
from provisioner.operations import services
from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Kind
from provisioner.steps.base import Outcome, StepContext
from tests import work
from tests.signed_in import build
from tests.work import refused
from tests.world import World, order

pytestmark = pytest.mark.django_db
FOUR = {"region": "eu-central-1", "machineType": "m6i.large", "autoScalerMin": 3, "autoScalerMax": 4}


@pytest.fixture(autouse=True)
def _flows(world: World) -> Iterator[None]:
    assert world.landscape.accepting
    with work.flows(suspend=work.flow(), resume=work.flow()):
        yield


def used(world: World, plan: str = "") -> Size:
    row = Usage.objects.get(tenant=world.archipel, plan=plan)
    return Size(row.runtimes, row.vcpu, row.memory_gib, row.gpus)


def grant(world: World, plan: str = "", **bounds: Any) -> Entitlement:
    found, _ = Entitlement.objects.update_or_create(
        tenant=world.archipel, plan=plan, defaults={"granted_by": "test", **bounds}
    )
    made: Entitlement = found
    return made


def sums() -> dict[tuple[Any, str], Size]:
    """What the rows of the runtimes add up to."""
    rows = Runtime.objects.present().filter(quota_vcpu__isnull=False)
    found: dict[tuple[Any, str], Size] = {}
    names = {
        "n": Count("pk"), "cpu": Sum("quota_vcpu"), "mem": Sum("quota_memory_gib"), "gpu": Sum("quota_gpus")
    }  # fmt: skip
    for tenant, plan, *amounts in rows.values_list("tenant_id", "plan_id").annotate(**names):
        for key in ((tenant, plan), (tenant, "")):
            found[key] = found.get(key, Size()) + Size(*amounts)
    return found


def agrees() -> bool:
    kept = {
        (row.tenant_id, row.plan): Size(row.runtimes, row.vcpu, row.memory_gib, row.gpus)
        for row in Usage.objects.all()
    }
    return {key: size for key, size in kept.items() if size != Size()} == sums()


def test_a_runtime_counts_with_its_pools_at_their_largest(world: World) -> None:
    order(world, parameters=FOUR)
    assert used(world) == used(world, "aws") == Size(1, 8, Decimal(32), 0)


def test_growing_and_shrinking_count(world: World) -> None:
    runtime = order(world, parameters=FOUR).runtime
    for most, vcpu in ((10, 20), (3, 6)):
        update_runtime(actor=world.alice.actor, runtime_id=runtime.pk, parameters={"autoScalerMax": most})
        assert used(world).vcpu == vcpu
    assert agrees()


def test_a_resting_runtime_counts_as_a_runtime_only(world: World) -> None:
    runtime = build(world, parameters=FOUR)
    suspend_runtime(actor=world.alice.actor, runtime_id=runtime.pk)
    work.work()
    assert used(world) == Size(1, 0, Decimal(0), 0)
    update_runtime(actor=world.alice.actor, runtime_id=runtime.pk, parameters={"autoScalerMax": 5})
    assert used(world) == Size(1, 0, Decimal(0), 0)
    resume_runtime(actor=world.alice.actor, runtime_id=runtime.pk)
    assert used(world).vcpu == 10


def test_until_it_rests_its_capacity_is_not_free(world: World) -> None:
    runtime = build(world, parameters=FOUR)
    suspend_runtime(actor=world.alice.actor, runtime_id=runtime.pk)
    assert used(world).vcpu == 8
    update_runtime(actor=world.alice.actor, runtime_id=runtime.pk, parameters={"autoScalerMax": 5})
    assert used(world).vcpu == 8
    resume_runtime(actor=world.alice.actor, runtime_id=runtime.pk)
    work.work()
    assert used(world) == used(world, "aws")
    assert used(world).vcpu == 10  # it slept in between, but somebody had asked for it again


def pause(world: World, operation: Operation) -> None:
    services.pause_operation(actor=world.alice.actor, operation_id=operation.pk)


def cancel(world: World, operation: Operation) -> None:
    services.cancel_operation(actor=world.alice.actor, operation_id=operation.pk)


def fail(_: World, operation: Operation) -> None:
    with work.flows(suspend=work.flow(work.step("first", breaks))):
        work.work()
    assert work.again(operation).state == "failed"


def breaks(_: StepContext) -> Outcome:
    raise Fatal("It does not sleep.")


@pytest.mark.parametrize("stop", [pause, cancel, fail])
def test_a_suspension_that_did_not_come_to_its_end_frees_nothing(
    world: World, stop: Callable[[World, Operation], None]
) -> None:
    grant(world, vcpu=8)
    runtime = build(world, parameters=FOUR)
    stop(world, suspend_runtime(actor=world.alice.actor, runtime_id=runtime.pk))
    assert used(world).vcpu == 8
    with refused("quota_exceeded"):
        order(world, name="two", parameters=FOUR)
    assert resume_runtime(actor=world.alice.actor, runtime_id=runtime.pk).kind == Kind.RESUME
    assert agrees()


def test_what_is_gone_is_given_back_once(world: World) -> None:
    runtime = build(world, parameters=FOUR)
    delete_runtime(actor=world.alice.actor, runtime_id=runtime.pk)
    assert used(world).runtimes == 1
    work.work()
    assert used(world) == used(world, "aws") == Size(0, 0, Decimal(0), 0)
    Runtime.objects.filter(pk=runtime.pk).update(message="seen again")
    assert agrees()


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ({"runtimes": 1}, "1 of 1 runtimes"),
        ({"vcpu": 15}, "8 of 15 vCPUs"),
        ({"memory_gib": Decimal(63)}, "GiB of memory"),
    ],
)
@pytest.mark.parametrize("plan", ["", "aws"])
def test_more_than_is_granted_is_refused(world: World, plan: str, bounds: dict[str, Any], words: str) -> None:
    grant(world, plan, **bounds)
    order(world, parameters=FOUR)
    with pytest.raises(Refused) as error:
        order(world, parameters=FOUR, name="second")
    assert (error.value.code, error.value.status) == ("quota_exceeded", 403)
    assert words in error.value.detail
    assert used(world).runtimes == 1


@pytest.mark.parametrize("plan", ["", "aws"])
def test_gpus_beyond_what_is_granted_are_refused(world: World, plan: str) -> None:
    pool = {
        "name": "gpu",
        "machineType": "p4d.24xlarge",
        "haZones": False,
        "autoScalerMin": 0,
        "autoScalerMax": 1,
    }
    wish = {"region": "us-west-2", "additionalWorkerNodePools": [pool]}
    grant(world, plan, gpus=8)
    runtime = order(world, parameters=wish).runtime
    assert used(world).gpus == used(world, "aws").gpus == 8
    with pytest.raises(Refused, match="8 of 8 GPUs") as error:
        order(world, parameters=wish, name="second")
    assert error.value.code == "quota_exceeded"
    with refused("quota_exceeded"):
        more = {"additionalWorkerNodePools": [{**pool, "autoScalerMax": 2}]}
        update_runtime(actor=world.alice.actor, runtime_id=runtime.pk, parameters=more)
    assert order(world, parameters=FOUR, name="without")


def test_growing_beyond_is_refused_and_shrinking_never(world: World) -> None:
    runtime = order(world, parameters=FOUR).runtime
    grant(world, vcpu=9)
    with refused("quota_exceeded"):
        update_runtime(actor=world.alice.actor, runtime_id=runtime.pk, parameters={"autoScalerMax": 5})
    grant(world, vcpu=1)
    update_runtime(actor=world.alice.actor, runtime_id=runtime.pk, parameters={"autoScalerMax": 3})
    assert used(world).vcpu == 6


def test_waking_needs_room_again(world: World) -> None:
    runtime = build(world, parameters=FOUR)
    suspend_runtime(actor=world.alice.actor, runtime_id=runtime.pk)
    work.work()
    grant(world, vcpu=7)
    with refused("quota_exceeded"):
        resume_runtime(actor=world.alice.actor, runtime_id=runtime.pk)


def test_a_region_that_was_not_granted_is_refused(world: World) -> None:
    grant(world, "aws", regions=["eu-west-1"])
    with refused("region_not_granted"):
        order(world, parameters=FOUR)
    assert order(world, parameters={**FOUR, "region": "eu-west-1"})


def test_without_a_grant_the_tenants_number_holds(world: World) -> None:
    Tenant.objects.filter(pk=world.archipel.pk).update(runtime_quota=1)
    order(world, parameters=FOUR)
    with refused("quota_exceeded"):
        order(world, name="second")
    grant(world)
    assert order(world, name="second")


def test_what_another_tenant_has_counts_for_nobody_else(world: World) -> None:
    grant(world, runtimes=1)
    order(world, actor=world.bob.actor, tenant=world.basalt, account=world.main.slug)
    order(world)
    assert agrees()


def test_a_runtime_that_changes_its_home_takes_its_count_along(world: World) -> None:
    runtime = order(world, parameters=FOUR).runtime
    Runtime.objects.filter(pk=runtime.pk).update(tenant=world.basalt, account=world.main)
    assert agrees()
    assert used(world).runtimes == 0


def test_a_sum_that_somebody_spoilt_keeps_no_runtime_from_going_and_can_be_mended(world: World) -> None:
    runtime = build(world, parameters=FOUR)
    order(world, name="other", parameters=FOUR)
    Usage.objects.filter(tenant=world.archipel).update(vcpu=0)
    Runtime.objects.filter(name="other").update(quota_vcpu=None, quota_memory_gib=None, quota_gpus=None)
    delete_runtime(actor=world.alice.actor, runtime_id=runtime.pk)
    work.work()
    output = StringIO()
    with pytest.raises(SystemExit):
        call_command("quota", "check", stdout=output)
    assert "1 runtime" in output.getvalue()
    call_command("quota", "check", "--repair", stdout=output)
    call_command("quota", "check", stdout=output)
    assert used(world) == used(world, "aws") == Size(1, 8, Decimal(32), 0)
    assert agrees()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("first", [True, False])
def test_twenty_at_once_take_exactly_the_places_that_are_left(world: World, *, first: bool) -> None:
    tenant, account, actor = world.archipel, world.shop.slug, world.alice.actor
    if not first:
        order(world, parameters=FOUR)
    grant(world, vcpu=40)

    def ask(number: int) -> str:
        try:
            order(world, name=f"n{number}", actor=actor, tenant=tenant, account=account, parameters=FOUR)
        except Refused as refusal:
            return refusal.code
        finally:
            connection.close()
        return "taken"

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(20)))
    assert answers.count("taken") == (5 if first else 4)
    assert set(answers) == {"taken", "quota_exceeded"}
    assert used(world) == Size(5, 40, Decimal(160), 0)
    assert agrees()
