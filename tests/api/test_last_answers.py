"""What is answered when nothing else could be: malformed requests, and a database that is away."""

from __future__ import annotations

import pytest
from django.db import OperationalError
from django.test import Client
from psycopg_pool import PoolTimeout

from controlplane.console import queries
from tests.signed_in import browse
from tests.world import World

pytestmark = pytest.mark.django_db


def test_a_host_that_is_not_ours_gets_a_problem() -> None:
    answer = Client().get("/api/v1/plans", headers={"Host": "evil.example"})
    assert answer.status_code == 400
    assert answer.json()["code"] == "bad_request"


@pytest.mark.parametrize("fault", [OperationalError("gone"), PoolTimeout("none free")], ids=repr)
def test_a_page_says_503_while_the_database_is_away(
    world: World, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    def gone(*_: object) -> None:
        raise fault

    client = browse(world.alice)
    client.raise_request_exception = False
    monkeypatch.setattr(queries, "runtime_page", gone)
    answer = client.get("/")
    assert answer.status_code == 503
    assert answer["Retry-After"]
    assert b"does not answer" in answer.content


def test_an_address_that_is_not_there_is_a_problem_for_programs_and_a_page_for_people() -> None:
    assert Client().get("/api/v1/nothing.here").json()["code"] == "not_found"
    assert b"<html" in Client().get("/nothing").content
