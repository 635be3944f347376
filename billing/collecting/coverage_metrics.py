"""What /metrics says of the fleet's coverage: read from PostgreSQL when asked, so that any process can answer."""

from __future__ import annotations

import time
from collections.abc import Iterator

from django.db import DatabaseError
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry

from billing.collecting.coverage import closed_until, fleet_coverage, hours_not_made

KEPT_SECONDS = 60.0  # it changes once an hour, and costs a look at every runtime's row


class CoverageCollector(Collector):
    """Four statements a minute at most; nothing while the database does not answer."""

    def __init__(self) -> None:
        self._kept: list[Metric] = []
        self._until = 0.0

    def describe(self) -> Iterator[Metric]:
        """Name nothing beforehand, so that registering asks the database nothing."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges of this minute."""
        if time.monotonic() >= self._until:
            try:
                self._kept = list(_gauges())
            except DatabaseError:
                return
            self._until = time.monotonic() + KEPT_SECONDS
        yield from self._kept


def _gauges() -> Iterator[Metric]:
    shares = GaugeMetricFamily(
        "nesoi_usage_coverage_ratio",
        "Of all runtimes' time in the last hour and day that are over, what was observed, inferred, or is unknown.",
        labels=["window", "state"],
    )
    for window, found in fleet_coverage().items():
        for state, share in found.shares.items():
            shares.add_metric([window, state], share)
    yield shares
    if (reached := closed_until()) is not None:
        yield GaugeMetricFamily(
            "nesoi_usage_closed_until_timestamp_seconds",
            "End of the last hour whose unknown time was booked.",
            value=reached.timestamp(),
        )
    yield GaugeMetricFamily(
        "nesoi_usage_hours_not_made",
        "Hours that could not be made of what is stored.",
        value=hours_not_made(),
    )


def register(registry: CollectorRegistry) -> None:
    """Let the registry ask."""
    registry.register(CoverageCollector())
