"""Property tests on a machine that is busy with other things: how long a value takes to make says nothing about the product."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("nesoi", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("nesoi")
