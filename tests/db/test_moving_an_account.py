"""An account goes to another tenant with all it has, or stays as it is."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from controlplane.kernel.errors import Refused
from controlplane.tenants.access import SYSTEM, Actor, PlatformRole
from controlplane.tenants.access_models import AccountMove
from controlplane.tenants.isolation.scopes import tenant_scope
from controlplane.tenants.models import Account, AuditEvent, State, Tenant
from controlplane.tenants.services import create_account
from provisioner.lifecycle.move import move_account
from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime
from tests.signed_in import build, present
from tests.world import World, order

pytestmark = pytest.mark.django_db

PAULA = Actor("paula", platform_role=PlatformRole.ADMIN)


def move(world: World, **changes: Any) -> Account:
    wish: dict[str, Any] = {
        "actor": PAULA,
        "account_id": world.shop.id,
        "from_slug": "archipel",
        "to_slug": "basalt",
        "reason": "The team was sold.",
    }
    return move_account(**{**wish, **changes})


@pytest.fixture
def settled(world: World) -> World:
    """A runtime of Archipel's shop that nothing is done with, and Basalt."""
    build(world)
    present(world.basalt, world.lab)
    return world


def test_runtimes_and_their_history_go_along(settled: World) -> None:
    moved = move(settled)
    assert moved.tenant == settled.basalt
    with tenant_scope(settled.basalt.id):
        assert [row.name for row in Runtime.objects.all()] == ["checkout"]
        assert Operation.objects.count() == 1
        assert AccountMove.objects.get().reason == "The team was sold."
    with tenant_scope(settled.archipel.id):
        assert not Runtime.objects.exists()
        assert not Operation.objects.exists()
        assert AccountMove.objects.get().to_tenant_id == settled.basalt.id


def test_what_happened_before_stays_in_the_trail_of_where_it_happened(settled: World) -> None:
    move(settled)
    told = {slug: set() for slug in ("archipel", "basalt")}  # type: dict[str, set[str]]
    for slug in told:
        told[slug] = set(AuditEvent.objects.filter(tenant__slug=slug).values_list("action", flat=True))
    assert "runtime.create" in told["archipel"]
    assert "runtime.create" not in told["basalt"]
    assert "account.move" in told["archipel"] & told["basalt"]


def test_usage_goes_along(settled: World) -> None:
    from controlplane.catalog.models import Usage

    assert Usage.objects.get(tenant=settled.archipel, plan="").runtimes == 1
    move(settled)
    assert Usage.objects.get(tenant=settled.archipel, plan="").runtimes == 0
    assert Usage.objects.get(tenant=settled.basalt, plan="").runtimes == 1


def test_nothing_moves_while_an_operation_is_open(world: World) -> None:
    present(world.landscape, world.basalt)
    order(world)
    refused(world, "operations_open")


def test_the_target_must_have_been_granted_it(settled: World) -> None:
    Tenant.objects.filter(pk=settled.basalt.pk).update(runtime_quota=0)
    refused(settled, "quota_exceeded")


def test_slugs_stay_unique(settled: World) -> None:
    create_account(actor=SYSTEM, tenant=settled.basalt, slug="shop", name="Theirs")
    refused(settled, "slug_taken")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"from_slug": "basalt"}, "tenant_wrong"),
        ({"to_slug": "archipel"}, "tenant_unknown"),
        ({"to_slug": "nowhere"}, "tenant_unknown"),
        ({"reason": "  "}, "reason_missing"),
    ],
)
def test_both_tenants_and_a_reason_are_named(settled: World, changes: dict[str, str], code: str) -> None:
    refused(settled, code, **changes)


def test_a_suspended_target_takes_nothing(settled: World) -> None:
    Tenant.objects.filter(pk=settled.basalt.pk).update(state=State.SUSPENDED)
    refused(settled, "tenant_suspended")


@pytest.mark.parametrize("role", [PlatformRole.SRE, PlatformRole.SUPPORT, PlatformRole.FINOPS])
def test_only_platform_admins_move(settled: World, role: PlatformRole) -> None:
    refused(settled, "forbidden", actor=Actor("other", platform_role=role))


def test_the_database_holds_a_runtime_to_its_account_s_tenant(settled: World) -> None:
    with pytest.raises(IntegrityError, match="runtime_in_its_accounts_tenant"), transaction.atomic():
        Runtime.objects.update(tenant=settled.basalt)


def refused(world: World, code: str, **changes: Any) -> None:
    with pytest.raises(Refused) as refusal:
        move(world, **changes)
    assert refusal.value.code == code
    assert Account.objects.get(pk=world.shop.pk).tenant == world.archipel
    assert set(Runtime.objects.values_list("tenant", flat=True)) <= {world.archipel.id}
    assert not AccountMove.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_runtime_that_begins_while_its_account_moves_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(world)
    present(world.basalt, world.shop, world.alice)

    def begin() -> str:
        try:
            order(world, name="late")
        except Refused as refusal:
            return refusal.code
        finally:
            connection.close()
        return "done"

    with ThreadPoolExecutor(1) as pool:
        waiting: list[Future[str]] = []

        def meanwhile(*_: object) -> None:
            """Everything is moved, but not committed: somebody begins a runtime, and finds the account where it was."""
            waiting.append(pool.submit(begin))
            with pytest.raises(TimeoutError):
                waiting[0].result(timeout=1)

        monkeypatch.setattr("provisioner.lifecycle.move.carried", [meanwhile])
        move(world)
        assert waiting[0].result(timeout=20) == "account_unknown"
    assert set(Runtime.objects.values_list("tenant", "name")) == {(world.basalt.id, "checkout")}
