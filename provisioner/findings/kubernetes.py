"""How rules read Kubernetes objects: kinds, selectors, owners, whose namespace it is. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from provisioner.findings.rules.base import Kind, Look
from provisioner.modules.objects import LANDSCAPES, OURS
from provisioner.runtimes.inside import Json, ObjectRef

POD = Kind("v1", "Pod")
NODE = Kind("v1", "Node")
NAMESPACE = Kind("v1", "Namespace")
DEPLOYMENT = Kind("apps/v1", "Deployment")
DAEMON_SET = Kind("apps/v1", "DaemonSet")
STATEFUL_SET = Kind("apps/v1", "StatefulSet")
JOB = Kind("batch/v1", "Job")
CRON_JOB = Kind("batch/v1", "CronJob")
BUDGET = Kind("policy/v1", "PodDisruptionBudget")
VALIDATING = Kind("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration")
MUTATING = Kind("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration")
DEFINITION = Kind("apiextensions.k8s.io/v1", "CustomResourceDefinition")
WORKLOADS = (DEPLOYMENT, DAEMON_SET, STATEFUL_SET, JOB, CRON_JOB)

_LANDSCAPES_MARKS = {
    "resources.gardener.cloud/managed-by": "gardener",
    "gardener.cloud/role": "system-component",
}
NAME_LABEL = "kubernetes.io/metadata.name"
_LONGEST_KIND, _LONGEST_NAME = (
    63,
    253,
)  # letters; Kubernetes holds objects to that, and not what they say of their owners


def labels_of(live: Mapping[str, Any]) -> Mapping[str, str]:
    """Return an object's labels."""
    return live["metadata"].get("labels") or {}


def is_landscapes(live: Mapping[str, Any]) -> bool:
    """Whether the landscape put it there and looks after it."""
    labels = labels_of(live)
    return any(labels.get(key) == value for key, value in _LANDSCAPES_MARKS.items())


def is_platforms_place(namespace: str) -> bool:
    """Whether only the platform or the landscape writes to a namespace."""
    return namespace in OURS or namespace in LANDSCAPES


def is_the_platforms(look: Look, ref: ObjectRef, live: Mapping[str, Any]) -> bool:
    """Whether an object is the platform's or the landscape's, with all that belongs to it."""
    return ref in look.ours or is_landscapes(live)


def controller_of(live: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the owner that runs an object, or None."""
    owners = live["metadata"].get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), None)


def owner_of(ref: ObjectRef, live: Mapping[str, Any]) -> ObjectRef:
    """Return what a person would change: of a Deployment's pod the Deployment, of a pod of nobody itself."""
    owner = controller_of(live)
    if owner is None:
        return ref
    kind = _as_kept(owner["kind"], _LONGEST_KIND)
    name = _as_kept(owner["name"], _LONGEST_NAME)
    version = _as_kept(owner.get("apiVersion", "apps/v1"), _LONGEST_NAME)
    if kind == "ReplicaSet" and labels_of(live).get("pod-template-hash"):
        kind, name = "Deployment", name.rpartition("-")[0] or name
    return ObjectRef(version, kind, name, ref.namespace)


def _as_kept(said: object, longest: int) -> str:
    """Return a name that nobody has checked as the database takes it: without zero bytes, and no longer than this."""
    return "".join(letter for letter in str(said) if letter.isprintable())[:longest]


def namespace_labels(look: Look) -> dict[str, Mapping[str, str]]:
    """Return {namespace: labels}, each with the name as Kubernetes adds it."""
    found = {ref.name: {**labels_of(live), NAME_LABEL: ref.name} for ref, live in look.each(NAMESPACE)}
    return {name: found.get(name, {NAME_LABEL: name}) for name in (*found, *OURS, *LANDSCAPES)}


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether a label selector matches; an empty one matches everything."""
    wanted: Json = dict(selector or {})
    if any(labels.get(key) != value for key, value in (wanted.get("matchLabels") or {}).items()):
        return False
    return all(_meets(one, labels) for one in wanted.get("matchExpressions") or ())


def _meets(term: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, operator, values = term["key"], term["operator"], term.get("values") or ()
    if operator == "In":
        return labels.get(key) in values
    if operator == "NotIn":
        return labels.get(key) not in values
    return bool((key in labels) == (operator == "Exists"))
