"""Asks the documented endpoints in ways that schemathesis thinks of.

Only what fuzzes imports this: the document and its reader take seconds to load.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.matrix import Cells, undone
from tests.world import Person

EXAMPLES = 8
# A schema can't tell which names are taken, which accounts exist, or what state an operation is in.
NOT_ASKED = [positive_data_acceptance]
BOUNDED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    database=None,
)


def group_of(path: str) -> str:
    """The first word of a path below /api/v1/."""
    return path.partition("/")[0] or "index"


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


with one_connection():  # whoever fuzzes first is in a transaction by now
    SCHEMA = schemathesis.openapi.from_wsgi("/api/v1/schema", get_wsgi_application())
OPERATIONS: list[Any] = [cast("Any", result).ok() for result in SCHEMA.get_all_operations()]
GROUPS: dict[str, list[Any]] = {}
for one in OPERATIONS:
    GROUPS.setdefault(group_of(one.path.removeprefix("/api/v1/")), []).append(one)


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
