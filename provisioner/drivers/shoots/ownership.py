"""Whose a Shoot is, though somebody may have taken our label from it. Pure.

The label is what the watch selects by, and anybody with access to the project can remove it. So the runtime's id stands on the
Shoot twice, as a label and as an annotation, and what we once applied bears our field manager besides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controlplane.kernel.errors import Audience, Fatal
from provisioner.drivers.base import ClusterRef
from provisioner.drivers.shoots.authentication import INSTALLATION, OWNER

Json = Mapping[str, Any]
MANAGER = "nesoi"
OURS = "nesoi.dev/"
LOST = "owner_label_lost"


def labelled(shoot: Json) -> str:
    """Return the owner that the label names, or an empty string."""
    return str((shoot["metadata"].get("labels") or {}).get(OWNER) or "")


def belongs(shoot: Json, cluster: ClusterRef) -> bool:
    """Say whether the Shoot of this name is the owner's; without an owner, whoever's it is.

    Raises Fatal (owner_label_lost) for one that we made and that no longer says for whom: neither to take it for absent, which
    would leave it running and known to nobody, nor to touch it would be safe.
    """
    label = labelled(shoot)
    if not cluster.owner or label:
        return not cluster.owner or label == cluster.owner
    noted = str((shoot["metadata"].get("annotations") or {}).get(OWNER) or "")
    if noted or not is_our_making(shoot):
        return noted == cluster.owner
    raise Fatal(
        f"Somebody took the label {OWNER} from cluster {cluster.name}. If it is this runtime's, set the label back to "
        f"{cluster.owner} and retry; if it is not, remove or rename that cluster.",
        code=LOST,
        audience=Audience.SRE,
    )


def is_foreign(shoot: Json, installation: str) -> bool:
    """Say whether another installation, one that shares the project with ours, has put its name on the Shoot."""
    metadata = shoot["metadata"]
    tags = {**(metadata.get("annotations") or {}), **(metadata.get("labels") or {})}
    return str(tags.get(INSTALLATION) or installation) != installation


def is_our_making(shoot: Json) -> bool:
    """Say whether we applied this Shoot once: it bears tags of ours, or fields that our manager owns."""
    metadata = shoot["metadata"]
    tags = {*(metadata.get("labels") or {}), *(metadata.get("annotations") or {})}
    managers = metadata.get("managedFields") or ()
    return any(tag.startswith(OURS) for tag in tags) or any(
        entry.get("manager") == MANAGER and entry.get("operation") == "Apply" for entry in managers
    )
