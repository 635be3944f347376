"""Subresources that are no view of the object: scale, tokens, evictions, bindings, kubeconfigs."""

from __future__ import annotations

import time

from aiohttp import web

from provisioner.simulator.authn import Authenticator
from provisioner.simulator.call import Call, decode, read_body, read_document
from provisioner.simulator.errors import ApiError, Json, bad_request, conflict
from provisioner.simulator.gardener.kubeconfig import MINIMUM, REQUESTS, mint
from provisioner.simulator.merge import merge_patch
from provisioner.simulator.moments import within
from provisioner.simulator.represent import answer
from provisioner.simulator.store import read
from provisioner.simulator.write import find, replace


async def subresource(call: Call, authenticator: Authenticator, base_url: str) -> web.Response:
    """Answer a call to a subresource other than status."""
    name, method = call.address.subresource, call.request.method
    if name == "scale":
        return await _scale(call)
    if method != "POST":
        raise method_not_allowed(call)
    document = await read_document(call)
    if name in REQUESTS:
        shoot = read(find(call))
        return answer(mint(authenticator.authority, shoot, name, document, base_url), 201)
    if name == "token":
        return answer(_token(call, authenticator, document), 201)
    if name == "eviction":
        entry = find(call)
        call.endpoint.delete(call.endpoint.collection("", "pods"), entry)
        return answer(
            {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}, 201
        )
    return answer(_bind(call, document), 201)


def method_not_allowed(call: Call) -> ApiError:
    """Return the 405."""
    return ApiError(
        405, "MethodNotAllowed", "the server does not allow this method on the requested resource"
    )


def _bind(call: Call, document: Json) -> Json:
    target = (document.get("target") or {}).get("name")
    if not target:
        raise bad_request("a binding names its target")
    entry = find(call)
    changed = read(entry)
    if call.resource.plural == "pods":
        if changed["spec"].get("nodeName"):
            raise conflict(
                "", "pods", entry.name, f"pod is already assigned to node {changed['spec']['nodeName']}"
            )
        changed["spec"]["nodeName"] = target
    else:
        changed["spec"]["seedName"] = target
    call.endpoint.collection(*call.resource.key).put(changed)
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


def _token(call: Call, authenticator: Authenticator, document: Json) -> Json:
    entry = find(call)
    seconds = int((document.get("spec") or {}).get("expirationSeconds") or 3600)
    if not MINIMUM <= seconds <= 2**32:
        raise bad_request("spec.expirationSeconds: may not specify a duration less than 10 minutes")
    claims: Json = {
        "cluster": call.endpoint.identity,
        "namespace": entry.namespace,
        "name": entry.name,
        "uid": entry.uid,
        "exp": int(time.time()) + seconds,
    }
    document.setdefault("apiVersion", "authentication.k8s.io/v1")
    document.setdefault("kind", "TokenRequest")
    document["status"] = {"token": authenticator.issue(claims), "expirationTimestamp": within(seconds)}
    return document


async def _scale(call: Call) -> web.Response:
    entry = find(call)
    document = read(entry)
    if call.request.method in ("PUT", "PATCH"):
        wanted = await _scale_body(call, document)
        replicas = (wanted.get("spec") or {}).get("replicas", 0)
        if isinstance(replicas, bool) or not isinstance(replicas, int) or replicas < 0:
            raise bad_request("spec.replicas must be a whole number, zero or more")
        document["spec"]["replicas"] = replicas
        sent = (wanted.get("metadata") or {}).get("resourceVersion")
        document["metadata"]["resourceVersion"] = sent or document["metadata"]["resourceVersion"]
        replace(call, entry, document)
        document = read(find(call))
    elif call.request.method != "GET":
        raise method_not_allowed(call)
    return answer(_as_scale(document))


async def _scale_body(call: Call, document: Json) -> Json:
    body = decode(await read_body(call.request), allow_yaml=True)
    if not isinstance(body, dict):
        raise bad_request("a Scale is an object")
    if call.request.method == "PATCH":
        merged: Json = merge_patch(_as_scale(document), body)
        return merged
    return body


def _as_scale(document: Json) -> Json:
    metadata = {
        name: document["metadata"][name]
        for name in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
        if name in document["metadata"]
    }
    return {
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": metadata,
        "spec": {"replicas": document["spec"].get("replicas", 0)},
        "status": {"replicas": (document.get("status") or {}).get("replicas", 0)},
    }
