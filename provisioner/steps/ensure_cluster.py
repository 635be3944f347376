"""Ask the landscape for the cluster as it is wanted now."""

from __future__ import annotations

from datetime import timedelta

from provisioner.steps.base import Done, Outcome, Step, StepContext


def run(ctx: StepContext) -> Outcome:
    """Apply the wish; whether it succeeds is for the next step to see."""
    ctx.driver.ensure(ctx.wanted)
    return Done()


step = Step(name="ensure_cluster", title="Order the cluster", run=run, deadline=timedelta(minutes=15))
