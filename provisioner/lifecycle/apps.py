"""The Django application of the lifecycle room; it fills the ports that lower rooms declare."""

from django.apps import AppConfig


class Lifecycle(AppConfig):
    """The doors through which runtimes change."""

    name = "provisioner.lifecycle"
    label = "lifecycle"
