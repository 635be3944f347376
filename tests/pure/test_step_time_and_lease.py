"""A configuration in which a step could outlast its worker's lease is refused at the start."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.test import override_settings


@pytest.mark.parametrize(("step", "lease"), [(30, 60), (59, 60)])
def test_a_step_that_ends_before_its_lease_is_fine(step: int, lease: int) -> None:
    with override_settings(STEP_TIMEOUT_SECONDS=step, LEASE_SECONDS=lease):
        call_command("check", tags=["nesoi"])


@pytest.mark.parametrize(("step", "lease"), [(60, 60), (90, 60), (0, 60)])
def test_a_step_that_could_outlast_its_lease_is_refused_with_the_remedy(step: int, lease: int) -> None:
    with (
        override_settings(STEP_TIMEOUT_SECONDS=step, LEASE_SECONDS=lease),
        pytest.raises(SystemCheckError, match=r"nesoi\.E007(.|\n)*Lower STEP_TIMEOUT_SECONDS or raise"),
    ):
        call_command("check", tags=["nesoi"])
