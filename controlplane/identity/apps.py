"""The Django application of the identity room."""

from django.apps import AppConfig


class Identity(AppConfig):
    """Identity providers, sign-in, sessions."""

    name = "controlplane.identity"
    label = "identity"
