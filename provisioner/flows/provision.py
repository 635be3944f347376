"""From a wish to a cluster that answers."""

from datetime import timedelta

from provisioner.flows.base import Flow
from provisioner.steps import (
    await_cluster,
    await_modules,
    ensure_cluster,
    grant_access,
    install_modules,
    verify_access,
)

flow = Flow(
    steps=(
        ensure_cluster.step,
        await_cluster.step,
        verify_access.step,
        install_modules.step,
        grant_access.step,
        await_modules.step,
    ),
    deadline=timedelta(hours=2),
    # The landscape has seen its API answer and its nodes ready; who waits for a runtime need not wait for modules.
    settles=await_cluster.step.name,
)
