"""From a suspended cluster to one that answers: it wakes, or is built anew where suspending it removed it."""

from dataclasses import replace
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

# A suspension that failed half-way may have left a cluster that is still being removed: it has to be gone first.
order = replace(
    ensure_cluster.step, title="Order the waking", deadline=timedelta(minutes=60), max_attempts=30
)

flow = Flow(
    steps=(
        order,
        replace(await_cluster.step, title="Wake the cluster"),
        verify_access.step,
        install_modules.step,
        grant_access.step,
        await_modules.step,
    ),
    deadline=timedelta(hours=3),
)
