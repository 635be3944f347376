"""Registers the system checks and the Celery application."""

from django.apps import AppConfig


class Config(AppConfig):
    """The room where the others are put together."""

    name = "controlplane.config"
    label = "config"

    def ready(self) -> None:
        """Load the checks, which register themselves, and the application that sends and receives messages."""
        from controlplane.config import celery, checks  # noqa: F401
