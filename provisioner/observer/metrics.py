"""What /metrics says of landscapes and their observers: read from PostgreSQL when asked, so that any process can answer."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import DatabaseError, connection
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry

from provisioner.landscapes.models import Breaker
from provisioner.observer import queries

# As `queries.LANDSCAPES_NOW` returns them behind key and breaker; a moment that never was is left out.
GAUGES = (
    ("nesoi_landscape_budget_tokens", "Calls that the landscape's budget has left."),
    (
        "nesoi_observer_observed_timestamp_seconds",
        "When the landscape's watch last said anything, bookmarks included.",
    ),
    (
        "nesoi_observer_silence_seconds",
        "How long ago that was, or the landscape was registered; grows while nobody observes.",
    ),
    (
        "nesoi_observer_lag_seconds",
        "The longest from a change to our writing it, of those last written; landscapes tell whole seconds.",
    ),
    ("nesoi_landscape_orphans", "Clusters that no living runtime owns, at the last audit."),
    ("nesoi_landscape_missing_clusters", "Settled runtimes without a cluster, at the last audit."),
    ("nesoi_landscape_audited_timestamp_seconds", "When the last audit was."),
    ("nesoi_landscape_drifted_clusters", "Clusters that are not as wanted and not mended yet."),
)


class LandscapesCollector(Collector):
    """One statement over the landscapes; nothing while the database does not answer. The only label is the landscape."""

    def describe(self) -> Iterator[Metric]:
        """Name nothing beforehand, so that registering asks the database nothing."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges of this moment."""
        try:
            with connection.cursor() as cursor:
                cursor.execute(queries.LANDSCAPES_NOW)
                rows = cursor.fetchall()
        except DatabaseError:
            return
        breakers = GaugeMetricFamily(
            "nesoi_landscape_breaker",
            "1 for the state that the breaker is in.",
            labels=["landscape", "state"],
        )
        for key, breaker, *_ in rows:
            for state in Breaker.values:
                breakers.add_metric([key, state], float(breaker == state))
        yield breakers
        for at, (name, meaning) in enumerate(GAUGES, start=2):
            gauge = GaugeMetricFamily(name, meaning, labels=["landscape"])
            for row in rows:
                if row[at] is not None:
                    gauge.add_metric([row[0]], float(row[at]))
            yield gauge


def register(registry: CollectorRegistry) -> None:
    """Let the registry ask."""
    registry.register(LandscapesCollector())
