"""What /metrics says of rollouts: read from PostgreSQL when asked, so that any process can answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.db import DatabaseError, transaction
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry

from controlplane.catalog.hops import numbers
from controlplane.tenants.isolation.prepared import rows
from provisioner.rollouts import metrics_queries as sql


class RolloutsCollector(Collector):
    """A few statements over tallies of what is under way, however many targets; nothing while the database does not answer."""

    def describe(self) -> Iterator[Metric]:
        """Name nothing beforehand, so that registering asks the database nothing."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges of this moment."""
        try:
            with transaction.atomic():
                tallies, held = rows(sql.TALLIES, {}), rows(sql.HELD, {})
                gates, open_ends = rows(sql.GATES, {}), rows(sql.OPEN_ENDS, {})
                stopped = rows(sql.STOPPED, {})[0]["engaged"]
        except DatabaseError:
            return
        yield _targets(tallies)
        yield _states(held)
        yield _gates(gates)
        yield _left(open_ends)
        told = "1 while the emergency stop of all rollouts is engaged."
        yield GaugeMetricFamily("nesoi_rollouts_emergency_stop", told, value=int(stopped))


def _targets(found: list[dict[str, Any]]) -> Metric:
    told = "Targets of rollouts under way, by stage, state and reason (of a failure: what it is grouped by)."
    gauge = GaugeMetricFamily(
        "nesoi_rollout_targets", told, labels=["rollout", "id", "stage", "state", "reason"]
    )
    for row in found:
        gauge.add_metric(
            [row["name"], str(row["id"]), row["stage"], row["state"], row["code"]], row["targets"]
        )
    return gauge


def _states(found: list[dict[str, Any]]) -> Metric:
    told = "Rollouts under way: 1 for the state that each is in."
    gauge = GaugeMetricFamily("nesoi_rollout_state", told, labels=["rollout", "id", "state"])
    for row in found:
        gauge.add_metric([row["name"], str(row["id"]), row["state"]], 1)
    return gauge


def _gates(found: list[dict[str, Any]]) -> Metric:
    told = "For how long gates of running rollouts have been asked and are not open."
    gauge = GaugeMetricFamily(
        "nesoi_rollout_gate_waiting_seconds", told, labels=["rollout", "id", "stage", "gate"]
    )
    for row in found:
        gauge.add_metric([row["name"], str(row["id"]), row["stage"], row["kind"]], row["seconds"])
    return gauge


def _left(found: list[dict[str, Any]]) -> Metric:
    told = "Runtimes that rollouts of the last 30 days left on an older release, by whether somebody answers for them."
    gauge = GaugeMetricFamily("nesoi_rollout_left_behind", told, labels=["rollout", "id", "waived"])
    count: Counter[tuple[str, str, str]] = Counter()
    for row in found:
        if _older(row["present"], row["wanted"]):
            count[row["name"], str(row["id"]), "true"] += row["waived"]
            count[row["name"], str(row["id"]), "false"] += row["behind"] - row["waived"]
    for labels, runtimes in count.items():
        gauge.add_metric(list(labels), runtimes)
    return gauge


def _older(present: str, wanted: str) -> bool:
    try:
        return numbers(present) < numbers(wanted)
    except ValueError:
        return True  # a release that nobody published is no newer one


def register(registry: CollectorRegistry) -> None:
    """Let the registry ask."""
    registry.register(RolloutsCollector())
