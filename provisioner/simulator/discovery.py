"""Discovery: which groups, versions and kinds an endpoint serves, plain and aggregated."""

from __future__ import annotations

from aiohttp import web

from provisioner.simulator.endpoint import Endpoint
from provisioner.simulator.errors import Json, no_such_path
from provisioner.simulator.kinds import Resource
from provisioner.simulator.represent import answer

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
SUBRESOURCE_KINDS = {
    "scale": ("autoscaling", "v1", "Scale"),
    "token": ("authentication.k8s.io", "v1", "TokenRequest"),
    "eviction": ("policy", "v1", "Eviction"),
    "binding": ("", "v1", "Binding"),
    "adminkubeconfig": ("authentication.gardener.cloud", "v1alpha1", "AdminKubeconfigRequest"),
    "viewerkubeconfig": ("authentication.gardener.cloud", "v1alpha1", "ViewerKubeconfigRequest"),
}


def subresource_verbs(subresource: str) -> tuple[str, ...]:
    """Return what can be done with a subresource."""
    if subresource in ("status", "scale"):
        return ("get", "patch", "update")
    return ("create",)


def _groups(endpoint: Endpoint) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for resource in endpoint.resources():
        versions = groups.setdefault(resource.group, [])
        if resource.version not in versions:
            versions.append(resource.version)
    return groups


def _of(endpoint: Endpoint, group: str, version: str) -> list[Resource]:
    return [each for each in endpoint.resources() if (each.group, each.version) == (group, version)]


def _plain(resource: Resource) -> list[Json]:
    first: Json = {
        "name": resource.plural,
        "singularName": resource.kind.lower(),
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
    }
    if resource.short:
        first["shortNames"] = list(resource.short)
    if resource.categories:
        first["categories"] = list(resource.categories)
    found = [first]
    for name in resource.subresources:
        group, version, kind = SUBRESOURCE_KINDS.get(name, (resource.group, resource.version, resource.kind))
        found.append(
            {
                "name": f"{resource.plural}/{name}",
                "singularName": "",
                "namespaced": resource.namespaced,
                "group": group,
                "version": version,
                "kind": kind,
                "verbs": list(subresource_verbs(name)),
            }
        )
    return found


def _aggregated(resource: Resource) -> Json:
    own = {"group": resource.group, "version": resource.version, "kind": resource.kind}
    found: Json = {
        "resource": resource.plural,
        "responseKind": own,
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.kind.lower(),
        "verbs": list(resource.verbs),
        "shortNames": list(resource.short),
        "categories": list(resource.categories),
        "subresources": [],
    }
    for name in resource.subresources:
        group, version, kind = SUBRESOURCE_KINDS.get(name, tuple(own.values()))
        found["subresources"].append(
            {
                "subresource": name,
                "responseKind": {"group": group, "version": version, "kind": kind},
                "verbs": list(subresource_verbs(name)),
            }
        )
    return found


def _aggregated_list(endpoint: Endpoint, *, core: bool) -> web.Response:
    items: list[Json] = []
    for group, versions in _groups(endpoint).items():
        if core != (group == ""):
            continue
        listed = [
            {
                "version": version,
                "freshness": "Current",
                "resources": [_aggregated(each) for each in _of(endpoint, group, version)],
            }
            for version in versions
        ]
        items.append({"metadata": {"name": group, "creationTimestamp": None}, "versions": listed})
    body: Json = {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": items,
    }
    return answer(body, headers={"Content-Type": AGGREGATED})


def _group(name: str, versions: list[str]) -> Json:
    served = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": served, "preferredVersion": served[-1]}


def discover(request: web.Request, endpoint: Endpoint, parts: list[str]) -> web.Response:
    """Answer /api, /apis and what lies between them and a kind; raises 404 for what is not served."""
    wants_aggregated = "g=apidiscovery.k8s.io;v=v2;as=" in request.headers.get("Accept", "").replace(" ", "")
    groups = _groups(endpoint)
    match parts:
        case ["api"] | ["apis"] if wants_aggregated:
            return _aggregated_list(endpoint, core=parts[0] == "api")
        case ["api"]:
            return answer({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})
        case ["apis"]:
            listed = [_group(name, versions) for name, versions in groups.items() if name]
            return answer({"kind": "APIGroupList", "apiVersion": "v1", "groups": listed})
        case ["apis", group] if group in groups:
            return answer({"kind": "APIGroup", "apiVersion": "v1", **_group(group, groups[group])})
        case ["api", "v1"]:
            group, version = "", "v1"
        case ["apis", group, version]:
            pass
        case _:
            raise no_such_path()
    resources = _of(endpoint, group, version)
    if not resources:
        raise no_such_path()
    return answer(
        {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": f"{group}/{version}" if group else version,
            "resources": [line for each in resources for line in _plain(each)],
        }
    )
