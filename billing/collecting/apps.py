"""The Django application of the collector's room: for its command and its metrics, it has no rows."""

from django.apps import AppConfig


class Collecting(AppConfig):
    """Reads every runtime once in each slot."""

    name = "billing.collecting"
    label = "collecting"

    def ready(self) -> None:
        """Let /metrics say how much of the fleet's time is known."""
        from prometheus_client import REGISTRY

        from billing.collecting import coverage_metrics

        coverage_metrics.register(REGISTRY)
