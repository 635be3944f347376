"""Wait until the cluster sleeps: no node runs, what it stored is kept."""

from __future__ import annotations

from datetime import timedelta

from provisioner.drivers.base import Situation
from provisioner.runtimes.spec import ClusterSpec
from provisioner.steps.base import LOOK_AGAIN, Done, Outcome, Step, StepContext, Wait, wait_for

FALLING_ASLEEP = "The landscape is hibernating the cluster"


def needed(cluster: ClusterSpec) -> bool:
    """Say whether the cluster is to sleep: it may have to go instead, or be woken by a newer wish."""
    return cluster.hibernated


def run(ctx: StepContext) -> Outcome:
    """Done when it sleeps, or is not there at all; what the landscape gave up is asked for again, or has settled on awake."""
    observed = ctx.driver.observe(ctx.ref)
    settled = observed.situation in {Situation.READY, Situation.UNHEALTHY}
    if (settled and observed.hibernated) or observed.situation is Situation.ABSENT:
        return Done()
    # Awake and at rest, nobody has told it to sleep: the order was skipped, or somebody woke it since. Once told, it changes.
    if settled or observed.situation is Situation.FAILED:
        observed = ctx.driver.change(ctx.wanted)
    return wait_for(observed, FALLING_ASLEEP)


step = Step(
    name="await_sleep",
    title="Hibernate the cluster",
    run=run,
    deadline=timedelta(minutes=60),
    max_attempts=30,
    weight=8,
    follows_landscape=True,
    ends_when_ready=True,
    first_wait=Wait(FALLING_ASLEEP, delay=LOOK_AGAIN),
    needed=needed,
    # Behind it the runtime counts as suspended and takes nothing of its tenant's quota: nodes that still ran would cost all the
    # same.
    skip_needs=Situation.ABSENT,
    skip_refusal="The cluster has not been seen to sleep; skipped now, it would pass for suspended and run on. Mend what the "
    "landscape says: this step ends by itself once the cluster sleeps.",
)
