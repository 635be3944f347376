"""The Django application of footprints."""

from django.apps import AppConfig


class Footprint(AppConfig):
    """What runtimes take up, by day."""

    name = "billing.footprint"
    label = "footprint"
