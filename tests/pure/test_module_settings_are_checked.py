"""A production installation that could pull no image of a module does not start."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import override_settings

from controlplane.config.checks import modules_come_from_somewhere


def found(**changed: Any) -> list[str | None]:
    with override_settings(**{"EMBEDDED": False, "MODULE_REGISTRY": "registry.nesoi.dev/modules", **changed}):
        return [one.id for one in modules_come_from_somewhere(None)]


@pytest.mark.parametrize(
    "registry",
    [
        "registry.nesoi.example/modules",
        "registry.example.com/x",
        "localhost/x",
        "a.invalid",
        "https://r.nesoi.dev/x",
        "",
        "a b",
    ],
)
def test_a_registry_that_can_not_be_is_refused(registry: str) -> None:
    assert found(MODULE_REGISTRY=registry) == ["nesoi.E013"]


def test_a_registry_of_ones_own_is_taken_and_the_embedded_stack_needs_none() -> None:
    assert found() == []
    assert found(MODULE_REGISTRY="10.0.0.7:5000") == []
    assert found(EMBEDDED=True, MODULE_REGISTRY="registry.nesoi.example/modules") == []


def test_other_settings_of_modules_are_read_at_the_start() -> None:
    assert found(MODULE_SOURCE_NETWORKS=["everything"]) == ["nesoi.E014"]
    for seconds in (0.0, -1.0, float("inf"), float("nan")):
        assert found(HELM_SECONDS=seconds) == ["nesoi.E015"]
    assert found(HELM_BINARY="/nowhere/helm") == ["nesoi.W002"]
