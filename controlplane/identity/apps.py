"""The Django application of the identity room."""

from django.apps import AppConfig


class Identity(AppConfig):
    """Identity providers, sign-in, sessions."""

    name = "controlplane.identity"
    label = "identity"

    def ready(self) -> None:
        """End the sessions of whom tenancy removes."""
        from controlplane.identity.sessions import end_sessions_of_member
        from controlplane.tenants import ports

        ports.end_sessions = end_sessions_of_member
