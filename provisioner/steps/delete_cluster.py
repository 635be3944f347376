"""Ask the landscape to remove the cluster."""

from __future__ import annotations

from datetime import timedelta

from provisioner.steps.base import Done, Outcome, Step, StepContext


def run(ctx: StepContext) -> Outcome:
    """Confirm and request the removal; asking twice is harmless."""
    ctx.driver.ensure_absent(ctx.ref)
    return Done()


step = Step(name="delete_cluster", title="Order the removal", run=run, deadline=timedelta(minutes=15))
