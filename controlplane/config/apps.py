"""Registers the system checks."""

from django.apps import AppConfig


class Config(AppConfig):
    """The room where the others are put together."""

    name = "controlplane.config"
    label = "config"

    def ready(self) -> None:
        """Load the checks, which register themselves."""
        from controlplane.config import checks  # noqa: F401
