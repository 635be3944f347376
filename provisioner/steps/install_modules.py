"""Put the wished modules into the cluster, all of them over one connection."""

from __future__ import annotations

from datetime import timedelta

from provisioner.modules.installing import install
from provisioner.modules.rendering import render
from provisioner.runtimes.spec import ClusterSpec
from provisioner.steps.base import Done, Outcome, Step, StepContext


def needed(cluster: ClusterSpec) -> bool:
    """Say whether there is anything to install, and a cluster that answers to install it into."""
    return bool(cluster.modules) and not cluster.suspended


def run(ctx: StepContext) -> Outcome:
    """Apply every object of every module; whether they are well is for the next step to see."""
    rendered = render(ctx.cluster)
    with ctx.inside() as api:
        install(api, rendered, ctx.memory)
    return Done(f"{len(rendered)} modules")


step = Step(
    name="install_modules",
    title="Install the modules",
    run=run,
    deadline=timedelta(minutes=15),
    max_attempts=20,
    needed=needed,
)
