"""The buttons that add and remove rows of a form take whatever a browser may send."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.console.fields.rows import press


def pools() -> dict[str, Any]:
    return {"pools": [{"name": "a"}, {"name": "b", "zones": ["one"]}]}


@pytest.mark.parametrize("position", ["²", "٣", "9" * 5000, "-1", "", "99"])
@pytest.mark.parametrize("verb", ["add", "remove"])
def test_a_row_that_can_not_be_is_no_row(verb: str, position: str) -> None:
    parameters = pools()
    press(parameters, f"{verb}:parameters.pools.{position}")
    assert parameters == pools()


def test_a_row_is_added_and_taken_away() -> None:
    parameters = pools()
    press(parameters, "add:parameters.pools")
    press(parameters, "remove:parameters.pools.0")
    press(parameters, "remove:parameters.pools.0.zones.0")
    assert parameters == {"pools": [{"name": "b", "zones": []}, {}]}
