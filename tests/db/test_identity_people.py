"""Who a provider's subject is here, and what their groups give them."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.identity.models import Identity, IdentityProvider
from controlplane.identity.oidc.claims import Person, read_person
from controlplane.identity.people import release_subject, welcome
from controlplane.identity.providers import (
    Wish,
    change_provider,
    confirm_domain,
    find_provider,
    remove_provider,
)
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import SYSTEM, Actor, Role
from controlplane.tenants.models import AuditEvent, Member, User
from controlplane.tenants.services import add_member, create_user
from tests.identity_providers import GROUPS, OPERATOR, register
from tests.signed_in import present
from tests.world import PASSWORD, World

pytestmark = pytest.mark.django_db
ISSUER = "https://idp.archipel.example"


@pytest.fixture
def provider(world: World) -> IdentityProvider:
    return register(ISSUER, world.archipel, domains=["example.org"])


def person(subject: str = "1", *groups: str, **claims: Any) -> Person:
    return read_person({"sub": subject, "groups": list(groups), **claims}, groups_claim="groups")


def come(provider: IdentityProvider, *groups: str, **claims: Any) -> User | None:
    return welcome(provider=provider, person=person("1", *groups, **claims))


def role_in(world: World, user: User | None) -> str:
    member = Member.objects.filter(tenant=world.archipel, user=user).first()
    return member.role if member else ""


VERA = {"email": "Vera@Example.org", "email_verified": True}


def test_an_address_alone_makes_nobody_the_person_who_has_it(
    world: World, provider: IdentityProvider
) -> None:
    present(world.vera)
    assert come(provider, "ops", **VERA) != world.vera.user


def test_an_address_of_a_confirmed_domain_does(world: World, provider: IdentityProvider) -> None:
    present(world.vera)
    confirm_domain(actor=OPERATOR, provider_id=provider.id, domain="example.org")
    assert come(provider, **VERA) == world.vera.user
    assert role_in(world, world.vera.user) == "viewer"


def test_an_address_that_the_provider_has_not_checked_does_not(
    world: World, provider: IdentityProvider
) -> None:
    present(world.vera)
    confirm_domain(actor=OPERATOR, provider_id=provider.id, domain="example.org")
    assert come(provider, "ops", email="vera@example.org") != world.vera.user


def test_a_domain_confirmed_for_one_provider_vouches_for_no_other(
    world: World, provider: IdentityProvider
) -> None:
    present(world.vera)
    confirm_domain(actor=OPERATOR, provider_id=provider.id, domain="example.org")
    other = register("https://idp.basalt.example", world.basalt, domains=["example.org"])
    assert come(other, "ops", **VERA) != world.vera.user
    with pytest.raises(Refused, match="leads to another provider"):
        confirm_domain(actor=OPERATOR, provider_id=other.id, domain="example.org")


def test_nobody_of_the_platforms_team_comes_in_through_a_tenants_provider(
    world: World, provider: IdentityProvider
) -> None:
    User.objects.filter(pk=world.sam.user.pk).update(email="sam@example.org")
    confirm_domain(actor=OPERATOR, provider_id=provider.id, domain="example.org")
    with pytest.raises(Refused) as caught:
        come(provider, "ops", email="sam@example.org", email_verified=True)
    assert caught.value.code == "address_of_the_platform"


def test_an_address_that_two_people_have_is_nobodys(world: World, provider: IdentityProvider) -> None:
    present(world.vera)
    create_user(actor=SYSTEM, username="vera2", password=PASSWORD, email="vera@example.org")
    confirm_domain(actor=OPERATOR, provider_id=provider.id, domain="example.org")
    with pytest.raises(Refused) as caught:
        come(provider, "ops", **VERA)
    assert caught.value.code == "address_ambiguous"


def test_an_address_that_was_given_to_somebody_else_does_not_inherit(
    world: World, provider: IdentityProvider
) -> None:
    present(world.vera)
    confirm_domain(actor=OPERATOR, provider_id=provider.id, domain="example.org")
    come(provider, **VERA)
    with pytest.raises(Refused) as caught:
        welcome(provider=provider, person=person("2", "ops", **VERA))
    assert caught.value.code == "address_taken"
    assert release_subject(provider=provider, user=world.vera.user) == 1
    assert welcome(provider=provider, person=person("2", "ops", **VERA)) == world.vera.user


def test_who_was_deactivated_stays_out(world: World, provider: IdentityProvider) -> None:
    user = come(provider, "ops")
    assert user is not None
    User.objects.filter(pk=user.pk).update(is_active=False)
    with pytest.raises(Refused, match="Your access was ended"):
        come(provider, "ops")


def test_a_provider_cannot_put_on_somebody_elses_name(world: World, provider: IdentityProvider) -> None:
    first = come(provider, "ops", preferred_username="bob", email="bob")
    assert first is not None
    assert first.username == "archipel/bob"
    second = welcome(provider=provider, person=person("2", "ops", preferred_username="bob"))
    assert second is not None
    assert second.username.startswith("archipel/bob-")


def test_groups_give_change_and_take_back_a_role_each_with_its_trace(
    world: World, provider: IdentityProvider
) -> None:
    user = come(provider, "ops", "other")
    assert role_in(world, user) == "developer"
    come(provider, "ops", "boss")
    assert role_in(world, user) == "admin"
    come(provider, "ops")
    assert role_in(world, user) == "developer"
    assert come(provider) is None
    assert role_in(world, user) == ""
    come(provider, "boss")
    assert role_in(world, user) == "admin"
    actions = list(
        AuditEvent.objects.filter(target_id=str(user.pk if user else ""))
        .order_by("pk")
        .values_list("action", flat=True)
    )
    assert actions == [
        "user.create",
        "member.set",
        "member.change_role",
        "member.change_role",
        "member.remove",
        "member.set",
    ]


def test_a_membership_given_by_hand_is_never_touched(world: World, provider: IdentityProvider) -> None:
    present(world.vera)
    confirm_domain(actor=OPERATOR, provider_id=provider.id, domain="example.org")
    for groups in (("boss",), ("ops",), ()):
        come(provider, *groups, **VERA)
        assert role_in(world, world.vera.user) == "viewer"


def test_who_was_removed_and_added_again_by_hand_belongs_to_no_group(
    world: World, provider: IdentityProvider
) -> None:
    user = come(provider, "ops")
    assert user is not None
    Member.objects.filter(user=user).delete()
    add_member(actor=SYSTEM, tenant=world.archipel, user=user, role=Role.VIEWER)
    come(provider, "boss")
    assert role_in(world, user) == "viewer"


def owners_may_come(provider: IdentityProvider) -> None:
    wish = Wish("SSO", "nesoi", group_roles={**GROUPS, "chiefs": "owner"})
    change_provider(actor=OPERATOR, provider_id=provider.id, wish=wish)


def test_the_last_owner_stays_whatever_their_groups_say(world: World, provider: IdentityProvider) -> None:
    owners_may_come(provider)
    user = come(provider, "chiefs")
    for groups in ((), ("ops",)):
        come(provider, *groups)
        assert role_in(world, user) == "owner"
    welcome(provider=provider, person=person("2", "chiefs"))
    come(provider, "ops")
    assert role_in(world, user) == "developer"


def test_removing_a_provider_takes_back_what_its_groups_gave(
    world: World, provider: IdentityProvider
) -> None:
    present(world.vera)
    user = come(provider, "boss")
    assert remove_provider(actor=OPERATOR, provider_id=provider.id) == 1
    assert role_in(world, user) == ""
    assert role_in(world, world.vera.user) == "viewer"
    assert not Identity.objects.exists()


def test_platform_roles_come_from_the_platforms_provider_only_and_go_again(world: World) -> None:
    staff = register("https://idp.platform.example", None, group_roles={"oncall": "sre"})
    user = come(staff, "oncall")
    assert user is not None
    assert user.platform_role == "sre"
    assert come(staff) is None
    user.refresh_from_db()
    assert user.platform_role == ""


def test_a_platform_role_given_by_hand_stays(world: World) -> None:
    staff = register(
        "https://idp.platform.example", None, domains=["example.org"], group_roles={"oncall": "sre"}
    )
    confirm_domain(actor=OPERATOR, provider_id=staff.id, domain="example.org")
    User.objects.filter(pk=world.sam.user.pk).update(email="sam@example.org", platform_role="platform-admin")
    for groups in (("oncall",), ()):
        user = come(staff, *groups, email="sam@example.org", email_verified=True)
        assert user == world.sam.user
        assert user.platform_role == "platform-admin"


def member(world: World, role: Role) -> Actor:
    return Actor("somebody", role=role, tenant_id=world.archipel.id, user_id=world.vera.user.id)


def test_only_owners_let_a_group_make_owners(world: World, provider: IdentityProvider) -> None:
    wish = Wish("SSO", "nesoi", group_roles={"chiefs": "owner"})
    with pytest.raises(Refused) as caught:
        change_provider(actor=member(world, Role.ADMIN), provider_id=provider.id, wish=wish)
    assert caught.value.code == "owner_mapping"
    change_provider(actor=member(world, Role.OWNER), provider_id=provider.id, wish=wish)
    for harmless in (Wish("SSO", "nesoi"), Wish("SSO", "nesoi", group_roles={})):
        with pytest.raises(Refused):  # nor take over a provider that makes them
            change_provider(actor=member(world, Role.ADMIN), provider_id=provider.id, wish=harmless)


def test_a_tenants_provider_gives_no_platform_role_and_the_platforms_none_of_a_tenant(world: World) -> None:
    for home, roles in (
        (world.archipel, {"a": "sre"}),
        (None, {"a": "owner"}),
        (world.archipel, {"a": "king"}),
    ):
        with pytest.raises(Refused, match="is no role"):
            register("https://idp.example", home, group_roles=roles)


def test_another_tenants_provider_is_not_there(world: World, provider: IdentityProvider) -> None:
    stranger = Actor("bob", role=Role.OWNER, tenant_id=world.basalt.id, user_id=world.bob.user.id)
    staff = register("https://idp.platform.example", None, group_roles={})
    for there in (provider, staff):
        with pytest.raises(Refused, match="no such identity provider"):
            find_provider(stranger, there.id)


def test_the_secret_is_sealed_for_its_row_and_in_no_trace(world: World, provider: IdentityProvider) -> None:
    secret = b"a-secret-that-only-both-sides-know"
    stored = bytes(IdentityProvider.objects.get(pk=provider.pk).client_secret)
    assert stored
    assert secret not in stored
    assert not AuditEvent.objects.filter(changes__icontains=secret.decode()).exists()
