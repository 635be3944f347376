"""What every test may ask for."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import pytest

pytest_plugins = ["tests.plugins.simulator"] if find_spec("tests.plugins.simulator") else []


@pytest.fixture
def world(db: None) -> Iterator[object]:
    """The shared cast, on top of the reviewed catalog."""
    from controlplane.catalog.models import Plan
    from tests.world import World, load_catalog

    if not Plan.objects.exists():
        load_catalog()
    yield World()
