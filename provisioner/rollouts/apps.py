"""The Django application of the rollouts' room."""

from django.apps import AppConfig


class Rollouts(AppConfig):
    """Releases to the fleet."""

    name = "provisioner.rollouts"
    label = "rollouts"
