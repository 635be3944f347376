"""What a suspended tenant or account has follows it into rest and back; a deletion can be undone until its day."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from controlplane.kernel.errors import Refused
from controlplane.notices.models import Notice
from controlplane.tenants.access import SYSTEM, Actor, PlatformRole, Role
from controlplane.tenants.models import Account, AuditEvent, State, Tenant
from provisioner.lifecycle import closing, following
from provisioner.lifecycle.closing import (
    schedule_account_deletion,
    schedule_tenant_deletion,
    undo_account_deletion,
    undo_tenant_deletion,
)
from provisioner.lifecycle.models import Standing
from provisioner.lifecycle.suspend import suspend_runtime
from provisioner.lifecycle.tenants import resume_account, resume_tenant, suspend_account, suspend_tenant
from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Kind
from tests import work
from tests.signed_in import build, present
from tests.work import refused
from tests.world import World, member, order

pytestmark = pytest.mark.django_db
PAULA = Actor("token:paula", platform_role=PlatformRole.ADMIN)


@pytest.fixture(autouse=True)
def _flows() -> Iterator[None]:
    with work.flows(suspend=work.flow(), resume=work.flow()):
        yield


@pytest.fixture
def runtimes(world: World) -> list[Runtime]:
    """Two of the shop and one of the lab."""
    lab = world.lab.slug
    return [build(world, "one"), build(world, "two"), build(world, "three", account=lab)]


def goes_on() -> None:
    """The clock ticks and workers work, until nothing is due."""
    for _ in range(4):
        following.tick()
        work.work()
        Standing.objects.filter(due_at__isnull=False).exclude(delete_after__gt=F("due_at")).update(
            due_at=F("since")
        )


def phases(runtimes: list[Runtime]) -> list[str]:
    for runtime in runtimes:
        runtime.refresh_from_db()
    return [runtime.phase for runtime in runtimes]


def days_pass(standing: Standing, days: int) -> None:
    by = timedelta(days=days)
    Standing.objects.filter(pk=standing.pk).update(
        delete_after=F("delete_after") - by, due_at=F("due_at") - by, since=F("since") - by
    )


def test_a_suspended_tenants_runtimes_rest_and_come_back(world: World, runtimes: list[Runtime]) -> None:
    suspend_tenant(actor=PAULA, tenant_id=world.archipel.id, reason="payment", note="Invoice 4711.")
    assert Tenant.objects.get(pk=world.archipel.pk).state == State.SUSPENDED
    goes_on()
    assert phases(runtimes) == ["suspended"] * 3
    assert {tuple(runtime.suspended_for) for runtime in runtimes} == {("tenant",)}
    resume_tenant(actor=PAULA, tenant_id=world.archipel.id)
    goes_on()
    assert phases(runtimes) == ["ready"] * 3
    assert AuditEvent.objects.filter(action__in=["tenant.suspend", "tenant.resume"]).count() == 2


def test_a_runtime_that_its_owner_suspended_is_not_awakened(world: World, runtimes: list[Runtime]) -> None:
    suspend_runtime(actor=world.alice.actor, runtime_id=runtimes[0].pk)
    suspend_tenant(actor=PAULA, tenant_id=world.archipel.id)
    goes_on()
    resume_tenant(actor=PAULA, tenant_id=world.archipel.id)
    goes_on()
    assert phases(runtimes) == ["suspended", "ready", "ready"]


def test_an_account_rests_alone_and_stays_so_when_its_tenant_comes_back(
    world: World, runtimes: list[Runtime]
) -> None:
    suspend_account(actor=world.alice.actor, account_id=world.shop.id)
    goes_on()
    assert phases(runtimes) == ["suspended", "suspended", "ready"]
    suspend_tenant(actor=PAULA, tenant_id=world.archipel.id)
    goes_on()
    resume_tenant(actor=PAULA, tenant_id=world.archipel.id)
    goes_on()
    assert phases(runtimes) == ["suspended", "suspended", "ready"]
    resume_account(actor=world.alice.actor, account_id=world.shop.id)
    goes_on()
    assert phases(runtimes) == ["ready"] * 3


def test_what_the_platform_suspended_only_the_platform_resumes(world: World) -> None:
    suspend_account(actor=PAULA, account_id=world.shop.id, reason="abuse")
    for door in (resume_account, suspend_account):
        with refused("suspended_by_platform"):
            door(actor=world.alice.actor, account_id=world.shop.id)
    with refused("forbidden"):
        suspend_account(actor=world.alice.actor, account_id=world.lab.id, reason="abuse")
    with refused("forbidden"):
        suspend_tenant(actor=world.alice.actor, tenant_id=world.archipel.id)
    with refused("forbidden"):
        suspend_account(actor=world.vera.actor, account_id=world.lab.id)
    with refused("account_not_found"):
        suspend_account(actor=world.bob.actor, account_id=world.lab.id)


def test_a_failed_suspension_is_tried_again(world: World, runtimes: list[Runtime]) -> None:
    suspend_tenant(actor=PAULA, tenant_id=world.archipel.id)
    following.tick()
    failed = Operation.objects.filter(runtime=runtimes[0], kind=Kind.SUSPEND)
    failed.update(state="failed", slot=None, finished_at=F("created_at"))
    Runtime.objects.filter(pk=runtimes[0].pk).update(
        phase="failed", updated_at=F("created_at") - timedelta(hours=1)
    )
    goes_on()
    assert phases(runtimes) == ["suspended"] * 3


def test_one_that_can_not_follow_holds_up_nobody_and_is_told(
    world: World, runtimes: list[Runtime], monkeypatch: pytest.MonkeyPatch
) -> None:
    follow = following.follow_owners

    def stubborn(runtime_id: Any) -> None:
        if runtime_id == runtimes[0].pk:
            raise Refused("stubborn", "It does not want to.")
        follow(runtime_id)

    monkeypatch.setattr(following, "follow_owners", stubborn)
    standing = suspend_tenant(actor=PAULA, tenant_id=world.archipel.id)
    following.tick()
    work.work()
    assert phases(runtimes) == ["ready", "suspended", "suspended"]
    standing.refresh_from_db()
    assert standing.problem == "It does not want to."
    monkeypatch.undo()
    goes_on()
    assert phases(runtimes) == ["suspended"] * 3
    standing.refresh_from_db()
    assert (standing.problem, standing.due_at) == ("", None)


def test_turned_back_half_way_all_come_back(
    world: World, runtimes: list[Runtime], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "MOST_RUNTIMES", 1)
    monkeypatch.setattr(following, "ROUND_SECONDS", 0.0)
    suspend_tenant(actor=PAULA, tenant_id=world.archipel.id)
    following.tick()
    assert Operation.objects.filter(kind=Kind.SUSPEND).count() == 1
    resume_tenant(actor=PAULA, tenant_id=world.archipel.id)
    goes_on()
    goes_on()
    assert phases(runtimes) == ["ready"] * 3
    assert Operation.objects.filter(kind=Kind.SUSPEND).count() == 1


def test_nothing_due_costs_one_statement(world: World, runtimes: list[Runtime]) -> None:
    suspend_tenant(actor=PAULA, tenant_id=world.archipel.id)
    goes_on()
    with CaptureQueriesContext(connection) as asked:
        assert following.tick() == 0
    assert sum("SAVEPOINT" not in query["sql"] for query in asked.captured_queries) == 1


def test_a_deletion_can_be_undone(world: World, runtimes: list[Runtime]) -> None:
    olga = member("olga", world.archipel, Role.OWNER)
    with refused("forbidden"):
        schedule_tenant_deletion(actor=world.alice.actor, tenant_id=world.archipel.id)
    schedule_tenant_deletion(actor=olga.actor, tenant_id=world.archipel.id)
    goes_on()
    assert phases(runtimes) == ["suspended"] * 3
    assert Notice.objects.get(kind="deletion-scheduled").to == "olga@example.org"
    undo_tenant_deletion(actor=olga.actor, tenant_id=world.archipel.id)
    goes_on()
    assert phases(runtimes) == ["ready"] * 3
    with refused("deletion_not_scheduled"):
        undo_tenant_deletion(actor=olga.actor, tenant_id=world.archipel.id)


def test_undone_it_stays_suspended_for_what_held_it_before(world: World, runtimes: list[Runtime]) -> None:
    suspend_tenant(actor=PAULA, tenant_id=world.archipel.id, reason="payment")
    schedule_tenant_deletion(actor=PAULA, tenant_id=world.archipel.id)
    undo_tenant_deletion(actor=PAULA, tenant_id=world.archipel.id)
    goes_on()
    assert phases(runtimes) == ["suspended"] * 3
    schedule_tenant_deletion(actor=PAULA, tenant_id=world.archipel.id)
    resume_tenant(actor=PAULA, tenant_id=world.archipel.id)
    goes_on()
    assert phases(runtimes) == ["suspended"] * 3
    with refused("deletion_scheduled"):
        resume_tenant(actor=PAULA, tenant_id=world.archipel.id)


def test_when_the_day_has_come_everything_goes_and_the_tenant_is_closed(
    world: World, runtimes: list[Runtime]
) -> None:
    member("olga", world.archipel, Role.OWNER)
    standing = schedule_tenant_deletion(actor=PAULA, tenant_id=world.archipel.id)
    goes_on()
    for days in (24, 3, 2):
        days_pass(standing, days)
        following.tick()
        following.tick()
    assert Notice.objects.filter(kind="deletion-reminder").count() == 3
    days_pass(standing, 1)
    goes_on()
    assert phases(runtimes) == ["deprovisioned"] * 3
    tenant = Tenant.objects.get(pk=world.archipel.pk)
    assert tenant.closed_at
    with refused("tenant_closed"):
        undo_tenant_deletion(actor=PAULA, tenant_id=tenant.id)
    assert AuditEvent.objects.filter(tenant=tenant, action="tenant.close").exists()


def test_a_deleted_account_is_closed_and_the_others_stay(world: World, runtimes: list[Runtime]) -> None:
    standing = schedule_account_deletion(actor=world.alice.actor, account_id=world.shop.id)
    days_pass(standing, 30)
    with refused("deletion_begun"):
        undo_account_deletion(actor=world.alice.actor, account_id=world.shop.id)
    goes_on()
    assert phases(runtimes) == ["deprovisioned", "deprovisioned", "ready"]
    assert Account.objects.get(pk=world.shop.pk).state == State.SUSPENDED
    with refused("account_closed"):
        resume_account(actor=world.alice.actor, account_id=world.shop.id)


def test_what_must_be_settled_first_keeps_it_open(
    world: World, runtimes: list[Runtime], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closing, "unsettled", [lambda owner: ["an open statement"]])
    standing = schedule_account_deletion(actor=world.alice.actor, account_id=world.shop.id)
    days_pass(standing, 30)
    goes_on()
    standing.refresh_from_db()
    assert (standing.closed_at, standing.problem) == (None, "an open statement")
    monkeypatch.undo()
    goes_on()
    standing.refresh_from_db()
    assert standing.closed_at


def test_what_somebody_else_suspended_by_hand_can_be_resumed(world: World, runtimes: list[Runtime]) -> None:
    Tenant.objects.filter(pk=world.archipel.pk).update(state=State.SUSPENDED)
    resume_tenant(actor=SYSTEM, tenant_id=world.archipel.id)
    assert Tenant.objects.get(pk=world.archipel.pk).state == State.ACTIVE
    with refused("not_suspended"):
        resume_tenant(actor=SYSTEM, tenant_id=world.archipel.id)


@pytest.mark.django_db(transaction=True)
def test_what_is_ordered_in_the_moment_of_the_suspension_follows_too(world: World) -> None:
    present(world.landscape, world.shop, world.alice)
    tenant, actor = world.archipel, world.alice.actor

    def ask(number: int) -> str:
        try:
            if number == 7:
                suspend_tenant(actor=PAULA, tenant_id=tenant.id)
            else:
                order(world, name=f"n{number}", actor=actor, tenant=tenant)
                return "ordered"
        except Refused as refusal:
            return refusal.code
        finally:
            connection.close()
        return "suspended"

    def tick(_: int) -> None:
        following.tick()
        connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(24)))
        list(pool.map(tick, range(4)))
    assert set(answers) <= {"ordered", "suspended", "tenant_suspended"}
    held = Runtime.objects.filter(suspended_for=["tenant"]).count()
    assert held == Runtime.objects.count() == answers.count("ordered")
    assert Operation.objects.filter(kind=Kind.SUSPEND).count() == held
