"""A tenant's own row never stands for another tenant's thing, nor for one of the platform's."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import ProgrammingError, connection, transaction
from django.db.models import Model

from billing.books.models import Contract
from controlplane.catalog.models import Entitlement
from controlplane.kernel.clock import utcnow
from controlplane.kernel.ids import uuid7
from controlplane.notices.models import Webhook, WebhookDelivery
from controlplane.tenants.access import Actor, Role
from controlplane.tenants.closing import close_tenant
from controlplane.tenants.isolation.scopes import platform_scope, tenant_scope
from controlplane.tenants.models import Account, State, Tenant, User
from controlplane.trials.bounds import set_free
from provisioner.lifecycle.closing import schedule_tenant_deletion, undo_tenant_deletion
from provisioner.lifecycle.models import Standing
from provisioner.lifecycle.tenants import resume_account, suspend_account
from provisioner.operations.models import Operation
from provisioner.rollouts.schedule_models import Exclusion, MaintenanceWindow
from provisioner.runtimes.models import Runtime
from tests.database_roles import acting_as
from tests.rolling_out import fleet
from tests.world import World, order

pytestmark = pytest.mark.django_db

# Where a tenant's row may name what its scope does not see.
MAY_NAME = {
    (
        "osb_brokerorganization",
        "credential_id",
    ): "a marketplace's credential is the platform's, and orders for many",
    ("osb_osbinstance", "credential_id"): "likewise",
    (
        "identity_usersession",
        "provider_id",
    ): "the provider that signed the person in; a person's row, not a tenant's",
    ("trials_signup", "trial_id"): "no tenant's scope sees or writes the table",
    ("runtimes_runtime", "account_id"): "its foreign key holds the tenant too",
}
# Foreign keys into protected tables that a tenant's scope may write, and that no condition of a policy looks at.
UNGUARDED = """
SELECT c.conrelid::regclass::text, a.attname FROM pg_constraint c
JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
JOIN pg_policies parent ON parent.tablename = c.confrelid::regclass::text AND parent.policyname = 'own_tenant'
WHERE c.contype = 'f' AND c.connamespace = current_schema()::regnamespace AND c.confrelid <> 'tenants_tenant'::regclass
    AND (has_column_privilege('nesoi_web', c.conrelid, a.attnum, 'INSERT')
        OR has_column_privilege('nesoi_web', c.conrelid, a.attnum, 'UPDATE'))
    AND NOT EXISTS (SELECT FROM pg_policies p WHERE p.tablename = c.conrelid::regclass::text AND p.with_check ~ a.attname)
"""


def found() -> set[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(UNGUARDED)
        return set(cursor.fetchall())


@pytest.fixture
def theirs(world: World) -> Runtime:
    """A runtime of Basalt; Archipel asks."""
    return fleet(world.main, [world.landscape], 1)[0]


def refused(row: Model) -> None:
    with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
        row.save(force_insert=True)


def test_every_key_that_a_tenant_writes_is_looked_at() -> None:
    assert found() == set(MAY_NAME), "add RefuseForeign to the migration that makes the column"


def test_a_new_key_that_nothing_looks_at_is_found() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE probe (tenant_id uuid, runtime_id uuid REFERENCES runtimes_runtime)")
    assert found() - set(MAY_NAME) == {("probe", "runtime_id")}


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (MaintenanceWindow, {"days": ["sat"], "begin": "02:00", "end": "06:00", "time_zone": "UTC"}),
        (Exclusion, {"begins_at": utcnow(), "ends_at": utcnow() + timedelta(days=1), "reason": "theirs"}),
    ],
)
def test_a_tenant_shuts_no_window_of_anothers_runtime(
    world: World, theirs: Runtime, model: type[Model], fields: dict[str, Any]
) -> None:
    with tenant_scope(world.archipel.id):
        refused(model(tenant=world.archipel, runtime=theirs, created_by="mallory", **fields))
        refused(model(tenant=None, created_by="mallory", **fields))  # everybody's
        mine = model(tenant=world.archipel, created_by="alice", **fields)
        mine.save()
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            model._default_manager.filter(pk=mine.pk).update(runtime=theirs)
    with tenant_scope(world.basalt.id):
        model(tenant=world.basalt, runtime=theirs, created_by="bob", **fields).save()


def test_a_tenant_opens_no_operation_on_anothers_runtime(world: World, theirs: Runtime) -> None:
    own = order(world)
    with tenant_scope(world.archipel.id), transaction.atomic():
        row = Operation.objects.get(pk=own.pk)
        row.pk, row.slot, row.state = None, None, "succeeded"
        row.runtime = theirs
        refused(row)
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            Operation.objects.update(runtime=theirs)


def test_a_tenant_suspends_no_account_of_another(world: World) -> None:
    row = Standing(tenant=world.archipel, account=world.main, by="mallory", since=utcnow())
    with tenant_scope(world.archipel.id):
        refused(row)


@pytest.fixture
def hook(world: World) -> Webhook:
    """An address of the platform's own team."""
    return Webhook.objects.create(
        tenant=None,
        url="https://sre.example.org",
        kinds=["*"],
        sealed=b"x",
        created_by="sam",
        created_at=utcnow(),
    )


