"""The Django application of the trials' room."""

from django.apps import AppConfig
from prometheus_client import REGISTRY


class Trials(AppConfig):
    """Sign-ups, trials, the waiting list and the rules against abuse."""

    name = "controlplane.trials"
    label = "trials"

    def ready(self) -> None:
        """Let /metrics tell of trials, and tenancy know which tenants are."""
        from controlplane.tenants import ports
        from controlplane.trials import metrics
        from controlplane.trials.ending import end_with_tenant
        from controlplane.trials.tenants import on_trial

        metrics.register(REGISTRY)
        ports.on_trial = on_trial
        ports.doors.append(end_with_tenant)
