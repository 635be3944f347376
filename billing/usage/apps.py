"""The Django application of the usage store."""

from django.apps import AppConfig


class Usage(AppConfig):
    """Spans, samples, hours, days."""

    name = "billing.usage"
    label = "usage"
