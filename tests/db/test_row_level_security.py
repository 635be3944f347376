"""What PostgreSQL itself refuses: here no queryset asks for the tenant."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
from django.db import DatabaseError, ProgrammingError, close_old_connections, connection, transaction
from django.db.transaction import TransactionManagementError

from controlplane.tenants.isolation import prepared
from controlplane.tenants.isolation.roles import WEB, WORKER
from controlplane.tenants.isolation.scopes import (
    current_scope,
    one_transaction,
    person_scope,
    platform_scope,
    tenant_scope,
)
from controlplane.tenants.models import Account, Member, Tenant
from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime
from tests.database_roles import acting_as
from tests.world import World, order

pytestmark = pytest.mark.django_db


def ask(sql: str, *params: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall() if cursor.description else []


@pytest.fixture
def both(world: World) -> World:
    """A runtime of Archipel, and Basalt beside it."""
    assert world.landscape.accepting
    assert world.main.tenant == world.basalt
    order(world)
    return world


@pytest.mark.parametrize(
    "table",
    [
        "runtimes_runtime",
        "operations_operation",
        "tenants_account",
        "tenants_member",
        "tenants_apitoken",
        "tenants_auditevent",
    ],
)
def test_raw_sql_in_another_tenants_scope_finds_nothing(both: World, table: str) -> None:
    find = f"SELECT count(*) FROM {table} WHERE tenant_id = %s"
    assert ask(find, both.archipel.id)[0][0] > 0
    with tenant_scope(both.basalt.id):
        assert ask(find, both.archipel.id) == [(0,)]
    with tenant_scope(both.archipel.id):
        assert ask(find, both.archipel.id)[0][0] > 0


def test_a_row_of_another_tenant_can_not_be_written(both: World) -> None:
    with tenant_scope(both.basalt.id):
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            Account.objects.create(tenant=both.archipel, slug="theirs", name="Theirs")
        assert Runtime.objects.update(message="ours now") == 0
        assert Operation.objects.all().delete()[0] == 0
    with (
        tenant_scope(both.archipel.id),
        pytest.raises(ProgrammingError, match="row-level security"),
        transaction.atomic(),
    ):
        Runtime.objects.update(tenant=both.basalt)


def test_a_tenant_sees_itself_and_no_other(both: World) -> None:
    with tenant_scope(both.basalt.id):
        assert list(Tenant.objects.all()) == [both.basalt]


def test_without_a_scope_a_web_process_sees_nothing_and_writes_nothing(both: World) -> None:
    with acting_as(WEB):
        assert not Runtime.objects.exists()
        assert not Tenant.objects.exists()
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            Account.objects.create(tenant=both.archipel, slug="nobodys", name="Nobody's")


def test_the_platforms_team_and_the_workers_see_every_tenant(both: World) -> None:
    with acting_as(WEB), platform_scope():
        assert Account.objects.count() == 2
    with acting_as(WORKER):
        assert Account.objects.count() == 2


def test_a_person_sees_their_own_memberships_before_a_tenant_is_chosen(both: World) -> None:
    assert both.vera.user.memberships.count() == both.bob.user.memberships.count() == 1
    with acting_as(WEB), person_scope(both.bob.user.id):
        assert [row.tenant for row in Member.objects.select_related("tenant")] == [both.basalt]
        assert list(Tenant.objects.all()) == [both.basalt]
        assert not Account.objects.exists()
        assert Member.objects.update(role="owner") == 0


def test_scopes_nest_and_give_back_what_was_before(both: World) -> None:
    with acting_as(WEB):
        with tenant_scope(both.archipel.id):
            with tenant_scope(both.basalt.id):
                assert [a.slug for a in Account.objects.all()] == ["main"]
            assert [a.slug for a in Account.objects.all()] == ["shop"]
            with platform_scope():
                assert Account.objects.count() == 2
            assert [a.slug for a in Account.objects.all()] == ["shop"]
        assert not Account.objects.exists()
        assert current_scope() is None
    assert Account.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_scope_holds_in_a_transaction_that_has_said_nothing_yet(both: World) -> None:
    with acting_as(WEB):
        with transaction.atomic(), tenant_scope(both.basalt.id):
            assert [a.slug for a in Account.objects.all()] == ["main"]
        with transaction.atomic():
            with tenant_scope(both.basalt.id):
                assert Account.objects.exists()
            assert not Account.objects.exists()


def test_a_view_runs_with_the_rights_of_who_looks() -> None:
    views = ask(
        "SELECT relname FROM pg_class WHERE relkind = 'v' AND relnamespace = current_schema()::regnamespace"
        " AND NOT coalesce(reloptions, '{}') && ARRAY['security_invoker=true', 'security_invoker=on']"
    )
    assert views == []


@pytest.mark.parametrize("turn", range(4))
def test_a_prepared_statement_shows_each_their_own_rows_however_often_it_ran(both: World, turn: int) -> None:
    """From the sixth run on PostgreSQL may keep one plan for all."""

    def slugs() -> list[str]:
        return [row["slug"] for row in prepared.rows("SELECT slug FROM tenants_account ORDER BY slug", {})]

    scopes: list[tuple[AbstractContextManager[None], list[str]]] = [
        (tenant_scope(both.archipel.id), ["shop"]),
        (tenant_scope(both.basalt.id), ["main"]),
        (platform_scope(), ["main", "shop"]),
        (nullcontext(), []),
    ]
    with acting_as(WEB):
        link = connection.connection
        for scope, own in scopes[turn:] + scopes[:turn]:  # the plan may be made for any of them
            with scope:
                assert [slugs() for _ in range(8)] == [own] * 8
        assert connection.connection is link
        kept = ask(
            "SELECT sum(generic_plans + custom_plans)::int FROM pg_prepared_statements WHERE statement LIKE %s",
            "SELECT slug FROM%",
        )
    assert kept[0][0] >= 32


def test_a_prepared_statement_is_refused_in_a_transaction_that_broke(both: World) -> None:
    with transaction.atomic():
        transaction.set_rollback(True)
        with pytest.raises(TransactionManagementError):
            prepared.rows("SELECT 1", {})
    assert prepared.rows("SELECT 1 AS one", {}) == [{"one": 1}]


@pytest.mark.django_db(transaction=True)
def test_pooled_connections_shared_by_threads_leak_no_scope(world: World) -> None:
    from controlplane.tenants.access import SYSTEM
    from controlplane.tenants.services import create_account, create_tenant

    tenants = [create_tenant(actor=SYSTEM, slug=f"t{number}x", name="T") for number in range(24)]
    for tenant in tenants:
        create_account(actor=SYSTEM, tenant=tenant, slug=tenant.slug, name="A")

    def look(turn: int) -> bool:
        tenant = tenants[turn % len(tenants)]
        try:
            with tenant_scope(tenant.id):
                alone = [row.slug for row in Account.objects.all()]
                with one_transaction():
                    together = [row.slug for row in Account.objects.all()]
            return alone == together == [tenant.slug]
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(look, range(400)))


@pytest.mark.django_db(transaction=True)
def test_what_a_transaction_was_told_ends_with_it(both: World) -> None:
    setting = "SELECT coalesce(current_setting('nesoi.tenant_id', true), ''), current_user::text"
    with tenant_scope(both.archipel.id), transaction.atomic():
        assert ask(setting) == [(str(both.archipel.id), WEB)]
    link = connection.connection
    tenant_id, user = ask(setting)[0]
    assert (tenant_id, user == WEB) == ("", False)
    with pytest.raises(ZeroDivisionError), tenant_scope(both.archipel.id), transaction.atomic():
        raise ZeroDivisionError
    assert ask(setting) == [("", user)]
    assert connection.connection is link
    close_old_connections()


@pytest.mark.django_db(transaction=True)
def test_a_scope_that_the_login_may_not_enter_leaves_a_usable_connection(both: World) -> None:
    with acting_as(WEB), pytest.MonkeyPatch.context() as patch:
        patch.setattr("controlplane.tenants.isolation.scopes.PLATFORM", "nobodys_role")
        with pytest.raises(DatabaseError, match="nobodys_role"), platform_scope():
            Account.objects.exists()
    assert Account.objects.count() == 2
    assert connection.get_autocommit()
