"""The Django application of the broker's room."""

from django.apps import AppConfig


class Broker(AppConfig):
    """Service instances and bindings of other platforms, and their credentials."""

    name = "controlplane.osb"
    label = "osb"
