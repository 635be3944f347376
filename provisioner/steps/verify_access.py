"""Prove that the cluster's own API answers and has nodes to work on."""

from __future__ import annotations

from datetime import timedelta

from provisioner.runtimes.inside import is_ready
from provisioner.steps.base import Done, Outcome, Step, StepContext, Wait

LOOK_AGAIN = timedelta(seconds=5)


def run(ctx: StepContext) -> Outcome:
    """Done when at least one node is Ready; a suspended cluster has none and needs none."""
    if ctx.cluster.suspended:
        return Done()
    nodes = _ready_nodes(ctx)
    if nodes == 0:
        return Wait("The cluster's API answers, but no node is ready yet", delay=LOOK_AGAIN)
    return Done(f"{nodes} nodes are ready")


def _ready_nodes(ctx: StepContext) -> int:
    """Look through the door that the next steps go through, where they go inside; else as a viewer."""
    if not ctx.cluster.modules:
        return ctx.driver.probe(ctx.ref)
    with ctx.inside() as api:
        return sum(is_ready(node) for node in api.list("v1", "Node"))


step = Step(
    name="verify_access", title="Check access", run=run, deadline=timedelta(minutes=15), max_attempts=20
)
