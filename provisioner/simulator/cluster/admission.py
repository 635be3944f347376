"""Defaults and demands of built-in kinds; what real API servers refuse, this one refuses too."""

from __future__ import annotations

from typing import Any, NoReturn

from provisioner.simulator.endpoint import CRDS, Endpoint, Key, Strategy
from provisioner.simulator.errors import Json, cause, forbidden, invalid
from provisioner.simulator.gardener.status import fraction
from provisioner.simulator.selectors import label_selector

RBAC = "rbac.authorization.k8s.io"
PROTECTED = frozenset({"default", "kube-system", "kube-public", "kube-node-lease"})


def _refuse(document: Json, field: str, why: str) -> NoReturn:
    group = document["apiVersion"].rpartition("/")[0]
    causes = [cause(field, why, "FieldValueRequired")]
    raise invalid(group, document["kind"], document["metadata"]["name"], causes)


def _spec(document: Json) -> Json:
    spec = document.get("spec")
    if not isinstance(spec, dict):
        _refuse(document, "spec", "Required value")
    return spec


def _template(document: Json, spec: Json) -> Json:
    template = spec.get("template")
    if not isinstance(template, dict):
        _refuse(document, "spec.template", "Required value")
    _containers(document, template.get("spec"), "spec.template.spec")
    return template


def _containers(document: Json, spec: Any, where: str) -> None:
    listed = spec.get("containers") if isinstance(spec, dict) else None
    if not isinstance(listed, list) or not listed:
        _refuse(document, f"{where}.containers", "Required value")
    for index, each in enumerate(listed or []):
        if not isinstance(each, dict) or not each.get("name"):
            _refuse(document, f"{where}.containers[{index}].name", "Required value")
        elif not each.get("image"):
            _refuse(document, f"{where}.containers[{index}].image", "Required value")


def pod(endpoint: Endpoint, document: Json, old: Json | None) -> None:
    """Begin a pod's life, as pending."""
    spec = _spec(document)
    _containers(document, spec, "spec")
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("serviceAccountName", "default")
    spec.setdefault("schedulerName", "default-scheduler")
    if old is None:
        document["status"] = {"phase": "Pending", "conditions": [], "qosClass": "Burstable"}


def workload(endpoint: Endpoint, document: Json, old: Json | None) -> None:
    """Demand a template that its selector matches."""
    spec = _spec(document)
    template = _template(document, spec)
    selector = spec.get("selector")
    if not selector:
        _refuse(document, "spec.selector", "Required value")
    labels = (template.get("metadata") or {}).get("labels") or {}
    if not label_selector(selector)(labels):
        _refuse(
            document,
            "spec.template.metadata.labels",
            "Invalid value: `selector` does not match template `labels`",
        )
    if old is not None and old["spec"].get("selector") != selector:
        _refuse(document, "spec.selector", "Invalid value: field is immutable")
    strategy = "strategy" if document["kind"] == "Deployment" else "updateStrategy"
    if document["kind"] != "ReplicaSet":
        spec.setdefault(strategy, {"type": "RollingUpdate"})
    if document["kind"] != "DaemonSet":
        spec.setdefault("replicas", 1)
        if not isinstance(spec["replicas"], int) or spec["replicas"] < 0:
            _refuse(document, "spec.replicas", f"Invalid value: {spec['replicas']}: must be zero or more")


def job(endpoint: Endpoint, document: Json, old: Json | None) -> None:
    """Give a Job its counts."""
    spec = _spec(document)
    template = _template(document, spec)
    spec.setdefault("parallelism", 1)
    spec.setdefault("completions", 1)
    spec.setdefault("backoffLimit", 6)
    if old is not None and old["spec"]["template"] != template:
        _refuse(document, "spec.template", "Invalid value: field is immutable")


