"""Patches of every kind, server-side apply among them."""

from __future__ import annotations

from typing import Any

from provisioner.simulator import managed, merge
from provisioner.simulator.call import Call, bool_param, decode, read_body, unsupported
from provisioner.simulator.errors import Json, bad_request, cause, conflict, invalid, not_found
from provisioner.simulator.store import read
from provisioner.simulator.write import check_type, find, insert, replace, writer

APPLY = "application/apply-patch+yaml"
PATCHES = {
    "application/merge-patch+json": "merge",
    "application/json-patch+json": "json",
    "application/strategic-merge-patch+json": "strategic",
}


async def patch(call: Call) -> tuple[bytes, int]:
    """Apply a patch of any kind; returns the object and the HTTP status."""
    kind = call.request.content_type
    body = await read_body(call.request)
    if kind == APPLY:
        return _apply(call, decode(body, allow_yaml=True))
    if kind not in PATCHES:
        raise unsupported(kind)
    change: Any = decode(body, allow_yaml=False)
    entry = find(call)
    current = read(entry)
    language = PATCHES[kind]
    if language != "json" and not isinstance(change, dict):
        raise bad_request("the patch must be an object")
    if language == "json":
        changed = merge.json_patch(current, change)
    elif language == "strategic" and not call.resource.custom:
        changed = merge.strategic_patch(current, change)
    elif language == "strategic":
        raise unsupported(kind)
    else:
        changed = merge.merge_patch(current, change)
    if not isinstance(changed.get("metadata"), dict):
        raise bad_request("the patch must leave metadata an object")
    return replace(call, entry, changed), 200


def _apply(call: Call, applied: object) -> tuple[bytes, int]:
    wanted = _check_apply(call, applied)
    shape, force = call.endpoint.shape(call.resource), bool_param(call, "force")
    entry = call.endpoint.collection(*call.resource.key).get(call.address.namespace, call.address.name)
    metadata = wanted["metadata"]
    if entry is None:
        if call.address.subresource:
            raise not_found(call.resource.group, call.resource.plural, call.address.name)
        if metadata.pop("resourceVersion", None) or metadata.get("uid"):
            raise conflict(call.resource.group, call.resource.plural, call.address.name)
        fresh = managed.apply(
            {**wanted, "metadata": dict(metadata)}, wanted, writer(call), shape, force=force
        )
        return insert(call, fresh, tracked=False), 201
    merged = managed.apply(read(entry), wanted, writer(call), shape, force=force)
    for name in ("resourceVersion", "uid"):
        if metadata.get(name):
            merged["metadata"][name] = metadata[name]
    return replace(call, entry, merged, tracked=False), 200


def _check_apply(call: Call, applied: object) -> Json:
    """Refuse what server-side apply does not take: no manager, no type, managedFields of one's own."""
    if not call.query.get("fieldManager"):
        why = "Required value: is required for apply patch"
        raise invalid("meta.k8s.io", "PatchOptions", "", [cause("fieldManager", why, "FieldValueRequired")])
    if not isinstance(applied, dict):
        raise bad_request("an apply patch must be an object")
    for name in ("apiVersion", "kind"):
        if name not in applied:
            raise bad_request(f"an apply patch must say its {name}")
    check_type(call, applied)
    if applied["metadata"].get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
    applied["metadata"].setdefault("name", call.address.name)
    if applied["metadata"]["name"] != call.address.name:
        raise bad_request("the name of the object does not match the name in the path")
    if call.resource.has_status and call.address.subresource != "status":
        applied.pop("status", None)
    return applied
