"""The Django application of footprints."""

from django.apps import AppConfig


class Footprint(AppConfig):
    """What runtimes take up, by day."""

    name = "billing.footprint"
    label = "footprint"

    def ready(self) -> None:
        """Tell rollouts by how much upgraded runtimes have grown."""
        from billing.footprint.growth import platform_growth
        from provisioner.rollouts import ports

        ports.footprint_change = platform_growth
