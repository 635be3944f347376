"""Whose an API group is: Kubernetes', the landscape's, the platform's, or free for bundles. Pure."""

from __future__ import annotations

KUBERNETES, OTHERS, PLATFORM = "Kubernetes'", "the landscape's", "the platform's"
# Groups of Kubernetes' that no cluster serves by itself: they are made to be brought.
_BROUGHT = frozenset({"custom.metrics.k8s.io", "external.metrics.k8s.io", "gateway.networking.k8s.io"})
_OWNERS = {
    "k8s.io": KUBERNETES,
    "kubernetes.io": KUBERNETES,
    # Gardener, and the networks that it puts into its clusters.
    "gardener.cloud": OTHERS,
    "sapcloud.io": OTHERS,
    "projectcalico.org": OTHERS,
    "cilium.io": OTHERS,
    "nesoi.dev": PLATFORM,
}


def owner_of_group(group: str) -> str:
    """Return whose it is, empty for one that is free; Kubernetes' own have no dot, or end as its guarded ones do."""
    if group in _BROUGHT:
        return ""
    if "." not in group:
        return KUBERNETES
    return next((owner for name, owner in _OWNERS.items() if group == name or group.endswith(f".{name}")), "")
