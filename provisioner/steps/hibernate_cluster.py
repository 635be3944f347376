"""Ask the landscape to put the cluster to sleep."""

from __future__ import annotations

from datetime import timedelta

from provisioner.drivers.base import Situation
from provisioner.runtimes.spec import ClusterSpec
from provisioner.steps.base import Done, Outcome, Step, StepContext

NOTHING_THERE = "There is no cluster that could sleep"


def needed(cluster: ClusterSpec) -> bool:
    """Say whether the cluster is to sleep: it may have to go instead, or be woken by a newer wish."""
    return cluster.hibernated


def run(ctx: StepContext) -> Outcome:
    """Apply the sleeping wish; a cluster that is not there is not built for that."""
    if ctx.driver.observe(ctx.ref).situation is Situation.ABSENT:
        return Done(NOTHING_THERE)
    ctx.driver.change(ctx.wanted)
    return Done()


step = Step(
    name="hibernate_cluster",
    title="Order the hibernation",
    run=run,
    deadline=timedelta(minutes=15),
    needed=needed,
)
