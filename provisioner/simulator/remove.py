"""Delete and deletecollection."""

from __future__ import annotations

from aiohttp import web

from provisioner.simulator.call import Call, decode, read_body
from provisioner.simulator.errors import Json, bad_request, conflict
from provisioner.simulator.history import Entry
from provisioner.simulator.listing import entry_test
from provisioner.simulator.represent import answer, show_list
from provisioner.simulator.store import read
from provisioner.simulator.write import find


async def _options(call: Call) -> Json:
    body = await read_body(call.request)
    options = decode(body, allow_yaml=False) if body else {}
    if not isinstance(options, dict):
        raise bad_request("DeleteOptions must be an object")
    return options


async def delete_one(call: Call) -> web.Response:
    """Delete one object; answers with a Status when it is gone, with the object while it lingers."""
    options = await _options(call)
    entry = find(call)
    document = read(entry)
    wanted: Json = options.get("preconditions") or {}
    for name in ("uid", "resourceVersion"):
        if wanted.get(name) and wanted[name] != document["metadata"][name]:
            why = f"Precondition failed: {name} is {document['metadata'][name]}, not {wanted[name]}"
            raise conflict(call.resource.group, call.resource.plural, entry.name, why)
    dry = call.dry_run or "All" in (options.get("dryRun") or [])
    lingering = _delete(call, entry, document, dry=dry)
    if lingering is not None:
        return answer(lingering)
    details: Json = {"name": entry.name, "kind": call.resource.plural, "uid": entry.uid}
    if call.resource.group:
        details["group"] = call.resource.group
    return answer(
        {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
    )


def _delete(call: Call, entry: Entry, document: Json, *, dry: bool) -> Json | None:
    strategy = call.endpoint.strategies.get(call.resource.key)
    if strategy and strategy.check_delete:
        strategy.check_delete(call.endpoint, document)
    if dry:
        return None
    return call.endpoint.delete(call.endpoint.collection(*call.resource.key), entry)


async def delete_many(call: Call) -> web.Response:
    """Delete every object that the selectors match; answers with the list of them."""
    options = await _options(call)
    dry = call.dry_run or "All" in (options.get("dryRun") or [])
    test = entry_test(call)
    collection = call.endpoint.collection(*call.resource.key)
    chosen = [entry for entry in collection.scan(call.address.namespace) if test is None or test(entry)]
    for entry in chosen:
        if collection.get(entry.namespace, entry.name) is not None:
            _delete(call, entry, read(entry), dry=dry)
    version = {"resourceVersion": str(call.endpoint.store.version)}
    return show_list(call.request, call.resource, [entry.raw for entry in chosen], version)
