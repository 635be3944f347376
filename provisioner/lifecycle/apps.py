"""The Django application of the lifecycle room; it fills the ports that lower rooms declare."""

from django.apps import AppConfig


class Lifecycle(AppConfig):
    """The doors through which runtimes change."""

    name = "provisioner.lifecycle"
    label = "lifecycle"

    def ready(self) -> None:
        """Answer the catalog's question, and that of tenancy."""
        from controlplane.catalog import ports
        from controlplane.tenants import ports as tenancy
        from provisioner.lifecycle import ports as asked
        from provisioner.lifecycle.living import living_runtimes
        from provisioner.lifecycle.module_ports import blockers, release_faults, set_faults
        from provisioner.lifecycle.stranding import in_use

        ports.in_use = in_use
        ports.release_faults, ports.module_faults = release_faults, set_faults
        asked.preflight.append(blockers)
        tenancy.living.append(living_runtimes)
