"""For a suspended tenant or account nothing begins, goes on or is opened; what ends or halts work stays possible."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from controlplane.kernel.errors import Refused
from controlplane.tenants.models import Account, AuditEvent, State, Tenant
from controlplane.tenants.services import create_account
from provisioner.lifecycle.delete import delete_runtime
from provisioner.lifecycle.kubeconfig import mint_kubeconfig
from provisioner.lifecycle.update import update_runtime
from provisioner.operations import services
from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Kind
from tests import work
from tests.signed_in import browse, build, present
from tests.work import again
from tests.world import Person, World, order

pytestmark = pytest.mark.django_db
Door = Callable[[World, Runtime], object]


def suspend_tenant(world: World) -> None:
    Tenant.objects.filter(pk=world.archipel.pk).update(state=State.SUSPENDED)


def suspend_account(world: World) -> None:
    Account.objects.filter(pk=world.shop.pk).update(state=State.SUSPENDED)


SUSPENSIONS = pytest.mark.parametrize(
    ("suspend", "code"), [(suspend_tenant, "tenant_suspended"), (suspend_account, "account_suspended")]
)


@pytest.fixture(autouse=True)
def _flows() -> Iterator[None]:
    with work.flows():
        yield


@pytest.fixture
def runtime(world: World) -> Runtime:
    return build(world)


def standing(runtime: Runtime, state: str, kind: Kind = Kind.UPDATE) -> Operation:
    """An operation in a state, as its row would be."""
    operation = work.start(runtime, kind)
    closed = {"slot": None, "finished_at": operation.created_at} if state == "failed" else {}
    paused = {"pause_requested_at": operation.created_at} if state == "paused" else {}
    Operation.objects.filter(pk=operation.pk).update(state=state, fence=1, **closed, **paused)
    return again(operation)


def control(service: Callable[..., Operation], state: str, who: str = "alice", **given: str) -> Door:
    def act(world: World, runtime: Runtime) -> Operation:
        operation = Operation.objects.get(
            runtime=runtime, state=state
        )  # one moment made all of a test's rows
        person: Person = getattr(world, who)
        return service(actor=person.actor, operation_id=operation.pk, **given)

    act.state = state  # type: ignore[attr-defined]
    return act


def mint(world: World, runtime: Runtime) -> object:
    return mint_kubeconfig(actor=world.alice.actor, runtime_id=runtime.pk, ttl=timedelta(hours=1))


def update(world: World, runtime: Runtime) -> object:
    return update_runtime(actor=world.alice.actor, runtime_id=runtime.pk, parameters={"autoScalerMax": 9})


def relabel(world: World, runtime: Runtime) -> object:
    return update_runtime(actor=world.alice.actor, runtime_id=runtime.pk, labels={"a": "b"})


def create(world: World, runtime: Runtime) -> object:
    return order(world, name="another")


def delete(world: World, runtime: Runtime) -> object:
    return delete_runtime(actor=world.alice.actor, runtime_id=runtime.pk)


SHUT: dict[str, Door] = {
    "create": create,
    "update": update,
    "relabel": relabel,
    "mint": mint,
    "retry": control(services.retry_operation, "failed"),
    "resume": control(services.resume_operation, "paused"),
    "skip": control(services.skip_step, "waiting", "sam", reason="Done by hand."),
    "retry of the platform's team": control(services.retry_operation, "failed", "sam"),
}
OPEN: dict[str, Door] = {
    "delete": delete,
    "pause": control(services.pause_operation, "waiting"),
    "cancel": control(services.cancel_operation, "waiting"),
}


def prepared(door: Door, runtime: Runtime, kind: Kind = Kind.UPDATE) -> None:
    if state := getattr(door, "state", ""):
        standing(runtime, state, kind)


@SUSPENSIONS
@pytest.mark.parametrize("name", SHUT)
def test_what_starts_or_continues_work_or_grants_access_is_refused(
    world: World, runtime: Runtime, name: str, suspend: Callable[[World], None], code: str
) -> None:
    present(world.alice, world.sam)
    prepared(SHUT[name], runtime)
    before = list(Operation.objects.order_by("id").values()), Runtime.objects.values().get()
    audited = AuditEvent.objects.count()
    suspend(world)
    with pytest.raises(Refused) as refused:
        SHUT[name](world, runtime)
    assert (refused.value.code, refused.value.status) == (code, 403)
    assert (list(Operation.objects.order_by("id").values()), Runtime.objects.values().get()) == before
    assert AuditEvent.objects.count() == audited


@SUSPENSIONS
@pytest.mark.parametrize("name", OPEN)
def test_what_halts_or_ends_work_stays_possible(
    world: World, runtime: Runtime, name: str, suspend: Callable[[World], None], code: str
) -> None:
    prepared(OPEN[name], runtime)
    suspend(world)
    assert OPEN[name](world, runtime), code


@SUSPENSIONS
@pytest.mark.parametrize("name", ["retry", "resume", "skip"])
def test_a_delete_may_be_moved_on_to_its_end(
    world: World, runtime: Runtime, name: str, suspend: Callable[[World], None], code: str
) -> None:
    prepared(SHUT[name], runtime, Kind.DEPROVISION)
    suspend(world)
    assert SHUT[name](world, runtime), code


def test_a_suspended_tenant_gets_no_new_account(world: World) -> None:
    suspend_tenant(world)
    world.archipel.refresh_from_db()
    with pytest.raises(Refused) as refused:
        create_account(actor=world.alice.actor, tenant=world.archipel, slug="new", name="New")
    assert refused.value.code == "tenant_suspended"


@SUSPENSIONS
def test_both_faces_keep_to_the_same_rule(
    world: World, runtime: Runtime, suspend: Callable[[World], None], code: str
) -> None:
    alice, console = world.alice, browse(world.alice)
    operation = standing(runtime, "failed")
    suspend(world)
    api: dict[str, Any] = {"headers": alice.headers, "content_type": "application/json"}
    for path in (f"operations/{operation.pk}/retry", f"runtimes/{runtime.pk}/kubeconfig"):
        answer = console.post(f"/api/v1/{path}", {}, **api)
        assert (answer.status_code, answer.json()["code"]) == (403, code)
    assert console.post(f"/operations/{operation.pk}/retry").status_code == 403
    refused = console.post(f"/runtimes/{runtime.pk}/kubeconfig", {"lifetime": "3600", "role": "admin"})
    assert "suspended" in refused.content.decode()
    assert console.get(f"/api/v1/runtimes/{runtime.pk}", headers=alice.headers).status_code == 200
    assert console.delete(f"/api/v1/runtimes/{runtime.pk}", headers=alice.headers).status_code == 202
