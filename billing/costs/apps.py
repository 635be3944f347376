"""The Django application of costs."""

from django.apps import AppConfig


class Costs(AppConfig):
    """Budgets, anomalies, and what a month costs so far."""

    name = "billing.costs"
    label = "costs"

    def ready(self) -> None:
        """Let admission ask whether a budget is used up, and footprints what nodes cost their tenant."""
        from billing.costs.admission import refuse_exhausted
        from billing.costs.node_costs import contracted_costs
        from billing.footprint import ports as footprint
        from provisioner.lifecycle import ports

        ports.may_begin.append(refuse_exhausted)
        footprint.costs_of = contracted_costs
