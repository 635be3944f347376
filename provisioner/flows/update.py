"""From one wish to the next; rolling many nodes takes its time."""

from datetime import timedelta

from provisioner.flows.base import Flow
from provisioner.steps import (
    await_cluster,
    await_modules,
    ensure_cluster,
    grant_access,
    install_modules,
    remove_modules,
    verify_access,
)

flow = Flow(
    steps=(
        ensure_cluster.step,
        await_cluster.step.within(timedelta(hours=3)),
        verify_access.step,
        remove_modules.step,
        install_modules.step,
        grant_access.step,
        await_modules.step,
    ),
    deadline=timedelta(hours=4),
)
