"""The Django application of the notices' room."""

from django.apps import AppConfig


class Notices(AppConfig):
    """The outbox and the demo's mailbox."""

    name = "controlplane.notices"
    label = "notices"

    def ready(self) -> None:
        """Send what tenancy announces."""
        from controlplane.notices.services import notify
        from controlplane.tenants import ports

        ports.notify = notify
