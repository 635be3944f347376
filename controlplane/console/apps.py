"""The Django application of the console."""

from django.apps import AppConfig


class Console(AppConfig):
    """The tenants' console."""

    name = "controlplane.console"
    label = "console"
