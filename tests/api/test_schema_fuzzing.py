"""Schemathesis asks what nobody would: every answer must be one that the OpenAPI document tells."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from controlplane.api.urls import urlpatterns
from controlplane.identity.models import UserSession
from controlplane.kernel.clock import utcnow
from controlplane.tenants.access import Role
from tests.api.asking import Asking
from tests.matrix import patterns_of, things_of
from tests.world import World, member

# The largest group asks a thousand times, half a minute of a processor.
pytestmark = [pytest.mark.django_db, pytest.mark.timeout(400), pytest.mark.xdist_group("fuzz")]

UNDOCUMENTED = {"docs", "schema"}  # the document itself and its pages
GROUPS = sorted(
    {str(one.pattern).partition("/")[0] or "index" for one in patterns_of(urlpatterns)} - UNDOCUMENTED
)


@pytest.fixture
def things(alice: Asking) -> dict[str, str]:
    """What path parameters may name, so that not every request ends at a 404."""
    body = alice.order(name="fuzzed")
    return {
        "runtime": body["runtime"]["id"],
        "operation": body["operation"]["id"],
        "account": "shop",
        "key": "aws",
    }


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.usefixtures("cpu_seconds")
def test_whatever_anybody_sends_is_answered_as_documented_and_tells_nothing_of_another_tenant(
    group: str, world: World, things: dict[str, str]
) -> None:
    """With both isolations taken away it does tell: the API's filters, and row-level security behind them."""
    from tests.api.fuzzing import Visit, fuzz

    foreign = {**things_of(world), **ways_named(world)}
    spy = member("spy", world.basalt, Role.VIEWER)
    assert world.main.tenant == world.basalt
    secrets = {*foreign.values(), things["runtime"], things["operation"], str(world.archipel.id)}
    secrets -= {"archipel", "shop"}  # words that anybody may send, and the examples of the document
    fuzz(
        group,
        Visit(world.alice, {}),
        Visit(world.alice, things),
        Visit(world.vera, things),
        Visit(spy, foreign, frozenset(secrets)),
    )


def ways_named(world: World) -> dict[str, str]:
    """Names that paths and queries take besides, filled with Archipel's."""
    now = utcnow()
    session = UserSession.objects.create(
        user=world.alice.user,
        digest=b"\2" * 32,
        began_at=now,
        seen_at=now,
        expires_at=now + timedelta(hours=1),
    )
    return {
        "tenant": "archipel",
        "owner": str(world.archipel.id),
        "account": str(world.shop.id),
        "email": "nora@example.org",
        "session": str(session.id),
    }


NO_TENANTS = {
    "key", "module", "version", "proposal", "rollout", "gate", "waiver", "sample", "finding", "bill_import", "what_if",
}  # fmt: skip


def test_every_path_names_something_of_another_tenant(world: World) -> None:
    """Keys of the catalog are nobody's, the platform's own things no tenant's; whose a trial is, its secret says."""
    from tests.api.fuzzing import OPERATIONS

    named = {*things_of(world), *ways_named(world), *NO_TENANTS, "trial"}
    taken = {name for operation in OPERATIONS for name in re.findall(r"{(\w+)}", operation.path)}
    assert taken <= named


def test_every_documented_endpoint_is_in_a_group() -> None:
    from tests.api import fuzzing

    assert sorted(fuzzing.GROUPS) == GROUPS
