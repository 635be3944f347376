"""Make the administrators whom the tenant named masters of the cluster, and those not named any more nobody."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from provisioner.runtimes.spec import ClusterSpec
from provisioner.steps.base import Done, Outcome, Step, StepContext

BINDING = "nesoi-administrators"
RBAC = "rbac.authorization.k8s.io"


def needed(cluster: ClusterSpec) -> bool:
    """Say whether the binding has to be written: most clusters never name anybody, and a sleeping one does not answer."""
    return not cluster.suspended and bool(cluster.administrators or cluster.had_administrators)


def run(ctx: StepContext) -> Outcome:
    """Done when the binding names exactly the administrators; the last one's removal leaves it with nobody."""
    ctx.driver.apply(ctx.ref, [binding_of(ctx.cluster)])
    return Done(f"{len(ctx.cluster.administrators)} administrators")


def binding_of(cluster: ClusterSpec) -> dict[str, Any]:
    """Return the ClusterRoleBinding; its subjects are one atomic list to server-side apply, so an apply replaces them all."""
    users = [{"apiGroup": RBAC, "kind": "User", "name": name} for name in cluster.administrators]
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": BINDING, "labels": {"app.kubernetes.io/managed-by": "nesoi"}},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": users,
    }


step = Step(
    name="grant_access",
    title="Grant access",
    run=run,
    deadline=timedelta(minutes=15),
    max_attempts=20,
    needed=needed,
)
