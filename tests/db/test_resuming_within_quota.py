"""What resumes is counted like what is ordered: nothing comes back into room that others took meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.db.models import F

from controlplane.catalog.models import Entitlement, Usage
from controlplane.kernel.errors import Fatal, Refused
from controlplane.tenants.access import SYSTEM
from provisioner.lifecycle import following
from provisioner.lifecycle.following import follow_owners, progress
from provisioner.lifecycle.models import Standing
from provisioner.lifecycle.resume import held_by, resumable, resume_runtime
from provisioner.lifecycle.suspend import suspend_runtime
from provisioner.lifecycle.tenants import resume_account, suspend_account
from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Kind
from provisioner.steps.base import Outcome, StepContext
from tests import work
from tests.signed_in import build
from tests.work import refused
from tests.world import World, order

pytestmark = pytest.mark.django_db
FOUR = {
    "region": "eu-central-1",
    "machineType": "m6i.large",
    "autoScalerMin": 3,
    "autoScalerMax": 4,
}  # 8 vCPUs


@pytest.fixture(autouse=True)
def _flows(world: World) -> Iterator[None]:
    assert world.landscape.accepting
    with work.flows(suspend=work.flow(), resume=work.flow()):
        yield


def grant(world: World, vcpu: int) -> None:
    Entitlement.objects.update_or_create(
        tenant=world.archipel, plan="", defaults={"granted_by": "test", "vcpu": vcpu}
    )


def vcpu(world: World) -> int:
    used: int = Usage.objects.get(tenant=world.archipel, plan="").vcpu
    return used


def goes_on() -> None:
    following.tick()
    work.work()
    Standing.objects.filter(due_at__isnull=False).update(due_at=F("since"))
    following.tick()
    work.work()


def asleep(world: World, name: str) -> Runtime:
    """A runtime whose account its admin has suspended, and whose cluster rests."""
    runtime = build(world, name, parameters=FOUR)
    suspend_account(actor=world.alice.actor, account_id=world.shop.id)
    goes_on()
    runtime.refresh_from_db()
    assert (runtime.phase, runtime.suspended_for) == ("suspended", ["account"])
    return runtime


def test_a_suspended_account_comes_back_only_into_room_that_is_left(world: World) -> None:
    grant(world, 8)
    runtime = asleep(world, "one")
    other = order(world, name="two", account=world.lab.slug, parameters=FOUR).runtime
    resume_account(actor=world.alice.actor, account_id=world.shop.id)
    goes_on()
    runtime.refresh_from_db()
    assert (runtime.phase, runtime.suspended_for, vcpu(world)) == ("suspended", ["quota"], 8)
    assert "quota" in held_by(runtime)
    assert resumable(runtime)
    with refused("quota_exceeded"):
        resume_runtime(actor=world.alice.actor, runtime_id=runtime.pk)
    grant(world, 16)
    assert resume_runtime(actor=world.alice.actor, runtime_id=runtime.pk).kind == Kind.RESUME
    runtime.refresh_from_db()
    assert (runtime.suspended_for, vcpu(world)) == ([], 16)
    assert other.pk != runtime.pk


def test_with_room_a_suspended_account_comes_back(world: World) -> None:
    grant(world, 8)
    runtime = asleep(world, "one")
    resume_account(actor=world.alice.actor, account_id=world.shop.id)
    goes_on()
    runtime.refresh_from_db()
    assert (runtime.phase, runtime.suspended_for, vcpu(world)) == ("ready", [], 8)


@pytest.mark.parametrize("reason", ["trial", "payment"])
def test_whoever_resumes_one_by_name_is_refused_and_nothing_changes(world: World, reason: str) -> None:
    runtime = build(world, parameters=FOUR)
    suspend_runtime(actor=SYSTEM, runtime_id=runtime.pk, reason=reason)
    work.work()
    grant(world, 7)
    with refused("quota_exceeded"):
        resume_runtime(actor=SYSTEM, runtime_id=runtime.pk, reason=reason)
    runtime.refresh_from_db()
    assert (runtime.suspended_for, vcpu(world)) == ([reason], 0)


def test_nobody_holds_a_runtime_for_its_quota_by_asking(world: World) -> None:
    runtime = build(world, parameters=FOUR)
    for door in (suspend_runtime, resume_runtime):
        with refused("reason_unknown"):
            door(actor=SYSTEM, runtime_id=runtime.pk, reason="quota")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("by_hand", [True, False])
def test_two_that_resume_at_once_do_not_both_take_the_last_room(world: World, *, by_hand: bool) -> None:
    runtimes = [build(world, name, parameters=FOUR) for name in ("one", "two")]
    ids = [runtime.pk for runtime in runtimes]
    if by_hand:
        for runtime_id in ids:
            suspend_runtime(actor=world.alice.actor, runtime_id=runtime_id)
        work.work()
    else:
        suspend_account(actor=world.alice.actor, account_id=world.shop.id)
        goes_on()
        resume_account(actor=world.alice.actor, account_id=world.shop.id)
    grant(world, 8)
    actor = world.alice.actor

    def wake(runtime_id: UUID) -> str:
        try:
            if by_hand:
                resume_runtime(actor=actor, runtime_id=runtime_id)
            else:
                with transaction.atomic():
                    follow_owners(runtime_id)
        except Refused as refusal:
            return refusal.code
        finally:
            connection.close()
        return "done"

    with ThreadPoolExecutor(2) as pool:
        answers = sorted(pool.map(wake, ids))
    assert answers == (["done", "quota_exceeded"] if by_hand else ["done", "done"])
    assert Operation.objects.filter(kind=Kind.RESUME).count() == 1
    assert vcpu(world) == 8
    held = [tuple(row) for row in Runtime.objects.values_list("suspended_for", flat=True)]
    assert sorted(held) == [(), ("wish",) if by_hand else ("quota",)]


def test_what_will_follow_counts_as_on_its_way_before_the_first_round(world: World) -> None:
    for name in ("one", "two"):
        build(world, name, parameters=FOUR)
    build(world, "three", account=world.lab.slug, parameters=FOUR)
    standing = suspend_account(actor=world.alice.actor, account_id=world.shop.id)
    assert progress(standing) == (2, 2, 0)
    goes_on()
    assert progress(standing) == (2, 0, 0)
    standing = resume_account(actor=world.alice.actor, account_id=world.shop.id)
    assert progress(standing) == (2, 2, 0)
    goes_on()
    assert progress(standing) == (2, 0, 0)


def test_what_never_fell_asleep_needs_no_room_to_go_on(world: World) -> None:
    grant(world, 8)
    runtime = build(world, "one", parameters=FOUR)
    suspend_account(actor=world.alice.actor, account_id=world.shop.id)
    with work.flows(suspend=work.flow(work.step("first", breaks))):
        goes_on()
    runtime.refresh_from_db()
    assert (runtime.phase, runtime.suspended_for, vcpu(world)) == ("failed", ["account"], 8)
    with refused("quota_exceeded"):
        order(world, name="two", account=world.lab.slug, parameters=FOUR)
    resume_account(actor=world.alice.actor, account_id=world.shop.id)
    goes_on()
    runtime.refresh_from_db()
    assert (runtime.phase, runtime.suspended_for, vcpu(world)) == ("ready", [], 8)


def breaks(_: StepContext) -> Outcome:
    raise Fatal("It does not sleep.")
