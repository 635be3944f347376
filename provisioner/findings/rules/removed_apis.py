"""APIs in use that a coming Kubernetes does not serve any more, or that this one has left behind."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from provisioner.findings.kubernetes import (
    BUDGET,
    CRON_JOB,
    DAEMON_SET,
    DEFINITION,
    DEPLOYMENT,
    MUTATING,
    STATEFUL_SET,
    VALIDATING,
    is_the_platforms,
)
from provisioner.findings.rules.base import Finding, Kind, Look, Rule, Severity
from provisioner.runtimes.inside import ObjectRef

_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_REGISTRATION, _FLOW = "admissionregistration.k8s.io", "flowcontrol.apiserver.k8s.io"
POLICY = Kind(f"{_REGISTRATION}/v1", "ValidatingAdmissionPolicy")
BINDING = Kind(f"{_REGISTRATION}/v1", "ValidatingAdmissionPolicyBinding")
CHANGING = Kind(f"{_REGISTRATION}/v1", "MutatingAdmissionPolicy")
CHANGING_BINDING = Kind(f"{_REGISTRATION}/v1", "MutatingAdmissionPolicyBinding")
FLOW_SCHEMA = Kind(f"{_FLOW}/v1", "FlowSchema")
LEVEL = Kind(f"{_FLOW}/v1", "PriorityLevelConfiguration")
INGRESS = Kind("networking.k8s.io/v1", "Ingress")
SCALER = Kind("autoscaling/v2", "HorizontalPodAutoscaler")
VOLUME_CLASS = Kind("storage.k8s.io/v1", "VolumeAttributesClass")
SERVICE_RANGE = Kind("networking.k8s.io/v1", "ServiceCIDR")
CLAIM = Kind("resource.k8s.io/v1", "ResourceClaim")
CLAIM_TEMPLATE = Kind("resource.k8s.io/v1", "ResourceClaimTemplate")
DEVICE_CLASS = Kind("resource.k8s.io/v1", "DeviceClass")
_APPS = {"extensions/v1beta1": "1.16", "apps/v1beta1": "1.16", "apps/v1beta2": "1.16"}
_DEVICES = {"resource.k8s.io/v1beta1": "1.38", "resource.k8s.io/v1beta2": "1.39"}
# {what is served still: {what is not from a minor on}}: of the kinds that people write and that a look reads anyhow, all; of the
# rest, what a Kubernetes of the catalog or one after it leaves behind. Sources: Kubernetes' Deprecated API Migration Guide (its
# newest entry is 1.32), and behind it the lifecycle of each type in k8s.io/api (zz_generated.prerelease-lifecycle.go, July 2026).
REMOVED: Mapping[Kind, Mapping[str, str]] = {
    DEPLOYMENT: _APPS,
    DAEMON_SET: {"extensions/v1beta1": "1.16", "apps/v1beta2": "1.16"},
    STATEFUL_SET: {"apps/v1beta1": "1.16", "apps/v1beta2": "1.16"},
    VALIDATING: {f"{_REGISTRATION}/v1beta1": "1.22"},
    MUTATING: {f"{_REGISTRATION}/v1beta1": "1.22"},
    DEFINITION: {"apiextensions.k8s.io/v1beta1": "1.22"},
    INGRESS: {"extensions/v1beta1": "1.22", "networking.k8s.io/v1beta1": "1.22"},
    CRON_JOB: {"batch/v1beta1": "1.25"},
    BUDGET: {"policy/v1beta1": "1.25"},
    SCALER: {"autoscaling/v2beta1": "1.25", "autoscaling/v2beta2": "1.26"},
    FLOW_SCHEMA: {f"{_FLOW}/v1beta1": "1.26", f"{_FLOW}/v1beta2": "1.29", f"{_FLOW}/v1beta3": "1.32"},
    LEVEL: {f"{_FLOW}/v1beta1": "1.26", f"{_FLOW}/v1beta2": "1.29", f"{_FLOW}/v1beta3": "1.32"},
    POLICY: {f"{_REGISTRATION}/v1alpha1": "1.32", f"{_REGISTRATION}/v1beta1": "1.34"},
    BINDING: {f"{_REGISTRATION}/v1alpha1": "1.32", f"{_REGISTRATION}/v1beta1": "1.34"},
    VOLUME_CLASS: {"storage.k8s.io/v1alpha1": "1.35", "storage.k8s.io/v1beta1": "1.37"},
    SERVICE_RANGE: {"networking.k8s.io/v1beta1": "1.37"},
    CLAIM: _DEVICES,
    CLAIM_TEMPLATE: _DEVICES,
    DEVICE_CLASS: _DEVICES,
    CHANGING: {f"{_REGISTRATION}/v1alpha1": "1.38", f"{_REGISTRATION}/v1beta1": "1.40"},
    CHANGING_BINDING: {f"{_REGISTRATION}/v1alpha1": "1.38", f"{_REGISTRATION}/v1beta1": "1.40"},
}


def check(look: Look) -> Iterable[Finding]:
    """Yield objects whose writers still speak such a version; it blocks upgrades to a Kubernetes that has it no more."""
    for kind, versions in REMOVED.items():
        for ref, live in look.each(kind):
            if is_the_platforms(look, ref, live):
                continue
            used = {version: who for version, who in _writers(live) if version in versions}
            for version, who in used.items():
                yield _finding(ref, version, versions[version], who, look.kubernetes_version)
                break  # one object, one finding


def _writers(live: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Yield (apiVersion, who), in which an object was written."""
    metadata = live["metadata"]
    try:
        applied = json.loads((metadata.get("annotations") or {}).get(_APPLIED) or "{}")
    except (ValueError, RecursionError):  # people write anything there, however deep
        applied = {}
    version = applied.get("apiVersion") if isinstance(applied, dict) else None
    if isinstance(version, str):
        yield version, "the manifest that kubectl applied"
    for entry in metadata.get("managedFields") or ():
        yield str(entry.get("apiVersion", "")), str(entry.get("manager", ""))[:60]


def _finding(ref: ObjectRef, version: str, removed_in: str, who: str, present: str) -> Finding:
    gone = _minor(present) >= _minor(removed_in)
    ends = (
        f"which Kubernetes has served no more since {removed_in}"
        if gone
        else f"which Kubernetes {removed_in} removes"
    )
    return Finding(
        ref,
        Severity.WARNING if gone else Severity.BLOCKING,
        f"{ref} is written as {version} by {who}, {ends}.",
        f"Change the manifest or the client to {ref.api_version}, and write the object once more with it.",
        from_version="" if gone else removed_in,
    )


def _minor(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])


rule = Rule(
    "Removed or deprecated APIs in use",
    "Whoever writes in a version that is not served any more fails on the day of the upgrade.",
    tuple(REMOVED),
    check,
    blocks=True,
)
