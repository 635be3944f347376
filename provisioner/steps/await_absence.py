"""Wait until nothing of the cluster is left."""

from __future__ import annotations

from datetime import timedelta

from provisioner.drivers.base import Situation
from provisioner.steps.base import Done, Outcome, Step, StepContext, wait_for


def run(ctx: StepContext) -> Outcome:
    """Done when the landscape no longer knows the cluster; a removal that was forgotten is asked for again."""
    observed = ctx.driver.ensure_absent(ctx.ref)
    if observed.situation is Situation.ABSENT:
        return Done()
    return wait_for(observed, "The landscape is removing the cluster")


step = Step(
    name="await_absence",
    title="Remove the cluster",
    run=run,
    deadline=timedelta(minutes=60),
    max_attempts=30,
    weight=8,
    follows_landscape=True,
    # Behind this step the runtime is gone: what were left of its cluster would run on, paid for and known to nobody. The order
    # of the removal before it needs no such guard, for this step orders it again.
    skip_needs=Situation.ABSENT,
    skip_refusal="The cluster has not been seen to be gone; skipped now, it would run on and nobody would know. Remove it in the "
    "landscape: this step ends by itself once nothing is left.",
)
