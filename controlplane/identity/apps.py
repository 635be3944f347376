"""The Django application of the identity room."""

from django.apps import AppConfig


class Identity(AppConfig):
    """Identity providers, sign-in, sessions."""

    name = "controlplane.identity"
    label = "identity"

    def ready(self) -> None:
        """End the sessions of whom tenancy removes, and the sign-in of tenants that it closes."""
        from controlplane.identity.providers import disable_all
        from controlplane.identity.sessions import end_sessions_of_member
        from controlplane.tenants import ports

        ports.end_sessions = end_sessions_of_member
        ports.doors.append(disable_all)
