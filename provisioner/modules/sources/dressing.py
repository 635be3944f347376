"""Makes a bundle's objects the platform's own: place, priority, nodes, security, images. Pure; copies, never changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from controlplane.catalog.sourced import SourcedVersion
from provisioner.modules import ports
from provisioner.modules.base import Module, Request
from provisioner.modules.objects import MODULE, PRIORITY, SYSTEM, placement
from provisioner.modules.sources.kinds import WORKLOADS, group_of, rank, scopes_of
from provisioner.runtimes.inside import Json

HOOK = "helm.sh/hook"
_CALLED = frozenset({"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"})
_TESTS = frozenset({"test", "test-success", "test-failure"})
_NO_BUNDLE = frozenset({"", "Cg==", "Cgo="})  # where a controller writes the real one later


def dress(
    documents: Sequence[Json], *, module: Module, version: SourcedVersion, asked: Request, security: str
) -> list[Json]:
    """Return the objects as they are applied, in their order; `security` is the Pod Security level of the bundle's namespace."""
    place = version.namespace or SYSTEM
    scopes = scopes_of(documents, module)
    scaled = _scaled(documents)
    made = []
    for document in documents:
        if _is_left_out(document, place):
            continue
        dressed = _cleaned(document)
        metadata = dict(dressed["metadata"])
        if scopes.get((group_of(document), document["kind"])):
            metadata["namespace"] = metadata.get("namespace") or place
        dressed["metadata"] = metadata
        if document["kind"] in WORKLOADS:
            dressed = _workload(dressed, version, asked, restricted=security == "restricted")
        if (document["kind"], metadata["name"]) in scaled and isinstance(dressed.get("spec"), dict):
            dressed = {
                **dressed,
                "spec": {key: one for key, one in dressed["spec"].items() if key != "replicas"},
            }
        made.append(dressed)
    return sorted(made, key=rank)


def hooks_of(document: Mapping[str, Any]) -> set[str]:
    """Return the moments at which Helm would run an object instead of installing it."""
    annotations = document["metadata"].get("annotations") or {}
    return {one.strip() for one in str(annotations.get(HOOK, "")).split(",") if one.strip()}


def pod_of(document: Mapping[str, Any]) -> Json | None:
    """Return the template of a workload's pods, None of what has none."""
    spec = document.get("spec") or {}
    if document["kind"] == "CronJob":
        spec = (spec.get("jobTemplate") or {}).get("spec") or {}
    template = spec.get("template")
    return template if isinstance(template, dict) else None


def _is_left_out(document: Mapping[str, Any], place: str) -> bool:
    """Namespaces of ours are there already, and tests of charts are for whoever wrote them."""
    if document["kind"] == "Namespace" and document["metadata"]["name"] == place:
        return True
    hooks = hooks_of(document)
    return bool(hooks) and hooks <= _TESTS


def _scaled(documents: Sequence[Mapping[str, Any]]) -> set[tuple[Any, Any]]:
    """Return the workloads whose replicas an autoscaler of the bundle sets: said by us too, they would go up and down."""
    targets = [
        (one.get("spec") or {}).get("scaleTargetRef") or {}
        for one in documents
        if one["kind"] == "HorizontalPodAutoscaler"
    ]
    return {(target.get("kind"), target.get("name")) for target in targets}


def _cleaned(document: Mapping[str, Any]) -> Json:
    """Return an object without what others write into it: we would take that for ours, and undo it again and again."""
    made: Json = _without_nulls({key: value for key, value in document.items() if key != "status"})
    made["metadata"].pop("creationTimestamp", None)
    if "aggregationRule" in made:
        made.pop("rules", None)
    if document["kind"] in _CALLED:
        made["webhooks"] = [_without_bundle(one, "clientConfig") for one in made.get("webhooks") or ()]
    if document["kind"] == "APIService" and isinstance(made.get("spec"), dict):
        made["spec"] = _without_placeholder(made["spec"])
    conversion = made["spec"].get("conversion") if isinstance(made.get("spec"), dict) else None
    if document["kind"] == "CustomResourceDefinition" and isinstance(conversion, dict):
        webhook = conversion.get("webhook")
        if isinstance(webhook, dict):
            made["spec"]["conversion"] = {**conversion, "webhook": _without_bundle(webhook, "clientConfig")}
    return made


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nulls(one) for key, one in value.items() if one is not None}
    return [_without_nulls(one) for one in value] if isinstance(value, list) else value


