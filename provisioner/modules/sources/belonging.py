"""What of a cluster is Kubernetes', the landscape's or the platform's own, and no module's to bring. Pure.

Objects are applied by force, so one of the same name would be overwritten, and be gone once the module is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any

from provisioner.modules.base import Module
from provisioner.modules.objects import OURS
from provisioner.modules.sources.groups import KUBERNETES, OTHERS, PLATFORM, owner_of_group
from provisioner.modules.sources.kinds import CRD
from provisioner.modules.sources.reading import inner
from provisioner.runtimes.inside import ObjectRef

# Of `system:` what Kubernetes' bootstrap policy and its controllers have; others take that beginning, too.
_SYSTEMS = (
    ":",
    "aggregate-to-",
    "apiserver",
    "auth-delegator",
    "basic-user",
    "bootstrap",
    "certificates",
    "cloud-",
    "controller:",
    "coredns",
    "discovery",
    "heapster",
    "kube",
    "leader-locking-kube",
    "masters",
    "metrics-server",
    "monitoring",
    "node",
    "persistent-volume-",
    "public-info-",
    "service-account",
    "volume-",
)
_BEGINNINGS = {
    **{f"system:{name}": KUBERNETES for name in _SYSTEMS},
    "kubeadm:": KUBERNETES,
    "gardener": OTHERS,
    "extensions.gardener.cloud:": OTHERS,
    "calico-": OTHERS,
    "cilium": OTHERS,
    "nesoi-": PLATFORM,
    "nesoi.dev": PLATFORM,
    "nesoi:": PLATFORM,
}
# Kubernetes' bootstrap policy; what its controllers put into each namespace; what Gardener's extensions for providers, gVisor and
# Kata and its metrics server are called inside their clusters.
_NAMES: Mapping[str, Mapping[str, str]] = {
    "ClusterRole": dict.fromkeys(("admin", "cluster-admin", "edit", "view"), KUBERNETES),
    "ClusterRoleBinding": {"cluster-admin": KUBERNETES},
    "ConfigMap": {"kube-root-ca.crt": KUBERNETES},
    "CSIDriver": dict.fromkeys(
        (
            "cinder.csi.openstack.org",
            "disk.csi.azure.com",
            "ebs.csi.aws.com",
            "efs.csi.aws.com",
            "file.csi.azure.com",
            "filestore.csi.storage.gke.io",
            "nfs.manila.csi.openstack.org",
            "pd.csi.storage.gke.io",
        ),
        OTHERS,
    ),
    "NetworkPolicy": {"default-deny": PLATFORM},
    "RoleBinding": {"metrics-server-auth-reader": OTHERS},
    "RuntimeClass": dict.fromkeys(("gvisor", "kata", "kata-qemu", "runc"), OTHERS),
    "ServiceAccount": {"default": KUBERNETES},
    "StorageClass": dict.fromkeys(
        (
            "default",
            "default-class",
            "files",
            "gce-sc-fast",
            "gce-sc-hdd",
            "gp2",
            "gp3",
            "managed-premium-ssd",
            "managed-standard-hdd",
            "managed-standard-ssd",
        ),
        OTHERS,
    ),
}
_DEFAULTS = {
    "StorageClass": (
        "storageclass.kubernetes.io/is-default-class",
        "storageclass.beta.kubernetes.io/is-default-class",
    ),
    "IngressClass": ("ingressclass.kubernetes.io/is-default-class",),
}


def own_groups(documents: Iterable[Mapping[str, Any]], module: Module) -> dict[str, set[str]]:
    """Return the API groups that a bundle and its module bring, those that are somebody else's left out, each with the resources
    of the module's own where it is the platform's and other modules bring some, too.
    """
    found = {
        str(inner(one, "spec").get("group"))
        for one in documents
        if one["kind"] in (CRD, "APIService") and not owner_of_group(str(inner(one, "spec").get("group")))
    }
    groups: dict[str, set[str]] = {group: set() for group in found}
    for kind in (*module.data, *([module.interface] if module.interface else [])):
        groups.setdefault(kind.group, set()).update([kind.plural] if owner_of_group(kind.group) else [])
    return groups


def belonging_faults(document: Mapping[str, Any], ref: ObjectRef, module: Module) -> Iterator[str]:
    """Yield in sentences why an object is somebody else's, or makes itself everybody's."""
    if whose := _NAMES.get(ref.kind, {}).get(ref.name) or _owner_by_beginning(ref):
        yield f"{ref} is {whose} own by its name; call it otherwise, or leave it out by the chart's values."
    if ref.kind == CRD:
        yield from _definition(document, ref, module)
    if ref.kind == "APIService":
        groups = {ref.name.partition(".")[2], str(inner(document, "spec").get("group"))}
        yield from _groups(ref, groups)
    for name in _DEFAULTS.get(ref.kind, ()):
        if str(inner(document, "metadata", "annotations").get(name)).lower() == "true":
            yield (
                f"{ref} makes itself what everybody gets who asks for none ({name}), which is the landscape's or the tenant's to "
                "say; switch that off by the chart's values."
            )


def _owner_by_beginning(ref: ObjectRef) -> str:
    """Return whose a name is; in the platform's namespaces nobody else has any."""
    found = next((whose for text, whose in _BEGINNINGS.items() if ref.name.startswith(text)), "")
    return found if found == PLATFORM or ref.namespace not in OURS else ""


def _definition(document: Mapping[str, Any], ref: ObjectRef, module: Module) -> Iterator[str]:
    kinds = (*module.data, *([module.interface] if module.interface else []))
    group = str(inner(document, "spec").get("group"))
    if (ref.name, group) not in {(f"{kind.plural}.{kind.group}", kind.group) for kind in kinds}:
        yield from _groups(ref, {ref.name.partition(".")[2], group})


def _groups(ref: ObjectRef, groups: Set[str]) -> Iterator[str]:
    for group in sorted(groups):
        if whose := owner_of_group(group):
            said = "take a group of your own" if whose == PLATFORM else "leave it out by the chart's values"
            yield f"{ref} is of the API group {group!r}, which is {whose} own; {said}."
            return
