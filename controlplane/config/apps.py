"""Registers the system checks and the Celery application, and says how secrets are sealed."""

from django.apps import AppConfig


class Config(AppConfig):
    """The room where the others are put together."""

    name = "controlplane.config"
    label = "config"

    def ready(self) -> None:
        """Load the checks, which register themselves, the application that sends messages, and the keys' settings."""
        from controlplane.config import celery, checks  # noqa: F401
        from controlplane.config.sealing import configure_sealing

        configure_sealing()
