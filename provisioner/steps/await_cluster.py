"""Wait until the landscape has built what was ordered."""

from __future__ import annotations

from datetime import timedelta

from provisioner.drivers.base import Observed, Situation
from provisioner.runtimes.spec import ClusterSpec
from provisioner.steps.base import LOOK_AGAIN, Done, Outcome, Step, StepContext, Wait, wait_for

BUILDING = "The landscape is building the cluster"


def needed(cluster: ClusterSpec) -> bool:
    """Say whether there is to be a cluster: a newer wish may have sent it away."""
    return not cluster.destroyed


def run(ctx: StepContext) -> Outcome:
    """Done when the cluster is ready; one that was given up or sleeps unasked is ordered again, and one that vanished while it
    was first built.
    """
    observed = ctx.driver.observe(ctx.ref)
    settled = observed.situation in {Situation.READY, Situation.UNHEALTHY}
    oversleeps = settled and observed.hibernated and not ctx.cluster.hibernated
    if observed.situation is Situation.READY and not oversleeps:
        return Done()
    if oversleeps or observed.situation in {Situation.ABSENT, Situation.FAILED}:
        # Tries again what may pass, or what a person has mended since.
        observed = ctx.order()
    if observed.situation is Situation.UNHEALTHY and not observed.faults:
        return Wait(_unhealthy(observed), delay=LOOK_AGAIN, progress=observed.progress)
    return wait_for(observed, BUILDING)


def _unhealthy(observed: Observed) -> str:
    troubled = ", ".join(c.type for c in observed.conditions if c.status != "True") or "a condition"
    return f"The cluster is built, but not healthy yet: {troubled}"


step = Step(
    name="await_cluster",
    title="Build the cluster",
    run=run,
    deadline=timedelta(minutes=60),
    max_attempts=30,
    weight=8,
    follows_landscape=True,
    ends_when_ready=True,
    first_wait=Wait(BUILDING, delay=LOOK_AGAIN),
    needed=needed,
)
