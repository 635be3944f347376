"""Take modules that are not wished any more out of the cluster, unless that would take what people wrote with them."""

from __future__ import annotations

from datetime import timedelta

from controlplane.kernel.errors import Audience, Fatal
from provisioner.modules.registry import all_modules
from provisioner.modules.removing import remove, unwanted
from provisioner.modules.rendering import render
from provisioner.runtimes.spec import ClusterSpec
from provisioner.steps.base import Done, Outcome, Step, StepContext, Wait


def needed(cluster: ClusterSpec) -> bool:
    """Say whether modules could have to go: a wish older than modules names none and takes none away."""
    return bool(cluster.modules) and not cluster.suspended


def run(ctx: StepContext) -> Outcome:
    """Done when none is left that is not wished; raises Fatal (module_in_use) for one that still holds people's objects."""
    keys = unwanted(ctx.memory.recall(), [wish.key for wish in ctx.cluster.modules], all_modules())
    if not keys:
        return Done()
    rendered = render(ctx.cluster)  # what goes over to a module that stays is not taken away in between
    with ctx.inside() as api:
        hindered, lingering = remove(api, keys, all_modules(), ctx.memory, rendered=rendered)
    if hindered:
        raise Fatal(" ".join(why.detail for why in hindered), code="module_in_use", audience=Audience.TENANT)
    if lingering:
        return Wait(f"{lingering[0]} is still being removed", delay=timedelta(seconds=5))
    return Done(f"{', '.join(keys)} removed")


step = Step(
    name="remove_modules",
    title="Remove modules",
    run=run,
    deadline=timedelta(minutes=20),
    max_attempts=20,
    needed=needed,
)
