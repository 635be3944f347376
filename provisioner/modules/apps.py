"""The Django application of the modules room."""

from django.apps import AppConfig


class Modules(AppConfig):
    """What is installed in runtimes."""

    name = "provisioner.modules"
    label = "modules"
