"""From a running cluster to one that costs little: it sleeps, or, where its plan says so, it is removed."""

from dataclasses import replace
from datetime import timedelta

from provisioner.flows.base import Flow
from provisioner.runtimes.spec import ClusterSpec
from provisioner.steps import await_absence, await_sleep, delete_cluster, hibernate_cluster


def removed(cluster: ClusterSpec) -> bool:
    """Say whether suspending this cluster means to remove it."""
    return cluster.destroyed


flow = Flow(
    steps=(
        hibernate_cluster.step,
        await_sleep.step,
        replace(delete_cluster.step, needed=removed),
        replace(await_absence.step, needed=removed),
    ),
    deadline=timedelta(hours=2),
)
