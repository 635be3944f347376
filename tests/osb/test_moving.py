"""An account moves to another tenant: its service instances follow, or are in the way."""

from __future__ import annotations

import pytest

from controlplane.kernel.errors import Refused
from controlplane.osb.credentials import map_organization
from controlplane.osb.models import OsbInstance
from controlplane.tenants.access import SYSTEM
from controlplane.tenants.models import Account
from provisioner.lifecycle.move import move_account
from tests.osb.asking import ORGANIZATION, Platform, finish, read, row_of, stand
from tests.osb.conftest import Cluster
from tests.world import World

pytestmark = pytest.mark.django_db


def move(world: World, account: Account) -> None:
    move_account(
        actor=SYSTEM,
        account_id=account.pk,
        from_slug=world.archipel.slug,
        to_slug=world.basalt.slug,
        reason="sold",
    )


def test_what_a_platform_of_the_tenant_ordered_is_in_the_way(cf: Platform, world: World) -> None:
    row = stand(cf)
    with pytest.raises(Refused) as refused:
        move(world, row.runtime.account)
    assert refused.value.code == "broker_instances_present"
    assert OsbInstance.objects.get().tenant == world.archipel
    finish(read(cf.deprovision())["operation"])
    move(world, row.runtime.account)


def test_what_a_platform_of_many_tenants_ordered_goes_along(world: World, cluster: Cluster) -> None:
    platform = Platform(None, name="market")
    map_organization(
        actor=SYSTEM, username=platform.row.username, organization=ORGANIZATION, tenant=world.archipel
    )
    row = stand(platform)
    platform.bind()
    move(world, row.runtime.account)
    assert row_of().tenant == world.basalt
    assert platform.fetch().status_code == 200
    assert platform.fetch_binding().status_code == 200
    assert platform.deprovision().status_code == 202
