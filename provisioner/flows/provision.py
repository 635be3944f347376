"""From a wish to a cluster that answers."""

from datetime import timedelta

from provisioner.flows.base import Flow
from provisioner.steps import await_cluster, ensure_cluster, grant_access, verify_access

flow = Flow(
    steps=(ensure_cluster.step, await_cluster.step, verify_access.step, grant_access.step),
    deadline=timedelta(hours=2),
)
