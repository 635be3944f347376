"""What the tests of the REST API share."""

from __future__ import annotations

import pytest

from tests.api.asking import Asking
from tests.world import World


@pytest.fixture(autouse=True)
def somewhere_to_build(world: World) -> None:
    assert world.landscape.accepting
    assert world.shop.tenant == world.archipel


@pytest.fixture
def alice(world: World) -> Asking:
    return Asking(world.alice)


@pytest.fixture
def vera(world: World) -> Asking:
    return Asking(world.vera)


@pytest.fixture
def bob(world: World) -> Asking:
    assert world.main.tenant == world.basalt
    return Asking(world.bob)


@pytest.fixture
def sam(world: World) -> Asking:
    return Asking(world.sam)