def service(endpoint: Endpoint, document: Json, old: Json | None) -> None:
    """Give a Service its address."""
    spec = _spec(document)
    spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    for port in spec.get("ports") or []:
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port.get("port"))
    before = ((old or {}).get("spec") or {}).get("clusterIP")
    if "clusterIP" not in spec and spec["type"] != "ExternalName":
        number = int(fraction(document["metadata"]["uid"] if old is None else old["metadata"]["uid"]) * 60000)
        spec["clusterIP"] = before or f"100.64.{number // 250 + 1}.{number % 250 + 2}"
    if spec.get("clusterIP"):
        spec.setdefault("clusterIPs", [spec["clusterIP"]])
    if old is None:
        document["status"] = {"loadBalancer": {}}


def claim(endpoint: Endpoint, document: Json, old: Json | None) -> None:
    """Begin a claim's life, as pending."""
    spec = _spec(document)
    if not ((spec.get("resources") or {}).get("requests") or {}).get("storage"):
        _refuse(document, "spec.resources[storage]", "Required value")
    spec.setdefault("accessModes", ["ReadWriteOnce"])
    if old is None:
        document["status"] = {"phase": "Pending"}
    else:
        for name in ("volumeName", "storageClassName", "volumeMode"):
            if name in old["spec"]:
                spec.setdefault(name, old["spec"][name])


def space(endpoint: Endpoint, document: Json, old: Json | None) -> None:
    """Begin a namespace's life, as active."""
    name = document["metadata"]["name"]
    document["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = name
    if old is None:
        document["spec"] = {"finalizers": ["kubernetes"]}
        document["status"] = {"phase": "Active"}


def check_space(endpoint: Endpoint, document: Json) -> None:
    """Refuse to delete a namespace the cluster needs."""
    name = document["metadata"]["name"]
    if name in PROTECTED:
        raise forbidden("", "namespaces", name, "this namespace may not be deleted")


def definition(endpoint: Endpoint, document: Json, old: Json | None) -> None:
    """Demand what serving a custom kind needs."""
    spec = _spec(document)
    names = spec.get("names") or {}
    for field in ("plural", "kind"):
        if not names.get(field):
            _refuse(document, f"spec.names.{field}", "Required value")
    if not spec.get("group"):
        _refuse(document, "spec.group", "Required value")
    if document["metadata"]["name"] != f"{names['plural']}.{spec['group']}":
        _refuse(document, "metadata.name", 'Invalid value: must be spec.names.plural+"."+spec.group')
    if not spec.get("versions"):
        _refuse(document, "spec.versions", "Required value")
    names.setdefault("singular", names["kind"].lower())
    names.setdefault("listKind", names["kind"] + "List")
    spec.setdefault("scope", "Namespaced")
    spec.setdefault("conversion", {"strategy": "None"})


def role_binding(endpoint: Endpoint, document: Json, old: Json | None) -> None:
    """Keep a binding to the role that it was made for."""
    if not (document.get("roleRef") or {}).get("name"):
        _refuse(document, "roleRef.name", "Required value")
    if old is not None and old.get("roleRef") != document["roleRef"]:
        _refuse(document, "roleRef", "Invalid value: cannot change roleRef")


NAMESPACE = Strategy(prepare=space, check_delete=check_space)
STRATEGIES: dict[Key, Strategy] = {
    ("", "namespaces"): NAMESPACE,
    ("", "pods"): Strategy(prepare=pod),
    ("", "services"): Strategy(prepare=service),
    ("", "persistentvolumeclaims"): Strategy(prepare=claim),
    ("apps", "deployments"): Strategy(prepare=workload),
    ("apps", "replicasets"): Strategy(prepare=workload),
    ("apps", "statefulsets"): Strategy(prepare=workload),
    ("apps", "daemonsets"): Strategy(prepare=workload),
    ("batch", "jobs"): Strategy(prepare=job),
    (RBAC, "clusterrolebindings"): Strategy(prepare=role_binding),
    (RBAC, "rolebindings"): Strategy(prepare=role_binding),
    CRDS: Strategy(prepare=definition),
}