def sending(hook: Webhook, **fields: Any) -> WebhookDelivery:
    return WebhookDelivery(
        webhook=hook, kind="ping", dedupe_key="1", body="{}", created_at=utcnow(), next_at=utcnow(), **fields
    )


def test_addresses_of_the_platforms_team_are_none_of_a_tenants_business(world: World, hook: Webhook) -> None:
    told = sending(hook, tenant=None)
    told.save()
    with tenant_scope(world.archipel.id):
        assert not Webhook.objects.exists()
        assert not WebhookDelivery.objects.exists()
        assert Webhook.objects.update(url="https://mallory.example") == 0
        assert WebhookDelivery.objects.update(body="forged") == 0
        assert Webhook.objects.all().delete() == (0, {})
        refused(Webhook(tenant=None, url="https://m.example", kinds=["*"], sealed=b"x", created_at=utcnow()))
        refused(sending(hook, tenant=None))
        refused(sending(hook, tenant=world.archipel))
    with acting_as("nesoi_web"):
        assert not Webhook.objects.exists()
    with platform_scope():
        assert Webhook.objects.get().url == "https://sre.example.org"
        assert WebhookDelivery.objects.get().body == "{}"


@pytest.mark.parametrize(
    ("model", "fields"), [(Contract, {"agreed_by": "m"}), (Entitlement, {"runtimes": 999})]
)
def test_a_tenant_gives_itself_no_terms_and_no_quota(
    world: World, model: type[Model], fields: dict[str, Any]
) -> None:
    with tenant_scope(world.archipel.id):
        assert not model._default_manager.exists()
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            model._default_manager.update(**fields)


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (Tenant, {"state": State.ACTIVE}),
        (Tenant, {"runtime_quota": 9999}),
        (Tenant, {"closed_at": None}),
        (Tenant, {"slug": "other"}),
        (Account, {"state": State.ACTIVE}),
        (Account, {"slug": "other"}),
    ],
)
def test_a_tenant_lifts_no_suspension_and_no_bound_of_its_own(
    world: World, model: type[Model], fields: dict[str, Any]
) -> None:
    assert world.shop.tenant == world.archipel
    with tenant_scope(world.archipel.id):
        assert model._default_manager.update(name="Archipelago") == 1  # it calls itself what it likes
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            model._default_manager.update(**fields)
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            model._default_manager.filter(name="nobody")._raw_delete("default")
    with platform_scope():
        assert model._default_manager.filter(name="Archipelago").exists()


def test_a_tenant_makes_no_tenant_even_with_its_own_key(world: World) -> None:
    key = uuid7()
    with (
        tenant_scope(key),
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(),
    ):
        Tenant.objects.create(pk=key, slug="made-up", name="Made up")


@pytest.mark.parametrize("own", [True, False])
def test_its_own_people_suspend_and_resume_and_delete_it_all_the_same(world: World, own: bool) -> None:
    """The doors that change what a scope may not write ask first, and then write it for it."""
    archipel = world.archipel
    owner = Actor("olga", role=Role.OWNER, tenant_id=archipel.id)
    with tenant_scope(archipel.id) if own else platform_scope():
        suspend_account(actor=owner, account_id=world.shop.id)
        assert Account.objects.get(pk=world.shop.pk).state == State.SUSPENDED
        resume_account(actor=owner, account_id=world.shop.id)
        assert Account.objects.get(pk=world.shop.pk).state == State.ACTIVE
        schedule_tenant_deletion(actor=owner, tenant_id=archipel.id)
        assert Tenant.objects.get(pk=archipel.pk).state == State.SUSPENDED
        undo_tenant_deletion(actor=owner, tenant_id=archipel.id)
        assert Tenant.objects.get(pk=archipel.pk).state == State.ACTIVE
        set_free(archipel)
        close_tenant(actor=owner, tenant_id=archipel.id)
        assert Tenant.objects.get(pk=archipel.pk).closed_at


@pytest.mark.parametrize(
    "more", [{"platform_role": "platform-admin"}, {"is_superuser": True}, {"is_staff": True}]
)
def test_nobody_registers_as_one_of_the_platforms_team(world: World, more: dict[str, Any]) -> None:
    for scope in (tenant_scope(world.archipel.id), acting_as("nesoi_web")):
        with scope:
            with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
                User.objects.create(username="mallory", **more)
            User.objects.create(username="nora")
        User.objects.filter(username="nora").delete()
    with platform_scope():
        User.objects.create(username="pia", **more)
