"""Chromium's driver keeps an event loop going in its worker's thread, from the first browser test to the end of the run.

Tests that drive no browser may start loops of their own, as the first test of a worker may. Theirs is the whole of a test, its
setup and teardown too: in a thread with a loop Django has other connections than without, so a transaction that was begun
on one side of the switch would not be the one that the test writes in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def without_a_loop(item: pytest.Item) -> Iterator[None]:
    """Hide the driver's loop, unless the test drives a browser."""
    kept = asyncio._get_running_loop()
    if kept is None or item.get_closest_marker("browser"):
        yield
        return
    asyncio._set_running_loop(None)
    try:
        yield
    finally:
        asyncio._set_running_loop(kept)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    """Hide it from the fixtures, of the session too: whoever needs the driver is a browser test."""
    with without_a_loop(item):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Hide it from the test."""
    with without_a_loop(item):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    """Hide it from what ends the fixtures; the one that ends the driver brings its loop back."""
    with without_a_loop(item):
        return (yield)
