"""The Django application of the runtimes' room."""

from django.apps import AppConfig


class Runtimes(AppConfig):
    """Managed, isolated clusters."""

    name = "provisioner.runtimes"
    label = "runtimes"
