"""Claims and snapshots: what of them is block storage, what a file service, and what cannot be told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from billing.collecting.quantities import gibibytes, nanos
from billing.meters.base import Claim

Json = Mapping[str, Any]
# Kubernetes writes on a claim who made its volume; these serve files. A claim of another maker is block storage.
MADE_BY = ("volume.kubernetes.io/storage-provisioner", "volume.beta.kubernetes.io/storage-provisioner")
FILE_SERVICES = frozenset(
    [
        "efs.csi.aws.com",
        "file.csi.azure.com",
        "kubernetes.io/azure-file",
        "filestore.csi.storage.gke.io",
        "nfs.csi.k8s.io",
        "nfs.manila.csi.openstack.org",
        "cloud-resources.kyma-project.io/nfs",
    ]
)
LONGEST_DIMENSION = 120  # as the usage store keeps them
CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class"


@dataclass(frozen=True, slots=True)
class Storage:
    """What a cluster holds."""

    claims: tuple[Claim, ...]
    snapshots: tuple[Claim, ...]
    nfs_gib: int
    counted: tuple[Json, ...]  # the objects behind these numbers
    oddities: tuple[str, ...]


def read_storage(claims: Sequence[Json], snapshots: Sequence[Json]) -> Storage:
    """Return what bound claims and ready snapshots hold; what waits for its volume or is being cut costs nothing yet."""
    blocks: list[Claim] = []
    counted: list[Json] = []
    files = 0
    for each in claims:
        if (each.get("status") or {}).get("phase") != "Bound":
            continue
        counted.append(each)
        if _maker(each) in FILE_SERVICES:
            files += _size(each)
        else:
            blocks.append(_claim(each, _class_of(each), _size(each)))
    sizes = {(each["metadata"]["namespace"], each["metadata"]["name"]): _size(each) for each in claims}
    cut: list[Claim] = []
    odd: list[str] = []
    for each in snapshots:
        if not (each.get("status") or {}).get("readyToUse"):
            continue
        gib = _snapshot_size(each, sizes)
        if gib is None:
            odd.append(
                f"snapshot {each['metadata']['namespace']}/{each['metadata']['name']} tells no size, and its claim is gone"
            )
            continue
        counted.append(each)
        cut.append(_claim(each, each["spec"].get("volumeSnapshotClassName") or "", gib))
    return Storage(tuple(blocks), tuple(cut), files, tuple(counted), tuple(odd))


def _claim(each: Json, storage_class: str, gib: int) -> Claim:
    return Claim(
        each["metadata"]["namespace"], each["metadata"]["name"], storage_class[:LONGEST_DIMENSION], gib
    )


def _annotations(each: Json) -> Mapping[str, str]:
    return each["metadata"].get("annotations") or {}


def _maker(each: Json) -> str:
    annotations = _annotations(each)
    return next((annotations[name] for name in MADE_BY if name in annotations), "")


def _class_of(each: Json) -> str:
    return each["spec"].get("storageClassName") or _annotations(each).get(CLASS_ANNOTATION) or ""


def _size(each: Json) -> int:
    """Return what the volume has, which may be more than was asked for; what was asked for before there is one."""
    given = ((each.get("status") or {}).get("capacity") or {}).get("storage")
    return gibibytes(nanos(str(given or each["spec"]["resources"]["requests"]["storage"])))


def _snapshot_size(each: Json, sizes: Mapping[tuple[str, str], int]) -> int | None:
    said = each["status"].get("restoreSize")
    if said is not None:
        return gibibytes(nanos(str(said)))
    source = (each["spec"].get("source") or {}).get("persistentVolumeClaimName") or ""
    return sizes.get((each["metadata"]["namespace"], source))
