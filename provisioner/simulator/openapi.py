"""As much OpenAPI as kubectl asks for: that patches take dryRun and fieldValidation, kind by kind."""

from __future__ import annotations

from aiohttp import web

from provisioner.simulator.endpoint import Endpoint
from provisioner.simulator.errors import ApiError, Json, no_such_path
from provisioner.simulator.kinds import Resource
from provisioner.simulator.represent import answer

PARAMETERS = ("dryRun", "fieldManager", "fieldValidation", "force")


def _base(resource: Resource) -> str:
    return f"apis/{resource.group}/{resource.version}" if resource.group else f"api/{resource.version}"


def _path(resource: Resource) -> str:
    middle = "namespaces/{namespace}/" if resource.namespaced else ""
    return f"/{_base(resource)}/{middle}{resource.plural}/{{name}}"


def _operation(resource: Resource) -> Json:
    return {
        "operationId": f"patch{resource.kind}",
        "x-kubernetes-action": "patch",
        "x-kubernetes-group-version-kind": {
            "group": resource.group,
            "version": resource.version,
            "kind": resource.kind,
        },
        "parameters": [
            {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}}
            for name in PARAMETERS
        ],
        "responses": {"200": {"description": "OK"}},
    }


def openapi(request: web.Request, endpoint: Endpoint, parts: list[str]) -> web.Response:
    """Answer /openapi/v2, /openapi/v3 and /openapi/v3/<group version>."""
    served = [each for each in endpoint.resources() if "patch" in each.verbs]
    if parts == ["openapi", "v2"]:
        if "protobuf" in request.headers.get("Accept", "") and "json" not in request.headers.get(
            "Accept", ""
        ):
            raise ApiError(406, "NotAcceptable", "only application/json is spoken here")
        paths = {
            _path(each): {"patch": {**_operation(each), "parameters": _v2_parameters()}} for each in served
        }
        info = {"title": "Kubernetes", "version": endpoint.version}
        return answer({"swagger": "2.0", "info": info, "paths": paths, "definitions": {}})
    if parts == ["openapi", "v3"]:
        roots = sorted({_base(each) for each in served})
        return answer({"paths": {root: {"serverRelativeURL": f"/openapi/v3/{root}"} for root in roots}})
    root = "/".join(parts[2:])
    chosen = {_path(each): {"patch": _operation(each)} for each in served if _base(each) == root}
    if parts[:2] != ["openapi", "v3"] or not chosen:
        raise no_such_path()
    return answer(
        {
            "openapi": "3.0.0",
            "info": {"title": "Kubernetes", "version": endpoint.version},
            "paths": chosen,
            "components": {"schemas": {}},
        }
    )


def _v2_parameters() -> list[Json]:
    return [{"name": name, "in": "query", "type": "string"} for name in PARAMETERS]
