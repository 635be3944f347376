"""Prove that the cluster's own API answers and has nodes to work on."""

from __future__ import annotations

from datetime import timedelta

from provisioner.steps.base import Done, Outcome, Step, StepContext, Wait

LOOK_AGAIN = timedelta(seconds=5)


def run(ctx: StepContext) -> Outcome:
    """Done when at least one node is Ready; a suspended cluster has none and needs none."""
    if ctx.cluster.suspended:
        return Done()
    nodes = ctx.driver.probe(ctx.ref)
    if nodes == 0:
        return Wait("The cluster's API answers, but no node is ready yet", delay=LOOK_AGAIN)
    return Done(f"{nodes} nodes are ready")


step = Step(
    name="verify_access", title="Check access", run=run, deadline=timedelta(minutes=15), max_attempts=20
)
