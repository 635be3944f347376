"""What Gardener fills in where a Shoot says nothing."""

from __future__ import annotations

from typing import Any

from provisioner.simulator.errors import Json
from provisioner.simulator.gardener.versions import newest

WINDOW = {"begin": "220000+0000", "end": "230000+0000"}
CONSERVATIVE_UPDATES = {"kubernetesVersion": True, "machineImageVersion": True}


def _objects(spec: Json, *path: str) -> Json:
    node = spec
    for part in path:
        child = node.get(part)
        if not isinstance(child, dict):
            child = {}
            node[part] = child
        node = child
    return node


def fill_in(spec: Json, profile: Json | None, old: Json | None) -> None:
    """Default a Shoot's spec in place; what an update leaves out keeps its old value."""
    spec.setdefault("purpose", "evaluation")
    spec.setdefault("schedulerName", "default-scheduler")
    networking = _objects(spec, "networking")
    before = (old or {}).get("networking") or {}
    for name, value in (("pods", "100.96.0.0/11"), ("services", "100.64.0.0/13"), ("ipFamilies", ["IPv4"])):
        networking.setdefault(name, before.get(name, value))
    networking.setdefault("type", before.get("type", "calico"))
    kubernetes = _objects(spec, "kubernetes")
    _objects(kubernetes, "kubeAPIServer").setdefault("enableAnonymousAuthentication", False)
    _objects(kubernetes, "kubeControllerManager").setdefault("nodeCIDRMaskSize", 24)
    _objects(kubernetes, "kubeProxy").setdefault("mode", "IPTables")
    _objects(kubernetes, "verticalPodAutoscaler").setdefault("enabled", False)
    maintenance = _objects(spec, "maintenance")
    maintenance.setdefault("timeWindow", dict(WINDOW))
    maintenance.setdefault("autoUpdate", dict(CONSERVATIVE_UPDATES))
    if profile is not None:
        _versions(spec, profile["spec"], old)
    for worker in (spec.get("provider") or {}).get("workers") or []:
        if isinstance(worker, dict):
            _worker(worker)


def _versions(spec: Json, profile: Json, old: Json | None) -> None:
    kubernetes = spec["kubernetes"]
    wanted = kubernetes.get("version") or ""
    before = ((old or {}).get("kubernetes") or {}).get("version", "")
    if isinstance(wanted, str) and wanted.count(".") <= 1:
        same_minor = before.startswith(f"{wanted}.") and wanted
        found = before if same_minor else newest(profile["kubernetes"]["versions"], wanted)
        if found:
            kubernetes["version"] = found
    images = profile["machineImages"]
    kept = {
        worker["name"]: (worker.get("machine") or {}).get("image")
        for worker in ((old or {}).get("provider") or {}).get("workers") or []
    }
    for worker in (spec.get("provider") or {}).get("workers") or []:
        if isinstance(worker, dict) and isinstance(worker.get("machine"), dict):
            _image(worker["machine"], kept.get(worker.get("name")), images)


def _image(machine: Json, before: Any, images: list[Json]) -> None:
    image = machine.get("image")
    if not isinstance(image, dict) or not image:
        image = dict(before) if before else {"name": images[0]["name"]}
        machine["image"] = image
    if not image.get("version"):
        offers: list[Json] = next(
            (each["versions"] for each in images if each["name"] == image.get("name")), []
        )
        found = newest(offers)
        if found:
            image["version"] = found


def _worker(worker: Json) -> None:
    worker.setdefault("systemComponents", {"allow": True})
    worker.setdefault("maxSurge", 1)
    worker.setdefault("maxUnavailable", 0)
    worker.setdefault("cri", {"name": "containerd"})
    machine = worker.get("machine")
    if isinstance(machine, dict):
        machine.setdefault("architecture", "amd64")
