"""The Django application of the landscapes' room."""

from django.apps import AppConfig


class Landscapes(AppConfig):
    """The places that build clusters."""

    name = "provisioner.landscapes"
    label = "landscapes"
