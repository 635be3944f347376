"""The Django application of statements; it fills the usage store's port."""

from django.apps import AppConfig


class Statements(AppConfig):
    """Statements, charges, adjustments."""

    name = "billing.statements"
    label = "statements"

    def ready(self) -> None:
        """Say which samples a statement that is not sealed still needs."""
        from billing.statements.queries import needed_since
        from billing.usage import ports

        ports.needed_since = needed_since
