"""The Django application of row-level security: roles and policies are its migrations."""

from django.apps import AppConfig


class Isolation(AppConfig):
    """Database roles, policies, and the functions that look across tenants on purpose."""

    name = "controlplane.tenants.isolation"
    label = "isolation"
