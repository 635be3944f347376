"""The Django application of exports."""

from django.apps import AppConfig


class Exports(AppConfig):
    """FOCUS exports, providers' bills, reconciliation."""

    name = "billing.exports"
    label = "exports"
