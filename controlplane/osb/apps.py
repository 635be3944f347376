"""The Django application of the broker's room; it fills a port that a lower room declares."""

from django.apps import AppConfig


class Broker(AppConfig):
    """Service instances and bindings of other platforms, and their credentials."""

    name = "controlplane.osb"
    label = "osb"

    def ready(self) -> None:
        """Go along when an account moves, and end the credentials of a tenant that is closed."""
        from controlplane.osb.credentials import revoke_all
        from controlplane.osb.moving import carry_instances
        from controlplane.tenants import ports
        from provisioner.lifecycle.move import carried

        ports.doors.append(revoke_all)
        carried.append(carry_instances)
