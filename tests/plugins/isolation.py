"""Every request of a test is answered as `nesoi_web`, as in production, though the test itself works as the tables' owner."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(autouse=True)
def requests_run_as_web(monkeypatch: pytest.MonkeyPatch) -> None:
    """Change the role around what answers Django's test client."""
    from django.db import connection
    from django.test.client import ClientHandler

    from controlplane.tenants.isolation.roles import WEB
    from tests.database_roles import acting_as

    answer = ClientHandler.get_response

    def answer_as_web(self: ClientHandler, request: Any) -> Any:
        if connection.connection is None and not connection.in_atomic_block:
            return answer(self, request)
        with acting_as(WEB):
            return answer(self, request)

    monkeypatch.setattr(ClientHandler, "get_response", answer_as_web)
