"""Wait until every module is well, then take away what older versions of them left."""

from __future__ import annotations

from datetime import timedelta

from provisioner.modules.installing import look, settle
from provisioner.modules.rendering import render
from provisioner.runtimes.spec import ClusterSpec
from provisioner.steps.base import Done, Outcome, Step, StepContext, Wait

STARTING = "The modules are starting"
LOOK_AGAIN = timedelta(seconds=5)


def needed(cluster: ClusterSpec) -> bool:
    """Say whether there is anything to wait for."""
    return bool(cluster.modules) and not cluster.suspended


def run(ctx: StepContext) -> Outcome:
    """Done when all are healthy and nothing of before lingers; one look sees all of them."""
    rendered = render(ctx.cluster)
    with ctx.inside() as api:
        sights = look(api, rendered)
        lingering = settle(api, rendered, sights, ctx.memory)
    unwell = [sight for sight in sights if sight.complaints]
    if unwell:
        more = f" (and {len(unwell) - 1} more modules)" if len(unwell) > 1 else ""
        said = f"Module {unwell[0].key} is not ready: {unwell[0].message}{more}"
        progress = 100 * (len(sights) - len(unwell)) // len(sights)
        return Wait(said, delay=LOOK_AGAIN, progress=progress)
    if lingering:
        return Wait(f"{lingering[0]} of an older version is still being removed", delay=LOOK_AGAIN)
    return Done(f"{len(sights)} modules are healthy")


step = Step(
    name="await_modules",
    title="Start the modules",
    run=run,
    deadline=timedelta(minutes=30),
    max_attempts=20,
    weight=2,
    first_wait=Wait(STARTING, delay=LOOK_AGAIN),
    needed=needed,
)
