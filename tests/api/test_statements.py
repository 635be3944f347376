"""What a request costs the database: a bounded, constant number of statements."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.api.asking import WISH, Asking, read

pytestmark = pytest.mark.django_db

LIST_STATEMENTS = 3  # who asks, a page, and of runtimes what is under way
CREATE_STATEMENTS = 9  # token, catalog twice, landscapes, tenant and account, quota, and three rows


def statements(asking: Asking, method: str, path: str, body: object = None, **headers: str) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        response = asking.ask(method, path, body, headers)
    assert response.status_code < 300, response.content
    return [query["sql"] for query in captured.captured_queries if "SAVEPOINT" not in query["sql"]]


@pytest.mark.parametrize("path", ["/runtimes?limit=200", "/operations?limit=200", "/accounts?limit=200"])
def test_a_page_costs_the_same_whatever_it_holds(alice: Asking, path: str) -> None:
    alice.order(name="first")
    few = statements(alice, "GET", path)
    for number in range(12):
        alice.order(name=f"more-{number}")
    many = statements(alice, "GET", path)
    assert len(few) == len(many) <= LIST_STATEMENTS
    assert len(read(alice.get("/runtimes?limit=200"))["results"]) == 13


def test_creating_a_runtime_costs_a_bounded_number_of_statements(alice: Asking) -> None:
    alice.order(name="first")
    found = statements(alice, "POST", "/runtimes", WISH)
    assert len(found) <= CREATE_STATEMENTS, "\n".join(found)


def test_an_idempotency_key_costs_two_statements(alice: Asking) -> None:
    alice.order(name="first")
    bare = statements(alice, "POST", "/runtimes", {**WISH, "name": "bare"})
    keyed = statements(alice, "POST", "/runtimes", {**WISH, "name": "keyed"}, Idempotency_Key="k-1")
    assert len(keyed) == len(bare) + 2
