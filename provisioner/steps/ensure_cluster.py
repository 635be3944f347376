"""Ask the landscape for the cluster as it is wanted now."""

from __future__ import annotations

from datetime import timedelta

from provisioner.runtimes.spec import ClusterSpec
from provisioner.steps.base import Done, Outcome, Step, StepContext


def needed(cluster: ClusterSpec) -> bool:
    """Say whether there is to be a cluster: a newer wish may have sent it away."""
    return not cluster.destroyed


def run(ctx: StepContext) -> Outcome:
    """Apply the wish, and build in silence only what never was there; whether it succeeds is for the next step to see."""
    ctx.order()
    return Done()


step = Step(
    name="ensure_cluster",
    title="Order the cluster",
    run=run,
    deadline=timedelta(minutes=15),
    needed=needed,
)
