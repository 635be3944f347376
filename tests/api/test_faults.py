"""When something of ours fails, the answer is a problem that says when to try again, and nothing of the inside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
from django.db import InterfaceError, OperationalError
from django.http import HttpResponse

from tests.api.asking import Asking, problem, read

pytestmark = pytest.mark.django_db


def failing(error: Exception) -> Callable[..., Any]:
    def fail(*arguments: object, **named: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    "error", [OperationalError("couldn't get a connection after 5.00 sec"), InterfaceError("closed")]
)
def test_a_database_that_does_not_answer_is_a_503(
    alice: Asking, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr("controlplane.api.scope.runtimes", failing(error))
    response = alice.get("/runtimes")
    assert problem(response) == (503, "database_unavailable")
    assert int(response["Retry-After"]) > 0
    assert str(error) not in response.content.decode()


def test_a_token_that_can_not_be_looked_up_is_a_503_and_no_401(
    alice: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controlplane.api.auth.find_bearer", failing(OperationalError("gone")))
    assert problem(alice.get("/runtimes")) == (503, "database_unavailable")


def test_what_nobody_foresaw_shows_its_request_id_and_no_insides(
    alice: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controlplane.api.scope.runtimes", failing(RuntimeError("secret insides")))
    with pytest.raises(AssertionError, match="answered 500"):
        alice.get("/runtimes")
    response = cast("HttpResponse", alice._client.get("/api/v1/runtimes"))
    assert problem(response) == (500, "internal_error")
    assert read(response)["request_id"] == response["X-Request-ID"]
    assert "secret" not in response.content.decode()
