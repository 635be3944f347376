"""Create, replace, patch and apply: everything between a client's wish and the store."""

from __future__ import annotations

import re
import secrets
import uuid

import orjson

from provisioner.simulator import managed
from provisioner.simulator.call import Call
from provisioner.simulator.errors import (
    Json,
    already_exists,
    bad_request,
    cause,
    conflict,
    invalid,
    not_found,
)
from provisioner.simulator.history import Entry
from provisioner.simulator.managed import Writer
from provisioner.simulator.moments import stamp
from provisioner.simulator.store import read

MAX_NAME = 253
_NAME = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
_LOOSE = frozenset({"roles", "rolebindings", "clusterroles", "clusterrolebindings"})
_FIXED = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "namespace",
)


def writer(call: Call) -> Writer:
    """Return who writes, for managedFields."""
    return Writer(call.manager, call.resource.api_version, call.address.subresource, stamp())


def check_type(call: Call, document: Json) -> None:
    """Refuse an object of another kind than the path's; complete one that says none."""
    resource = call.resource
    document.setdefault("apiVersion", resource.api_version)
    document.setdefault("kind", resource.kind)
    said, wanted = (document["apiVersion"], document["kind"]), (resource.api_version, resource.kind)
    if said != wanted:
        raise bad_request(
            f"the object is a {said[1]} of {said[0]}, but this path takes a {wanted[1]} of {wanted[0]}"
        )
    metadata = document.setdefault("metadata", {})
    if not isinstance(metadata, dict):
        raise bad_request("metadata must be an object")
    _check_parts(document)
    if call.resource.namespaced:
        if metadata.setdefault("namespace", call.address.namespace) != call.address.namespace:
            raise bad_request(
                f"the namespace of the object ({metadata['namespace']}) does not match the namespace of the "
                f"request ({call.address.namespace})"
            )
    else:
        metadata.pop("namespace", None)


def _check_parts(document: Json) -> None:
    metadata = document["metadata"]
    for name in ("labels", "annotations"):
        value = metadata.get(name)
        if value is None:
            metadata.pop(name, None)
        elif not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
            raise bad_request(f"metadata.{name} must be an object of strings")
    for name in ("finalizers", "ownerReferences", "managedFields"):
        if metadata.get(name) is None:
            metadata.pop(name, None)
        elif not isinstance(metadata[name], list):
            raise bad_request(f"metadata.{name} must be a list")
    if any(not isinstance(each, dict) for each in metadata.get("ownerReferences", ())):
        raise bad_request("metadata.ownerReferences must be a list of objects")
    for name in ("spec", "status"):
        if document.get(name) is not None and not isinstance(document[name], dict):
            raise bad_request(f"{name} must be an object")


def _check_name(call: Call, metadata: Json) -> None:
    if not metadata.get("name"):
        prefix = metadata.get("generateName")
        if not prefix:
            raise invalid(
                call.resource.group,
                call.resource.kind,
                "",
                [
                    cause(
                        "metadata.name",
                        "Required value: name or generateName is required",
                        "FieldValueRequired",
                    )
                ],
            )
        metadata["name"] = prefix + "".join(secrets.choice("bcdfghjklmnpqrstvwxz2456789") for _ in range(5))
    name = metadata["name"]
    if (
        not isinstance(name, str)
        or len(name) > MAX_NAME
        or (call.resource.plural not in _LOOSE and not _NAME.match(name))
    ):
        why = f"Invalid value: {name!r}: use lower-case letters, digits, '-' and '.', at most 253 characters"
        raise invalid(call.resource.group, call.resource.kind, str(name), [cause("metadata.name", why)])


def insert(call: Call, document: Json, *, tracked: bool = True) -> bytes:
    """Create an object; returns it as stored. `tracked` is off when an apply has set the owners already."""
    check_type(call, document)
    metadata = document["metadata"]
    _check_name(call, metadata)
    if call.resource.namespaced:
        call.endpoint.require_namespace(call.address.namespace)
    if metadata.get("resourceVersion"):
        raise bad_request("resourceVersion should not be set on objects to be created")
    collection = call.endpoint.collection(*call.resource.key)
    if collection.get(metadata.get("namespace", ""), metadata["name"]):
        raise already_exists(call.resource.group, call.resource.plural, metadata["name"])
    for name in ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"):
        metadata.pop(name, None)
    metadata["uid"] = str(uuid.uuid4())
    metadata["creationTimestamp"] = stamp()
    if call.resource.has_status:
        document.pop("status", None)
    if "spec" in document and call.resource.group:
        metadata["generation"] = 1
    else:
        metadata.pop("generation", None)
    owners = metadata.get("managedFields") if not tracked else None
    if tracked:
        metadata.pop("managedFields", None)
        managed.track_update(None, document, writer(call), call.endpoint.shape(call.resource))
        owners = metadata.get("managedFields")
    _prepare(call, document, None)
    if owners:
        metadata["managedFields"] = owners
    if call.dry_run:
        return orjson.dumps(document)
    return collection.put(document).raw


