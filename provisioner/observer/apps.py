"""The Django application of the observer's room."""

from django.apps import AppConfig
from prometheus_client import REGISTRY


class Observer(AppConfig):
    """The eyes on the landscapes."""

    name = "provisioner.observer"
    label = "observer"

    def ready(self) -> None:
        """Let /metrics tell of landscapes."""
        from provisioner.observer import metrics

        metrics.register(REGISTRY)
