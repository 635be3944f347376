"""What /metrics says of operations: read from PostgreSQL when asked, so that any process can answer."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import DatabaseError, connection
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry

from provisioner.operations import reading


class OperationsCollector(Collector):
    """One statement over what is open; nothing while the database does not answer."""

    def describe(self) -> Iterator[Metric]:
        """Name nothing beforehand, so that registering asks the database nothing."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges of this moment."""
        try:
            with connection.cursor() as cursor:
                cursor.execute(reading.OPEN_NOW)
                rows = cursor.fetchall()
        except DatabaseError:
            return
        by_state = GaugeMetricFamily("nesoi_operations_open", "Open operations.", labels=["kind", "state"])
        for kind, state, count, _, _ in rows:
            by_state.add_metric([kind, state], count)
        yield by_state
        due = sum(row[3] for row in rows)
        oldest = max((row[4] for row in rows), default=0.0)
        yield GaugeMetricFamily("nesoi_operations_due", "Operations that wait for a worker.", value=due)
        yield GaugeMetricFamily(
            "nesoi_operations_oldest_due_seconds",
            "How long the oldest in front has waited.",
            value=oldest,
        )


def register(registry: CollectorRegistry) -> None:
    """Let the registry ask."""
    registry.register(OperationsCollector())
