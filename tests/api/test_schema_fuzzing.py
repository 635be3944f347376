"""Schemathesis asks what nobody would: every answer must be one that the OpenAPI document tells."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, cast

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from controlplane.identity.models import UserSession
from controlplane.kernel.clock import utcnow
from controlplane.tenants.access import Role
from tests.api.asking import Asking
from tests.matrix import things_of
from tests.world import Person, World, member

pytestmark = pytest.mark.django_db

EXAMPLES = 12
# A schema can't tell which names are taken, which accounts exist, or what state an operation is in.
NOT_ASKED = [positive_data_acceptance]
BOUNDED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    database=None,
)


SCHEMA = schemathesis.openapi.from_wsgi("/api/v1/schema", get_wsgi_application())
OPERATIONS: list[Any] = [cast("Any", result).ok() for result in SCHEMA.get_all_operations()]


@contextmanager
def one_connection() -> Iterator[None]:
    """Requests inside the test's transaction: Django would close its connection around each.

    Its own test client connects these signals again after every request, so this begins behind the last of those.
    """
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


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


def nothing(case: Any, answer: Any) -> None:
    """Expect no more of an answer than that it is documented."""


def fuzz(
    operation: Any,
    person: Person,
    things: Mapping[str, str],
    *,
    expect: Callable[[Any, Any], None] = nothing,
) -> None:
    """Ask one endpoint in many ways, with the things' ids in its path and its query where there are any."""

    @BOUNDED
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        for place in (case.path_parameters or {}, case.query or {}):
            for name in things.keys() & place.keys():
                place[name] = things[name]
        answer = case.call_and_validate(headers=person.headers, excluded_checks=NOT_ASKED)
        expect(case, answer)

    with one_connection():
        ask()


def each_operation(test: Any) -> Any:
    return pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)(test)


@each_operation
def test_whatever_an_admin_sends_is_answered_as_documented(operation: Any, world: World) -> None:
    fuzz(operation, world.alice, {})


@each_operation
def test_whatever_an_admin_does_to_things_that_are_there(
    operation: Any, world: World, things: dict[str, str]
) -> None:
    fuzz(operation, world.alice, things)


@each_operation
def test_whatever_a_viewer_sends_is_answered_as_documented(
    operation: Any, world: World, things: dict[str, str]
) -> None:
    fuzz(operation, world.vera, things)


@each_operation
def test_whatever_a_viewer_asks_about_another_tenant_nothing_of_it_comes_back(
    operation: Any, world: World, things: dict[str, str]
) -> None:
    """With both isolations taken away it does: the API's filters, and row-level security behind them."""
    foreign = {**things_of(world), **ways_named(world)}
    spy = member("spy", world.basalt, Role.VIEWER)
    assert world.main.tenant == world.basalt
    secrets = {*foreign.values(), things["runtime"], things["operation"], str(world.archipel.id)}
    secrets -= {"archipel", "shop"}  # words that anybody may send, and the examples of the document

    def tells_nothing(case: Any, answer: Any) -> None:
        sent = f"{case.path_parameters} {case.query} {case.body}"
        told = {secret for secret in secrets if secret in answer.text and secret not in sent}
        assert not told, f"{operation.label} told {told} for {sent}"

    fuzz(operation, spy, foreign, expect=tells_nothing)


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


def test_every_path_names_something_of_another_tenant(world: World) -> None:
    """A plan's key is nobody's; whose a trial is, its secret says."""
    named = {*things_of(world), *ways_named(world), "key", "trial"}
    taken = {name for operation in OPERATIONS for name in re.findall(r"{(\w+)}", operation.path)}
    assert taken <= named
