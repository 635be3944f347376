"""What /metrics says of trials: read from PostgreSQL when asked, so that any process can answer."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import DatabaseError, connection
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry

from controlplane.trials import queries


class TrialsCollector(Collector):
    """One statement; nothing while the database does not answer."""

    def describe(self) -> Iterator[Metric]:
        """Name nothing beforehand, so that registering asks the database nothing."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges of this moment."""
        try:
            with connection.cursor() as cursor:
                cursor.execute(queries.BY_STAGE)
                stages = cursor.fetchall()
        except DatabaseError:
            return
        live = GaugeMetricFamily("nesoi_trials", "Trials that are not over.", labels=["stage"])
        failing = GaugeMetricFamily(
            "nesoi_trials_failing", "Trials whose next duty failed and is tried again.", labels=["stage"]
        )
        for stage, count, troubled in stages:
            live.add_metric([stage], count)
            failing.add_metric([stage], troubled)
        yield live
        yield failing


def register(registry: CollectorRegistry) -> None:
    """Let the registry ask."""
    registry.register(TrialsCollector())
