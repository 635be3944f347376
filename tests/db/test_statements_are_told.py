"""A tenant hears of its sealed statement whoever it has: finance people, else owners, else admins."""

from __future__ import annotations

import pytest

from controlplane.notices.models import Notice
from controlplane.tenants.access import Role
from controlplane.tenants.models import User
from tests.months import CORE_HOUR, JUNE, begin, runtime, sealed, use
from tests.world import World, member

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def used(world: World) -> None:
    """Archipel has an admin, alice, and somebody of finance without an address."""
    begin()
    use(runtime(), world.shop, JUNE, days=30, vcpu=10 * CORE_HOUR)
    member("dora", world.archipel, Role.DEVELOPER)
    assert world.alice.user.email
    User.objects.filter(pk=member("fred", world.archipel, Role.FINANCE).user.pk).update(email="")


def told() -> list[str]:
    return list(Notice.objects.filter(kind="statement-sealed").values_list("to", flat=True))


def test_admins_are_told_where_nobody_else_can_be(world: World) -> None:
    sealed(world.archipel, JUNE)
    assert told() == ["alice@example.org"]


def test_admins_are_left_alone_where_an_owner_can_be_told(world: World) -> None:
    member("olga", world.archipel, Role.OWNER)
    sealed(world.archipel, JUNE)
    assert told() == ["olga@example.org"]