def _without_bundle(document: Mapping[str, Any], field: str) -> Json:
    inner = document.get(field)
    return {**document, field: _without_placeholder(inner)} if isinstance(inner, Mapping) else dict(document)


def _without_placeholder(config: Mapping[str, Any]) -> Json:
    return {key: value for key, value in config.items() if key != "caBundle" or str(value) not in _NO_BUNDLE}


def _workload(document: Json, version: SourcedVersion, asked: Request, *, restricted: bool) -> Json:
    template = pod_of(document)
    spec = template.get("spec") if template else None
    if template is None or not isinstance(spec, dict):
        return document  # refused by whoever looks at it
    pod: Json = {**spec, "priorityClassName": PRIORITY, **_nodes(document["kind"], spec, asked)}
    for field in ("initContainers", "containers"):
        if field in spec and isinstance(spec[field], list):
            pod[field] = [
                _container(one, document["metadata"]["name"], version, spec, restricted=restricted)
                for one in spec[field]
            ]
    metadata = template.get("metadata") or {}
    labels = {**(metadata.get("labels") or {}), MODULE: asked.key}
    return _with_pod(document, {"metadata": {**metadata, "labels": labels}, "spec": pod})


def _with_pod(document: Json, template: Json) -> Json:
    spec = document["spec"]
    if document["kind"] != "CronJob":
        return {**document, "spec": {**spec, "template": template}}
    job = spec["jobTemplate"]
    job = {**job, "spec": {**job["spec"], "template": template}}
    return {**document, "spec": {"concurrencyPolicy": "Forbid", **spec, "jobTemplate": job}}


def _nodes(kind: str, spec: Mapping[str, Any], asked: Request) -> Json:
    if kind == "DaemonSet":
        return {"tolerations": [{"operator": "Exists"}]}
    ours = placement(asked.cluster)
    if not ours:
        return {}
    tolerations = [one for one in spec.get("tolerations") or () if one not in ours["tolerations"]]
    return {
        "nodeSelector": {**(spec.get("nodeSelector") or {}), **ours["nodeSelector"]},
        "tolerations": [*tolerations, *ours["tolerations"]],
    }


def _container(
    container: Any, workload: str, version: SourcedVersion, pod: Mapping[str, Any], *, restricted: bool
) -> Any:
    if not isinstance(container, dict):
        return container
    made = dict(container)
    if isinstance(made.get("image"), str):
        made["image"] = ports.images.mirrored(made["image"])
    name = made.get("name")
    said = version.resources.get(f"{workload}/{name}") or version.resources.get(str(name))
    if said:
        made["resources"] = {
            "requests": {"cpu": said["cpu"], "memory": said["memory"]},
            "limits": {"memory": said["memory"]},
        }
    if restricted:
        made["securityContext"] = _secured(
            made.get("securityContext") or {}, pod.get("securityContext") or {}
        )
    return made


def _secured(own: Mapping[str, Any], pods: Mapping[str, Any]) -> Json:
    """Return what the level `restricted` demands where nothing is said; what is said against it is refused elsewhere."""
    made: Json = {"allowPrivilegeEscalation": False, **own}
    made["capabilities"] = {"drop": ["ALL"], **(own.get("capabilities") or {})}
    if "runAsNonRoot" not in own and "runAsNonRoot" not in pods:
        made["runAsNonRoot"] = True
    if "seccompProfile" not in own and "seccompProfile" not in pods:
        made["seccompProfile"] = {"type": "RuntimeDefault"}
    return made
