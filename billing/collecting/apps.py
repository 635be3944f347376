"""The Django application of the collector's room: for its command alone, it has no rows."""

from django.apps import AppConfig


class Collecting(AppConfig):
    """Reads every runtime once in each slot."""

    name = "billing.collecting"
    label = "collecting"
