"""The Django application of the tenants' room."""

from importlib import import_module

from django.apps import AppConfig


class Tenants(AppConfig):
    """Tenants, accounts, members, tokens, audit."""

    name = "controlplane.tenants"
    label = "tenants"

    def import_models(self) -> None:
        """Know the models of the other files too."""
        super().import_models()
        import_module("controlplane.tenants.access_models")
        import_module("controlplane.tenants.export_models")
