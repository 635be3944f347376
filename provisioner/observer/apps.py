"""The Django application of the observer's room (it has no rows of its own, only a command)."""

from django.apps import AppConfig


class Observer(AppConfig):
    """The eyes on the landscapes."""

    name = "provisioner.observer"
    label = "observer"
