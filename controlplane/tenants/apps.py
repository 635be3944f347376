"""The Django application of the tenants' room."""

from django.apps import AppConfig


class Tenants(AppConfig):
    """Tenants, accounts, members, tokens, audit."""

    name = "controlplane.tenants"
    label = "tenants"
