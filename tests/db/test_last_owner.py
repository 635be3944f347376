"""A tenant keeps an owner, whoever goes, and however many go at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import IntegrityError, connection, transaction

from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Actor, Role
from controlplane.tenants.members import change_role, leave, remove_member
from controlplane.tenants.models import Member
from tests.world import Person, World, member


def actor_of(person: Person, world: World, role: Role) -> Actor:
    return Actor(person.user.username, role=role, tenant_id=world.archipel.id, user_id=person.user.id)


@pytest.fixture
def olga(world: World) -> Actor:
    return actor_of(member("olga", world.archipel, Role.OWNER), world, Role.OWNER)


@pytest.mark.django_db
def test_the_last_owner_can_not_leave_be_removed_or_be_demoted(world: World, olga: Actor) -> None:
    assert olga.user_id is not None
    asked: list[Callable[[], object]] = [
        lambda: leave(actor=olga, tenant_id=world.archipel.id),
        lambda: remove_member(actor=olga, tenant_id=world.archipel.id, user_id=olga.user_id),  # type: ignore[arg-type]
        lambda: change_role(
            actor=olga,
            tenant_id=world.archipel.id,
            user_id=olga.user_id,  # type: ignore[arg-type]
            role=Role.ADMIN,
        ),
    ]
    for ask in asked:
        with pytest.raises(Refused) as refusal:
            ask()
        assert refusal.value.code == "last_owner"
    assert Member.objects.filter(role="owner").count() == 1


@pytest.mark.django_db
def test_the_database_refuses_it_when_no_service_is_asked(world: World, olga: Actor) -> None:
    rows = Member.objects.filter(tenant=world.archipel, role="owner")
    for change in (lambda: rows.update(role="admin"), rows.delete):
        with pytest.raises(IntegrityError, match="keeps an owner"), transaction.atomic():
            change()
    assert rows.count() == 1


@pytest.mark.django_db
def test_one_of_two_may_go(world: World, olga: Actor) -> None:
    member("oscar", world.archipel, Role.OWNER)
    leave(actor=olga, tenant_id=world.archipel.id)
    assert [row.user.username for row in Member.objects.filter(role="owner")] == ["oscar"]


@pytest.mark.parametrize("by_service", [True, False])
@pytest.mark.django_db(transaction=True)
def test_of_two_owners_who_leave_at_once_one_stays(world: World, olga: Actor, by_service: bool) -> None:
    other = actor_of(member("oscar", world.archipel, Role.OWNER), world, Role.OWNER)
    together = Barrier(2)

    def go(actor: Actor) -> bool:
        try:
            together.wait(10)
            if by_service:
                leave(actor=actor, tenant_id=world.archipel.id)
            else:  # past every service: the database alone
                with transaction.atomic():
                    Member.objects.filter(user=actor.user_id).delete()
        except (Refused, IntegrityError):
            return False
        else:
            return True
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        went = list(pool.map(go, [olga, other]))
    assert sorted(went) == [False, True]
    assert Member.objects.filter(role="owner").count() == 1
