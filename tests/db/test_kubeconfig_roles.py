"""Who may mint which kubeconfig, and for how long."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Role as TenantRole
from controlplane.tenants.models import AuditEvent
from provisioner.drivers.base import ClusterRef, Kubeconfig, Role
from provisioner.lifecycle import kubeconfig
from provisioner.runtimes.models import Runtime
from tests.signed_in import browse, build, present
from tests.world import World, member

pytestmark = pytest.mark.django_db


@dataclass
class Driver:
    """Remembers what it was asked for."""

    asked: list[Role] = field(default_factory=list)

    def credentials(self, cluster: ClusterRef, *, ttl: timedelta, role: Role) -> Kubeconfig:
        self.asked.append(role)
        return Kubeconfig("apiVersion: v1\n", utcnow() + ttl)


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    made = Driver()
    monkeypatch.setattr(kubeconfig, "connect", lambda **_: made)
    return made


@pytest.fixture
def runtime(world: World) -> Runtime:
    return build(world)


ALL = {Role.ADMIN, Role.EDIT, Role.VIEW}


@pytest.mark.parametrize(
    ("tenant_role", "may"),
    [
        (TenantRole.VIEWER, {Role.VIEW}),
        (TenantRole.FINANCE, set()),
        (TenantRole.DEVELOPER, ALL),
        (TenantRole.ADMIN, ALL),
        (TenantRole.OWNER, ALL),
    ],
)
def test_who_may_only_look_gets_a_kubeconfig_that_views_and_no_other(
    world: World, runtime: Runtime, driver: Driver, tenant_role: TenantRole, may: set[Role]
) -> None:
    person = member("someone", world.archipel, tenant_role)
    for role in Role:
        refused: AbstractContextManager[Any] = (
            nullcontext() if role in may else pytest.raises(Refused, match="role")
        )
        with refused:
            kubeconfig.mint_kubeconfig(
                actor=person.actor, runtime_id=runtime.pk, ttl=timedelta(hours=1), role=role
            )
    assert set(driver.asked) == may
    rows = AuditEvent.objects.filter(action="runtime.kubeconfig")
    assert {row.changes["role"] for row in rows} == {role.value for role in may}


def test_a_plan_may_allow_less(world: World, runtime: Runtime, driver: Driver, settings: Any) -> None:
    settings.KUBECONFIG_SECONDS_OF_PLAN = {runtime.plan_id: 1800}
    with pytest.raises(Refused, match="between 600 and 1800"):
        kubeconfig.mint_kubeconfig(actor=world.alice.actor, runtime_id=runtime.pk, ttl=timedelta(hours=1))
    kubeconfig.mint_kubeconfig(actor=world.alice.actor, runtime_id=runtime.pk, ttl=timedelta(minutes=30))
    settings.KUBECONFIG_SECONDS_OF_PLAN = {}
    settings.KUBECONFIG_SECONDS = 900
    assert kubeconfig.longest_of(runtime.plan_id) == timedelta(minutes=15)


def test_no_setting_allows_more_than_a_day_or_less_than_the_landscape_can(settings: Any) -> None:
    settings.KUBECONFIG_SECONDS_OF_PLAN = {"a": 10**9, "b": 1}
    assert kubeconfig.longest_of("a") == timedelta(hours=24)
    assert kubeconfig.longest_of("b") == timedelta(minutes=10)


def test_a_viewers_page_offers_what_a_viewer_may_have(
    world: World, runtime: Runtime, driver: Driver, settings: Any
) -> None:
    settings.KUBECONFIG_SECONDS_OF_PLAN = {runtime.plan_id: 3600}
    present(world.vera)
    path = f"/runtimes/{runtime.pk}/kubeconfig"
    assert f'href="{path}"' in browse(world.vera).get(f"/runtimes/{runtime.pk}/").content.decode()
    page = browse(world.vera).get(path).content.decode()
    assert 'value="view"' in page
    assert 'value="admin"' not in page
    assert 'value="86400"' not in page
    assert browse(world.vera).post(path, {"lifetime": "3600"}).status_code == 200
    assert browse(world.vera).post(path, {"lifetime": "3600", "role": "admin"}).status_code == 403
    assert driver.asked == [Role.VIEW]
