"""Looks for circles among objects seldom: what a run has loaded stays until its end, and each look at it again takes long."""

from __future__ import annotations

import gc
from collections.abc import Generator

import pytest

YOUNG, LOOKS = 50_000, 20  # objects until the first look at them, and such looks until one at the middle-aged


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look at nothing while all is loaded, then leave it out of every later look."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.set_threshold(YOUNG, LOOKS)
        gc.enable()
