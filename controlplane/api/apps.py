"""The Django application of the REST API."""

from django.apps import AppConfig


class Api(AppConfig):
    """REST API v1."""

    name = "controlplane.api"
    label = "api"
