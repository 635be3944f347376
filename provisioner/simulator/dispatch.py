"""From a request to the verb that serves it: who, may they, what."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import orjson
from aiohttp import web

from provisioner.simulator.authn import Authenticator, unauthorized
from provisioner.simulator.authz import allowed, refusal
from provisioner.simulator.call import Address, Call, bool_param, parse_address, read_document
from provisioner.simulator.discovery import discover, subresource_verbs
from provisioner.simulator.endpoint import Endpoint
from provisioner.simulator.errors import bad_request, no_such_path, not_found
from provisioner.simulator.identity import User
from provisioner.simulator.listing import list_objects
from provisioner.simulator.openapi import openapi
from provisioner.simulator.patching import patch
from provisioner.simulator.remove import delete_many, delete_one
from provisioner.simulator.represent import answer, show, show_list
from provisioner.simulator.reviews import review
from provisioner.simulator.subresources import method_not_allowed, subresource
from provisioner.simulator.watching import watch
from provisioner.simulator.write import find, insert, replace

ROOTS = ["/api", "/apis", "/healthz", "/livez", "/openapi/v2", "/openapi/v3", "/readyz", "/version"]
HEALTH = ("healthz", "livez", "readyz")
VERBS = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


async def dispatch(
    request: web.Request, endpoint: Endpoint, path: str, authenticator: Authenticator, base_url: str
) -> web.StreamResponse:
    """Serve one request to one API server; raises ApiError for every refusal."""
    parts = [part for part in path.split("/") if part]
    if parts and parts[0] in HEALTH:
        return web.Response(text="ok")
    if parts == ["version"]:
        return _version(endpoint)
    user = authenticator.authenticate(request, endpoint)
    if user.anonymous:
        raise unauthorized()
    if not parts:
        return answer({"paths": ROOTS})
    if parts[0] == "openapi":
        return openapi(request, endpoint, parts)
    if parts[0] not in ("api", "apis"):
        raise no_such_path()
    address = parse_address(parts)
    if address is None:
        return discover(request, endpoint, parts)
    resource = endpoint.resource(address.group, address.version, address.plural)
    if resource is None:
        raise no_such_path()
    call = Call(request, endpoint, resource, address, user)
    verb = _verb(call)
    _authorize(endpoint, user, verb, address)
    response = await _serve(call, verb, authenticator, base_url)
    if verb not in ("get", "list", "watch"):
        await endpoint.store.settled()
    return response


def _version(endpoint: Endpoint) -> web.Response:
    major, minor = endpoint.version.split(".")[:2]
    return answer(
        {
            "major": major,
            "minor": minor,
            "gitVersion": f"v{endpoint.version}",
            "gitCommit": "",
            "gitTreeState": "clean",
            "buildDate": "2026-01-01T00:00:00Z",
            "goVersion": "simulated",
            "compiler": "simulated",
            "platform": "linux/amd64",
        }
    )


def _verb(call: Call) -> str:
    address, method = call.address, call.request.method
    verb = VERBS.get(method)
    if verb is None:
        raise method_not_allowed(call)
    if verb == "get" and bool_param(call, "watch"):
        return "watch"
    if verb == "get" and not address.name:
        return "list"
    if verb == "delete" and not address.name:
        return "deletecollection"
    return verb


def _authorize(endpoint: Endpoint, user: User, verb: str, address: Address) -> None:
    plural = f"{address.plural}/{address.subresource}" if address.subresource else address.plural
    if not allowed(endpoint, user, verb, address.group, plural, address.namespace, address.name):
        raise refusal(user, verb, address.group, plural, address.namespace, address.name)


def _check_scope(call: Call, verb: str) -> None:
    resource, address = call.resource, call.address
    if address.namespace and not resource.namespaced:
        raise no_such_path()
    if resource.namespaced and not address.namespace and verb not in ("list", "watch"):
        raise method_not_allowed(call) if not address.name else no_such_path()
    if address.subresource:
        if address.subresource not in (*resource.subresources, "finalize"):
            raise no_such_path()
        if verb not in subresource_verbs(address.subresource) and address.subresource != "finalize":
            raise method_not_allowed(call)
    elif (
        verb not in resource.verbs
        or (verb in ("update", "patch") and not address.name)
        or (verb == "create" and address.name)
    ):
        raise method_not_allowed(call)


async def _serve(call: Call, verb: str, authenticator: Authenticator, base_url: str) -> web.StreamResponse:
    _check_scope(call, verb)
    resource, address = call.resource, call.address
    if resource.group == "metrics.k8s.io":
        return _metrics(call)
    if resource.verbs == ("create",):
        return await review(call, authenticator)
    if address.subresource and address.subresource not in ("status", "finalize"):
        return await subresource(call, authenticator, base_url)
    return await SERVED[verb](call)


async def _list(call: Call) -> web.Response:
    return list_objects(call)


async def _get(call: Call) -> web.Response:
    return show(call.request, call.resource, find(call).raw)


async def _create(call: Call) -> web.Response:
    return show(call.request, call.resource, insert(call, await read_document(call)), 201)


async def _patch(call: Call) -> web.Response:
    raw, status = await patch(call)
    return show(call.request, call.resource, raw, status)


async def _update(call: Call) -> web.Response:
    document = await read_document(call)
    entry = find(call)
    metadata = document.get("metadata")
    if not isinstance(metadata, dict) or not metadata.get("name"):
        raise bad_request("the name of the object must be set in metadata.name")
    return show(call.request, call.resource, replace(call, entry, document))


SERVED: dict[str, Callable[[Call], Awaitable[web.StreamResponse]]] = {
    "get": _get,
    "list": _list,
    "watch": watch,
    "create": _create,
    "update": _update,
    "patch": _patch,
    "delete": delete_one,
    "deletecollection": delete_many,
}


def _metrics(call: Call) -> web.Response:
    endpoint, resource, address = call.endpoint, call.resource, call.address
    documents = (
        endpoint.virtual(endpoint, resource, address.namespace, address.name) if endpoint.virtual else []
    )
    raws = [orjson.dumps(document) for document in documents]
    if not address.name:
        return show_list(call.request, resource, raws, {})
    if not raws:
        raise not_found(resource.group, resource.plural, address.name)
    return show(call.request, resource, raws[0])
