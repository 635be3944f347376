"""The Django application of the trials' room."""

from django.apps import AppConfig
from prometheus_client import REGISTRY


class Trials(AppConfig):
    """Sign-ups, trials, the waiting list and the rules against abuse."""

    name = "controlplane.trials"
    label = "trials"

    def ready(self) -> None:
        """Let /metrics tell of trials."""
        from controlplane.trials import metrics

        metrics.register(REGISTRY)
