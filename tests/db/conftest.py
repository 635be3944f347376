"""What tests of several rooms' rows need."""

from __future__ import annotations

from uuid import UUID

import pytest


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """The runtimes whose operations the observer called, in its order; nobody is called in truth."""
    found: list[UUID] = []

    def wake(*, runtime_ids: list[UUID]) -> int:
        found.extend(runtime_ids)
        return len(runtime_ids)

    monkeypatch.setattr("provisioner.observer.writer.wake", wake)
    return found
