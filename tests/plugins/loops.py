"""Chromium's driver keeps an event loop going in its worker's thread, from the first browser test to the end of the run."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def a_thread_without_a_loop(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let tests that drive no browser start loops of their own, as the first test of a worker may."""
    kept = asyncio._get_running_loop()
    if kept is None or request.node.get_closest_marker("browser"):
        yield
        return
    asyncio._set_running_loop(None)
    yield
    asyncio._set_running_loop(kept)
