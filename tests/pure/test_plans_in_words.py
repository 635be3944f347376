"""A rollout's page says in words what was planned."""

from __future__ import annotations

import pytest

from controlplane.console.presenters.plans_in_words import plan_lines


@pytest.mark.parametrize(
    ("hours", "told"), [(24.0, "24 h before the first"), (0.5, "0.5 h before the first"), (0, "none")]
)
def test_how_long_before_tenants_are_told_is_said(hours: float, told: str) -> None:
    assert dict(plan_lines({"notice_hours": hours}))["Notice to tenants"] == told
    assert "Notice to tenants" not in dict(plan_lines({}))
