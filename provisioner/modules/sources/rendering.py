"""From a bundle and a request to the objects that are applied, or why not. Pure but for the program that renders charts."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from controlplane.catalog.sourced import SourcedVersion
from provisioner.modules.base import Module, Request
from provisioner.modules.objects import SYSTEM
from provisioner.modules.promising import promised
from provisioner.modules.sources.admitting import admission_faults
from provisioner.modules.sources.archives import invalid
from provisioner.modules.sources.documents import read_manifests, read_objects
from provisioner.modules.sources.dressing import dress
from provisioner.modules.sources.faults import SourceFault
from provisioner.modules.sources.helm import Helm
from provisioner.modules.sources.moving import moved
from provisioner.modules.sources.replacing import replacement_faults
from provisioner.modules.sources.values import chart_values
from provisioner.runtimes.inside import Json

log = logging.getLogger(__name__)
_STUMBLES = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError)
_LEVEL = "pod-security.kubernetes.io/enforce"


@dataclass(frozen=True)
class Made:
    """What a bundle comes to for one request: `left_out` is how many of its objects are not for us."""

    objects: tuple[Json, ...]
    faults: tuple[SourceFault, ...] = ()
    left_out: int = 0


def make(version: SourcedVersion, content: bytes, module: Module, asked: Request, helm: Helm) -> Made:
    """Return the objects and what is wrong with them.

    Raises SourceInvalidError, HelmMissingError, HelmInterruptedError, HelmRefusedError.
    """
    try:
        return _made(version, content, module, asked, helm)
    except _STUMBLES as error:
        # No shape is known to lead here: whatever does is the bundle's fault, and no worker's, or ours, which nobody else tells.
        log.exception("%s can't be read", version.key)
        raise invalid(f"something in it can't be read ({type(error).__name__}: {error}).") from error


def _made(version: SourcedVersion, content: bytes, module: Module, asked: Request, helm: Helm) -> Made:
    documents = _documents(version, content, asked, helm)
    places = places_of(module, asked)
    place = version.namespace or SYSTEM
    security = places.get(place, "restricted")
    was = version.source.get("namespace", "")
    kept = moved(documents, was, place) if was else documents
    objects = dress(kept, module=module, version=version, asked=asked, security=security)
    faults = admission_faults(objects, module=module, places=places, security=security)
    faults += replacement_faults(objects)
    return Made(tuple(objects), tuple(faults), len(documents) - len(objects))


def places_of(module: Module, asked: Request) -> Mapping[str, str]:
    """Return the namespaces that a bundle's objects may be in, each with its Pod Security level."""
    made = {
        one["metadata"]["name"]: one["metadata"]["labels"].get(_LEVEL, "restricted")
        for one in promised(module, asked)
        if one["kind"] == "Namespace"
    }
    return {SYSTEM: "restricted", **made}


def _documents(version: SourcedVersion, content: bytes, asked: Request, helm: Helm) -> Sequence[Json]:
    if not version.is_chart:
        return read_manifests(content)
    text = helm.template(
        content,
        name=asked.key,
        namespace=version.namespace or SYSTEM,
        values=chart_values(version, asked),
        kubernetes=asked.cluster.kubernetes_version,
    )
    return read_objects(text, where="what Helm rendered")
