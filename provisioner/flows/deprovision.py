"""From a cluster, or half of one, to nothing."""

from datetime import timedelta

from provisioner.flows.base import Flow
from provisioner.steps import await_absence, delete_cluster

flow = Flow(steps=(delete_cluster.step, await_absence.step), deadline=timedelta(hours=2))
