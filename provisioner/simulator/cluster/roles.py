"""The roles that every Kubernetes cluster brings along: cluster-admin, admin, edit and view."""

from __future__ import annotations

from provisioner.simulator.errors import Json

RBAC = "rbac.authorization.k8s.io"
READ = ["get", "list", "watch"]
WRITE = ["create", "delete", "deletecollection", "patch", "update"]
# After bootstrappolicy/policy.go of Kubernetes 1.34; a group's kinds are taken together where all of them are named there.
SHOWN = ["bindings", "events", "limitranges", "namespaces", "namespaces/status", "resourcequotas", "resourcequotas/status",
    "pods/log", "pods/status", "replicationcontrollers/status", "services/status"]  # fmt: skip
WORKED_ON = ["configmaps", "endpoints", "persistentvolumeclaims", "persistentvolumeclaims/status", "pods",
    "replicationcontrollers", "replicationcontrollers/scale", "serviceaccounts", "services"]  # fmt: skip
DEEPER = ["secrets", "pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "services/proxy"]
DONE = ["pods/eviction", "serviceaccounts/token"]
GROUPS = ["apps", "autoscaling", "batch", "discovery.k8s.io", "networking.k8s.io", "policy"]


def cluster_roles() -> dict[str, list[Json]]:
    """Return the rules of each role by its name."""
    view = [_rule([""], [*SHOWN, *WORKED_ON], READ), _rule(GROUPS, ["*"], READ)]
    edit = [
        *view,
        _rule([""], DEEPER, READ),
        _rule([""], [*WORKED_ON, *DEEPER, *DONE, "events"], WRITE),
        _rule(GROUPS, ["*"], WRITE),
    ]
    admin = [*edit, _rule([RBAC], ["roles", "rolebindings"], [*READ, *WRITE])]
    return {"cluster-admin": [_rule(["*"], ["*"], ["*"])], "admin": admin, "edit": edit, "view": view}


def _rule(groups: list[str], resources: list[str], verbs: list[str]) -> Json:
    return {"apiGroups": groups, "resources": resources, "verbs": verbs}
