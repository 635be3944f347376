"""The Django application of statements; it fills ports of the usage store and of rollouts."""

from django.apps import AppConfig


class Statements(AppConfig):
    """Statements, charges, adjustments."""

    name = "billing.statements"
    label = "statements"

    def ready(self) -> None:
        """Say what months leave of credits, which samples an open month still needs, and what a rollout's tenants are billed."""
        from billing.books import ports as books
        from billing.statements.balances import as_drafted
        from billing.statements.given import limits_as_drafted
        from billing.statements.queries import needed_since
        from billing.statements.revenue import last_statements
        from billing.usage import ports
        from provisioner.rollouts import ports as rollouts

        books.left_for = as_drafted
        books.limits_for = limits_as_drafted
        ports.needed_since = needed_since
        rollouts.revenue = last_statements
