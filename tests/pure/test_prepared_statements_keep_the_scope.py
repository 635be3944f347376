"""A prepared statement of a web request runs in a transaction, which alone tells PostgreSQL whose rows are to be seen."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from controlplane.tenants.isolation import prepared
from controlplane.tenants.isolation.scopes import platform_scope


class Link:
    in_atomic_block = False


def test_outside_of_a_transaction_one_is_begun_for_it_only_inside_a_scope(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun: list[str] = []

    @contextmanager
    def atomic():  # type: ignore[no-untyped-def]
        begun.append("begun")
        yield

    monkeypatch.setattr(prepared, "connection", Link)
    monkeypatch.setattr(prepared, "_run", lambda sql, _: [{"sql": sql, "begun": len(begun)}])
    monkeypatch.setattr("controlplane.tenants.isolation.prepared.transaction.atomic", atomic)
    assert prepared.rows("SELECT 1", {})[0]["begun"] == 0
    monkeypatch.setattr("controlplane.tenants.isolation.prepared.current_scope", lambda: platform_scope)
    assert prepared.rows("SELECT 1", {})[0]["begun"] == 1
    monkeypatch.setattr(Link, "in_atomic_block", True)
    assert prepared.rows("SELECT 1", {})[0]["begun"] == 1
