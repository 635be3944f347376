"""The permission table: whole, in words, and never wider through a token."""

from __future__ import annotations

from itertools import combinations
from uuid import uuid4

import pytest

from controlplane.kernel.errors import Refused
from controlplane.tenants.access import (
    ALLOWED,
    IN_SCOPE,
    PLATFORM_ALLOWED,
    Actor,
    Permission,
    Role,
    TokenScope,
)
from controlplane.tenants.rights import MEANING, require, rights
from provisioner.lifecycle import admission

HOME = uuid4()


def test_every_permission_has_a_meaning_a_holder_and_a_scope() -> None:
    assert set(MEANING) == set(Permission)
    for right in rights():
        assert right.roles or right.platform_roles, right.permission
        assert right.scopes, right.permission


def test_the_table_says_what_actors_may() -> None:
    for right in rights():
        for role in Role:
            assert Actor("x", role=role, tenant_id=HOME).may(right.permission) == (role in right.roles)
        for team in PLATFORM_ALLOWED:
            assert Actor("x", platform_role=team).may(right.permission) == (team in right.platform_roles)


def test_a_role_counts_in_its_own_tenant_only() -> None:
    for role in Role:
        stranger = Actor("x", role=role, tenant_id=HOME)
        assert not any(stranger.may(permission, tenant_id=uuid4()) for permission in Permission)


@pytest.mark.parametrize("role", Role)
def test_scopes_only_narrow(role: Role) -> None:
    for size in range(len(TokenScope) + 1):
        for scopes in combinations(TokenScope, size):
            token = Actor("x", role=role, tenant_id=HOME, scopes=frozenset(scopes))
            held = {permission for permission in Permission if token.may(permission)}
            assert held <= ALLOWED[role]
            assert held == {p for p in ALLOWED[role] if any(p in IN_SCOPE[scope] for scope in scopes)}


def test_all_scopes_together_narrow_nothing() -> None:
    assert frozenset().union(*IN_SCOPE.values()) == frozenset(Permission)


@pytest.mark.parametrize(
    ("giver", "given"),
    [
        (Role.OWNER, set(Role)),
        (Role.ADMIN, set(Role) - {Role.OWNER}),
        (Role.DEVELOPER, {Role.VIEWER, Role.DEVELOPER}),
        (Role.VIEWER, {Role.VIEWER}),
    ],
)
def test_nobody_grants_above_their_own(giver: Role, given: set[Role]) -> None:
    actor = Actor("x", role=giver, tenant_id=HOME)
    assert {role for role in Role if actor.may_grant(role, tenant_id=HOME)} == given
    assert not any(actor.may_grant(role, tenant_id=uuid4()) for role in Role)


@pytest.mark.parametrize(
    ("actor", "permission", "told"),
    [
        (Actor(name="a", role=Role.ADMIN, tenant_id=HOME), Permission.TENANT_CHANGE, "does: owner."),
        (
            Actor(name="v", role=Role.VIEWER, tenant_id=HOME),
            Permission.CREATE,
            "does: developer or admin or owner.",
        ),
        (
            Actor(name="o", role=Role.OWNER, tenant_id=HOME),
            Permission.QUOTA_ANSWER,
            "platform's team whose role does",
        ),
        (
            Actor(name="t", role=Role.OWNER, tenant_id=HOME, scopes=frozenset({TokenScope.READ})),
            Permission.CREATE,
            "This token's scopes do not cover runtime.create",
        ),
    ],
)
def test_who_is_refused_is_told_what_would_help(actor: Actor, permission: Permission, told: str) -> None:
    for door in (require, admission.require):
        with pytest.raises(Refused) as refusal:
            door(actor, permission, tenant_id=HOME)
        assert told in str(refusal.value)
