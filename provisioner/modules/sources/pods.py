"""What pods of a bundle may not be: without bounds, floating, or more than their namespace's Pod Security level lets in. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from provisioner.modules import ports
from provisioner.modules.images import EVERYWHERE, Images, is_fixed, split
from provisioner.modules.quantities import amount
from provisioner.modules.sources.faults import SourceFault
from provisioner.runtimes.inside import ObjectRef

# Kubernetes' Pod Security Standards, level restricted.
_VOLUMES = frozenset(
    {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
)
_HOST = ("hostNetwork", "hostPID", "hostIPC")
_ADDED = frozenset({"NET_BIND_SERVICE"})
_SECCOMP = frozenset({"RuntimeDefault", "Localhost"})
Spec = Mapping[str, Any]


def pod_faults(ref: ObjectRef, template: Spec | None, *, restricted: bool) -> Iterator[SourceFault]:
    """Yield what is wrong with the pods of one workload."""
    spec = (template or {}).get("spec")
    containers = list(containers_of(spec)) if isinstance(spec, Mapping) else []
    if not isinstance(spec, Mapping) or not containers:
        yield SourceFault("module_object_invalid", f"{ref} has no containers.")
        return
    for container in containers:
        name = f"container {container.get('name')} of {ref}"
        yield from _image(name, container, ports.images)
        yield from _bounds(name, container)
        if restricted:
            yield from _contained(name, container, spec.get("securityContext") or {})
    if restricted:
        yield from _pod(ref, spec)


def containers_of(spec: Spec) -> Iterator[Spec]:
    """Yield the containers of a pod, those that run before it too."""
    for field in ("initContainers", "containers"):
        listed = spec.get(field)
        yield from (one for one in (listed if isinstance(listed, list) else ()) if isinstance(one, Mapping))


def _image(name: str, container: Spec, images: Images) -> Iterator[SourceFault]:
    image = container.get("image")
    if not isinstance(image, str) or not image:
        yield SourceFault("module_object_invalid", f"The {name} names no image.")
        return
    if not is_fixed(image):
        detail = f"The {name} takes the image {image}, which may be another one tomorrow; name a version or a digest."
        yield SourceFault("module_image_floating", detail)
    if not split(image)[0] and EVERYWHERE not in images.mirrors:
        detail = (
            f"The {name} takes the image {image} of no registry; write its host, or set MODULE_IMAGE_MIRRORS."
        )
        yield SourceFault("module_image_registry", detail)


def _bounds(name: str, container: Spec) -> Iterator[SourceFault]:
    resources = container.get("resources") or {}
    requests, limits = resources.get("requests") or {}, resources.get("limits") or {}
    lacking = [f"requests.{key}" for key in ("cpu", "memory") if amount(requests.get(key)) is None]
    lacking += ["limits.memory"] if amount(limits.get("memory")) is None else []
    if lacking:
        key = name.removeprefix("container ").partition(" of ")[0]
        detail = (
            f"The {name} does not say {', '.join(lacking)}: everything of the platform is bounded. Set it by the chart's "
            f"values, or here: `resources: {{{key}: {{cpu: 50m, memory: 128Mi}}}}`."
        )
        yield SourceFault("module_requests_missing", detail)


def _contained(name: str, container: Spec, pods: Spec) -> Iterator[SourceFault]:
    own = container.get("securityContext") or {}
    both = {**pods, **own}
    capabilities = own.get("capabilities") or {}
    broken = {
        "privileged": bool(own.get("privileged")),
        "allowPrivilegeEscalation": own.get("allowPrivilegeEscalation") is not False,
        "runAsNonRoot": both.get("runAsNonRoot") is not True,
        "runAsUser": both.get("runAsUser") == 0,
        "seccompProfile": (both.get("seccompProfile") or {}).get("type") not in _SECCOMP,
        "capabilities.drop": "ALL" not in (capabilities.get("drop") or ()),
        "capabilities.add": bool(set(capabilities.get("add") or ()) - _ADDED),
        "hostPort": any(one.get("hostPort") for one in container.get("ports") or ()),
    }
    yield from _security(f"The {name}", [field for field, is_broken in broken.items() if is_broken])


def _pod(ref: ObjectRef, spec: Spec) -> Iterator[SourceFault]:
    fields = [field for field in _HOST if spec.get(field)]
    for volume in spec.get("volumes") or ():
        fields += [
            f"volumes.{volume.get('name')}.{kind}"
            for kind in volume
            if kind not in _VOLUMES and kind != "name"
        ]
    yield from _security(str(ref), fields)


def _security(who: str, fields: list[str]) -> Iterator[SourceFault]:
    if fields:
        detail = (
            f"{who} asks for more than the platform's namespace lets in (Pod Security level restricted): {', '.join(fields)}. "
            "Set it otherwise by the chart's values."
        )
        yield SourceFault("module_security", detail)
