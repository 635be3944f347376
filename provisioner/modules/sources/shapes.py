"""What an object must look like where the platform reads it, asked once at the door: behind it nobody asks again. Pure.

Fields that nobody here reads are the API server's to judge. A null counts as left out, as it does there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from provisioner.modules.quantities import amount


@dataclass(frozen=True)
class _Value:
    """One value: `words` finish a sentence that begins with "must be"."""

    words: str
    holds: Callable[[Any], bool]


@dataclass(frozen=True)
class _Each:
    """A mapping whose keys are free and whose values are alike."""

    of: Any


def _matching(pattern: str) -> Callable[[Any], bool]:
    compiled = re.compile(pattern)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


def _is_quantity(value: Any) -> bool:
    found = amount(value)
    return found is not None and found >= 0


_TEXT = _Value("a text", lambda value: isinstance(value, str))
_COUNT = _Value("a whole number from 0 on", lambda value: type(value) is int and 0 <= value < 2**31)
_TRUTH = _Value("true or false", lambda value: isinstance(value, bool))
_QUANTITY = _Value("a quantity from 0 on, such as 100m or 256Mi", _is_quantity)
_TEXTS = _Each(_TEXT)
# k8s.io/apimachinery/pkg/api/validation/path and pkg/util/validation; names of roles have colons.
_NAME = _Value("a name of letters, digits, - and .", _matching(r"[A-Za-z0-9][A-Za-z0-9:._-]{0,252}"))
_NAMESPACE = _Value(
    "a namespace of small letters, digits and -", _matching(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?")
)
_IMAGE = _Value(
    "the name of an image, without blanks", _matching(r"([A-Za-z0-9][A-Za-z0-9._:/@+-]{0,1022})?")
)
_GROUP_VERSION = _Value(
    "a group and version such as apps/v1",
    _matching(r"v[a-z0-9]{1,62}|[a-z0-9][a-z0-9.-]{0,252}/[a-z]([a-z0-9-]{0,61}[a-z0-9])?"),
)
_KIND = _Value("a kind such as ConfigMap", _matching(r"[A-Za-z][A-Za-z0-9]{0,62}"))

_METADATA = {"labels": _TEXTS, "annotations": _TEXTS}
_OBJECT = {
    "apiVersion": _GROUP_VERSION,
    "kind": _KIND,
    "metadata": {"name": _NAME, "namespace": _NAMESPACE, **_METADATA},
}
_SECURITY = {"seccompProfile": {"type": _TEXT}, "capabilities": {"add": [_TEXT], "drop": [_TEXT]}}
_CONTAINERS = [
    {
        "name": _TEXT,
        "image": _IMAGE,
        "ports": [{}],
        "resources": {"requests": _Each(_QUANTITY), "limits": _Each(_QUANTITY)},
        "securityContext": _SECURITY,
    }
]
_POD = {
    "containers": _CONTAINERS,
    "initContainers": _CONTAINERS,
    "nodeSelector": _TEXTS,
    "securityContext": _SECURITY,
    "tolerations": [{}],
    "volumes": [{"name": _TEXT}],
}
_WORKLOAD = {
    "replicas": _COUNT,
    "template": {"metadata": _METADATA, "spec": _POD},
    "paused": _TRUTH,
    "updateStrategy": {"type": _TEXT, "rollingUpdate": {"partition": _COUNT}},
}
_HOOKS: Mapping[str, Any] = {"webhooks": [{"clientConfig": {}}]}
_ROLE = {"roleRef": {"name": _TEXT}}
_OF_KIND: Mapping[str, Mapping[str, Any]] = {
    "APIService": {"spec": {}},
    "ClusterRoleBinding": _ROLE,
    "CronJob": {
        "spec": {"concurrencyPolicy": _TEXT, "jobTemplate": {"spec": {**_WORKLOAD, "parallelism": _COUNT}}}
    },
    "CustomResourceDefinition": {
        "spec": {
            "group": _TEXT,
            "names": {"kind": _TEXT, "plural": _TEXT},
            "conversion": {"webhook": {"clientConfig": {}}},
        }
    },
    "DaemonSet": {"spec": _WORKLOAD},
    "Deployment": {"spec": _WORKLOAD},
    "HorizontalPodAutoscaler": {"spec": {"scaleTargetRef": {"kind": _TEXT, "name": _TEXT}}},
    "MutatingWebhookConfiguration": _HOOKS,
    "RoleBinding": _ROLE,
    "Secret": {"data": _TEXTS, "stringData": _TEXTS},
    "StatefulSet": {"spec": _WORKLOAD},
    "ValidatingWebhookConfiguration": _HOOKS,
}


def shape_fault(document: Any) -> str:
    """Return what of a document's shape is wrong, as a sentence about it, empty where nothing is."""
    metadata = document.get("metadata") if isinstance(document, dict) else None
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not (name and document.get("apiVersion") and document.get("kind")):
        return "a document that is no Kubernetes object with a kind and a name."
    for shape in (_OBJECT, _OF_KIND.get(str(document["kind"]), {})):
        for path, words in _unlike(document, shape, ""):
            return f"{document['kind']} {name}, whose {path.strip('.')} must be {words}."
    return ""


def _unlike(value: Any, shape: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield where a value is not as its shape says, and what would be."""
    if isinstance(shape, _Value):
        if not shape.holds(value):
            yield path, shape.words
    elif isinstance(shape, list):
        if not isinstance(value, list):
            yield path, "a list"
            return
        for index, one in enumerate(value):
            yield from _unlike(one, shape[0], f"{path}.{index}")
    elif not isinstance(value, dict):
        yield path, "names with values"
    elif isinstance(shape, _Each):
        for key, one in value.items():
            if one is not None:
                yield from _unlike(one, shape.of, f"{path}.{key}")
    else:
        for key, inner in shape.items():
            if value.get(key) is not None:
                yield from _unlike(value[key], inner, f"{path}.{key}")
