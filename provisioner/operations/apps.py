"""The Django application of the operations' room."""

from django.apps import AppConfig


class Operations(AppConfig):
    """Durable work on runtimes."""

    name = "provisioner.operations"
    label = "operations"
