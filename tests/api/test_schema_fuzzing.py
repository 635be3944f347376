"""Schemathesis asks what nobody would: every answer must be one that the OpenAPI document tells."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
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
from tests.matrix import Cells, things_of, undone
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
GROUPS: dict[str, list[Any]] = {}
for one in OPERATIONS:
    GROUPS.setdefault(one.path.removeprefix("/api/v1").split("/")[1] or "index", []).append(one)


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


@dataclass(frozen=True)
class Visit:
    """Somebody who asks, what their paths and queries name, and what no answer to them may tell."""

    person: Person
    names: Mapping[str, str]
    secrets: frozenset[str] = frozenset()

    def ask(self, case: Any) -> None:
        """Ask once, with these ids where the path or the query takes any, and as if nobody had asked before."""
        for place in (case.path_parameters or {}, case.query or {}):
            for name in self.names.keys() & place.keys():
                place[name] = self.names[name]
        with undone():
            answer = case.call_and_validate(headers=self.person.headers, excluded_checks=NOT_ASKED)
        sent = f"{case.path_parameters} {case.query} {case.body}"
        told = {secret for secret in self.secrets if secret in answer.text and secret not in sent}
        assert not told, f"told {told} for {sent}"


def fuzz(group: str, *visits: Visit) -> None:
    """Ask the endpoints of a group in many ways, each way by everybody: to think of one takes longer than to ask."""
    cells, kept = Cells(), []
    for operation in GROUPS[group]:

        @BOUNDED
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            for visit in visits:
                visit.ask(case)

        name = (operation.method.upper(), operation.path)
        kept.append(name)
        with cells.cell(name), one_connection(), told_apart():
            ask()
    cells.all_held(kept)


@contextmanager
def told_apart() -> Iterator[None]:
    """Tell all that is wrong with an answer in one exception that a cell holds."""
    try:
        yield
    except BaseExceptionGroup as many:
        raise AssertionError(f"{many}\n" + "\n".join(str(one) for one in many.exceptions)) from many


each_group = pytest.mark.parametrize("group", sorted(GROUPS))


@each_group
def test_whatever_an_admin_sends_is_answered_as_documented(
    group: str, world: World, things: dict[str, str]
) -> None:
    fuzz(group, Visit(world.alice, {}), Visit(world.alice, things))


@each_group
@pytest.mark.usefixtures("cpu_seconds")
def test_whatever_a_viewer_sends_is_answered_as_documented_and_tells_nothing_of_another_tenant(
    group: str, world: World, things: dict[str, str]
) -> None:
    """With both isolations taken away it does: the API's filters, and row-level security behind them."""
    foreign = {**things_of(world), **ways_named(world)}
    spy = member("spy", world.basalt, Role.VIEWER)
    assert world.main.tenant == world.basalt
    secrets = {*foreign.values(), things["runtime"], things["operation"], str(world.archipel.id)}
    secrets -= {"archipel", "shop"}  # words that anybody may send, and the examples of the document
    fuzz(group, Visit(world.vera, things), Visit(spy, foreign, frozenset(secrets)))


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
