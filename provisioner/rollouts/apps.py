"""The Django application of the rollouts' room."""

from django.apps import AppConfig
from prometheus_client import REGISTRY


class Rollouts(AppConfig):
    """Releases to the fleet."""

    name = "provisioner.rollouts"
    label = "rollouts"

    def ready(self) -> None:
        """Let moving an account take along what is ours, forced upgrades heed it, and /metrics tell of rollouts."""
        from provisioner.lifecycle import move, ports
        from provisioner.rollouts import forcing, metrics
        from provisioner.rollouts.carrying import carry

        if carry not in move.carried:
            move.carried.append(carry)
        ports.stopped, ports.openings = forcing.stopped, forcing.openings
        metrics.register(REGISTRY)
