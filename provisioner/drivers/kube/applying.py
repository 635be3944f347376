"""Server-side apply: one object at a known place, or a batch of any kinds whose places the API itself tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from controlplane.kernel.errors import Retry
from provisioner.drivers.kube.client import APPLY, KubeClient
from provisioner.drivers.kube.refusals import ApiRefused

Json = dict[str, Any]
Kinds = Mapping[str, tuple[str, bool]]  # {kind: (its word in paths, whether it lives in namespaces)}


def apply_object(client: KubeClient, path: str, document: Mapping[str, Any], *, manager: str) -> Json:
    """Apply one object to the collection at `path`, by force where others own a field; raises ApiRefused, Retry."""
    name = quote(document["metadata"]["name"], safe="")
    query = {"fieldManager": manager, "force": "true"}
    return client.call("PATCH", f"{path}/{name}", query=query, body=dict(document), content_type=APPLY)


def apply_objects(client: KubeClient, documents: Sequence[Mapping[str, Any]], *, manager: str) -> None:
    """Apply objects in their order; an apiVersion is looked up once, and again for a kind that it did not have yet.

    Raises what `apply_object` does, and Retry for a kind that is not served: its definition may have come just now.
    """
    served: dict[str, Kinds] = {}
    for document in documents:
        version, kind = document["apiVersion"], document["kind"]
        if kind not in served.get(version, {}):
            served[version] = kinds_of(client, version)
        if kind not in served[version]:
            raise Retry(f"{client.name} does not serve {kind} of {version} yet.", code="kind_not_served")
        plural, namespaced = served[version][kind]
        namespace = quote(document["metadata"].get("namespace") or "default", safe="")
        place = f"{root(version)}/namespaces/{namespace}" if namespaced else root(version)
        apply_object(client, f"{place}/{plural}", document, manager=manager)


def root(version: str) -> str:
    """Return where a group's version lives."""
    return f"/apis/{version}" if "/" in version else f"/api/{version}"


def kinds_of(client: KubeClient, version: str) -> Kinds:
    """Read what a group's version serves; subresources, which bear other objects' kinds, are left out."""
    try:
        listed = client.call("GET", root(version)).get("resources") or ()
    except ApiRefused as error:
        if error.status == 404:  # noqa: PLR2004
            return {}
        raise
    return {one["kind"]: (one["name"], bool(one["namespaced"])) for one in listed if "/" not in one["name"]}
