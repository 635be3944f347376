"""The Django application of the operations' room."""

from django.apps import AppConfig
from prometheus_client import REGISTRY


class Operations(AppConfig):
    """Durable work on runtimes."""

    name = "provisioner.operations"
    label = "operations"

    def ready(self) -> None:
        """Let /metrics tell of operations."""
        from provisioner.operations import metrics

        metrics.register(REGISTRY)