def _prepare(call: Call, document: Json, old: Json | None) -> None:
    strategy = call.endpoint.strategies.get(call.resource.key)
    if strategy is None or strategy.prepare is None:
        return
    try:
        strategy.prepare(call.endpoint, document, old)
    except (AttributeError, TypeError, KeyError, ValueError) as error:
        # Without a schema per kind, a field of the wrong type is met only where it is used.
        name = document["metadata"].get("name", "")
        raise bad_request(
            f'{call.resource.kind} "{name}" cannot be handled: a field has the wrong type or a part is missing ({error})'
        ) from None


def replace(call: Call, entry: Entry, document: Json, *, tracked: bool = True) -> bytes:
    """Store a changed object; returns it as stored. Nothing changes, nothing is written."""
    check_type(call, document)
    old = read(entry)
    _keep_fixed(call, old, document)
    subresource = call.address.subresource
    document = _divide(call, old, document, tracked=tracked)
    if tracked:
        managed.track_update(old, document, writer(call), call.endpoint.shape(call.resource))
    if subresource != "status":
        _prepare(call, document, old)
    if subresource != "status" and _grows(call, old, document):
        document["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1
    if _same(old, document):
        return entry.raw
    if call.dry_run:
        return orjson.dumps(document)
    collection = call.endpoint.collection(*call.resource.key)
    is_space = call.resource.key == ("", "namespaces")
    if "deletionTimestamp" in old["metadata"] and not document["metadata"].get("finalizers") and not is_space:
        collection.remove(entry)
        return orjson.dumps(document)
    return collection.put(document).raw


def _divide(call: Call, old: Json, document: Json, *, tracked: bool) -> Json:
    """Keep status out of ordinary writes, and everything else out of writes to the status."""
    if call.address.subresource == "status":
        owners = document["metadata"].get("managedFields")
        divided: Json = {**old, "metadata": dict(old["metadata"])}
        if document.get("status") is not None:
            divided["status"] = document["status"]
        if not tracked and owners:
            divided["metadata"]["managedFields"] = owners
        return divided
    if call.resource.has_status:
        document.pop("status", None)
        if "status" in old:
            document["status"] = old["status"]
    return document


def _keep_fixed(call: Call, old: Json, document: Json) -> None:
    before, metadata = old["metadata"], document["metadata"]
    if metadata.get("name", before["name"]) != before["name"]:
        raise bad_request(
            f"the name of the object ({metadata['name']}) does not match the name in the path ({before['name']})"
        )
    metadata["name"] = before["name"]
    sent = metadata.get("resourceVersion")
    if sent and sent != before["resourceVersion"]:
        raise conflict(call.resource.group, call.resource.plural, before["name"])
    if metadata.get("uid", before["uid"]) != before["uid"]:
        why = f"Precondition failed: UID in precondition: {metadata['uid']}, UID in object meta: {before['uid']}"
        raise conflict(call.resource.group, call.resource.plural, before["name"], why)
    metadata["resourceVersion"] = before["resourceVersion"]
    if metadata.get("managedFields") is None and "managedFields" in before:
        metadata["managedFields"] = before["managedFields"]
    for name in _FIXED:
        if name in before:
            metadata[name] = before[name]
        else:
            metadata.pop(name, None)
    if "deletionTimestamp" in before:
        added = set(metadata.get("finalizers") or []) - set(before.get("finalizers") or [])
        if added:
            raise invalid(
                call.resource.group,
                call.resource.kind,
                before["name"],
                [cause("metadata.finalizers", "Forbidden: no new finalizers while it is being deleted")],
            )


def _grows(call: Call, old: Json, document: Json) -> bool:
    strategy = call.endpoint.strategies.get(call.resource.key)
    if strategy and strategy.grows:
        return strategy.grows(old, document)
    if "generation" not in old["metadata"]:
        return False
    apart = (
        ("metadata", "status", "apiVersion", "kind")
        if call.resource.has_status
        else ("metadata", "apiVersion")
    )
    return {k: v for k, v in old.items() if k not in apart} != {
        k: v for k, v in document.items() if k not in apart
    }


def _same(old: Json, document: Json) -> bool:
    if {k: v for k, v in old.items() if k != "metadata"} != {
        k: v for k, v in document.items() if k != "metadata"
    }:
        return False
    before, after = dict(old["metadata"]), dict(document["metadata"])
    timeless = [
        [{k: v for k, v in each.items() if k != "time"} for each in side.pop("managedFields", None) or []]
        for side in (before, after)
    ]
    return bool(before == after and timeless[0] == timeless[1])


def find(call: Call) -> Entry:
    """Return the entry the path names; raises 404."""
    entry = call.endpoint.collection(*call.resource.key).get(call.address.namespace, call.address.name)
    if entry is None:
        raise not_found(call.resource.group, call.resource.plural, call.address.name)
    return entry
