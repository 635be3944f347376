"""The Django application of the findings' room; it answers the question that upgrades ask beforehand."""

from django.apps import AppConfig


class Findings(AppConfig):
    """What breaks the rules."""

    name = "provisioner.findings"
    label = "findings"

    def ready(self) -> None:
        """Let blocking findings keep a runtime from being upgraded."""
        from provisioner.findings.beforehand import hindrances
        from provisioner.findings.preflight import blockers
        from provisioner.lifecycle import ports
        from provisioner.steps import preflight_upgrade

        if blockers not in ports.preflight:
            ports.preflight.append(blockers)
        if hindrances not in preflight_upgrade.asked:
            preflight_upgrade.asked.append(hindrances)
