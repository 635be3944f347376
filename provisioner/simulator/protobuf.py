"""Reading the protobuf that kubectl's generators send (`create deployment`, `auth can-i`, `drain`): only reading.

Field numbers are those of the generated.proto files of k8s.io/api; answers are always JSON, which every client takes.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any

from provisioner.simulator.errors import Json, bad_request

MAGIC = b"k8s\x00"
CONTENT_TYPE = "application/vnd.kubernetes.protobuf"

# `Message field=number:type`; a type is s(tring), i(nt, zero left out), n(umber, zero kept), b(ool), y (bytes),
# m(ap), ym (map of bytes), q (map of quantities), t(ime), x (int or string), or a message; `*` means repeated.
SCHEMA = """
Unknown typeMeta=1:TypeMeta raw=2:raw
TypeMeta apiVersion=1:s kind=2:s
ObjectMeta name=1:s generateName=2:s namespace=3:s uid=5:s resourceVersion=6:s labels=11:m annotations=12:m finalizers=14:*s
Namespace metadata=1:ObjectMeta
ConfigMap metadata=1:ObjectMeta data=2:m binaryData=3:ym immutable=4:b
Secret metadata=1:ObjectMeta data=2:ym type=3:s stringData=4:m immutable=5:b
ServiceAccount metadata=1:ObjectMeta
Service metadata=1:ObjectMeta spec=2:ServiceSpec
ServiceSpec ports=1:*ServicePort selector=2:m clusterIP=3:s type=4:s sessionAffinity=7:s externalName=10:s
ServicePort name=1:s protocol=2:s port=3:i targetPort=4:x nodePort=5:i
Deployment metadata=1:ObjectMeta spec=2:DeploymentSpec
DeploymentSpec replicas=1:n selector=2:LabelSelector template=3:PodTemplateSpec
LabelSelector matchLabels=1:m matchExpressions=2:*Requirement
Requirement key=1:s operator=2:s values=3:*s
PodTemplateSpec metadata=1:ObjectMeta spec=2:PodSpec
Pod metadata=1:ObjectMeta spec=2:PodSpec
PodSpec containers=2:*Container restartPolicy=3:s nodeSelector=7:m serviceAccountName=8:s nodeName=10:s hostNetwork=11:b
Container name=1:s image=2:s command=3:*s args=4:*s workingDir=5:s ports=6:*ContainerPort env=7:*EnvVar resources=8:Resources
ContainerPort name=1:s hostPort=2:i containerPort=3:i protocol=4:s
EnvVar name=1:s value=2:s
Resources limits=1:q requests=2:q
Job metadata=1:ObjectMeta spec=2:JobSpec
JobSpec parallelism=1:n completions=2:n template=6:PodTemplateSpec backoffLimit=7:n
CronJob metadata=1:ObjectMeta spec=2:CronJobSpec
CronJobSpec schedule=1:s concurrencyPolicy=3:s suspend=4:b jobTemplate=5:JobTemplateSpec
JobTemplateSpec metadata=1:ObjectMeta spec=2:JobSpec
Role metadata=1:ObjectMeta rules=2:*Rule
ClusterRole metadata=1:ObjectMeta rules=2:*Rule
Rule verbs=1:*s apiGroups=2:*s resources=3:*s resourceNames=4:*s nonResourceURLs=5:*s
RoleBinding metadata=1:ObjectMeta subjects=2:*Subject roleRef=3:RoleRef
ClusterRoleBinding metadata=1:ObjectMeta subjects=2:*Subject roleRef=3:RoleRef
Subject kind=1:s apiGroup=2:s name=3:s namespace=4:s
RoleRef apiGroup=1:s kind=2:s name=3:s
PriorityClass metadata=1:ObjectMeta value=2:n globalDefault=3:b description=4:s
ResourceQuota metadata=1:ObjectMeta spec=2:ResourceQuotaSpec
ResourceQuotaSpec hard=1:q
SelfSubjectReview metadata=1:ObjectMeta
SelfSubjectRulesReview spec=2:RulesReviewSpec
RulesReviewSpec namespace=1:s
SelfSubjectAccessReview spec=2:AccessReviewSpec
AccessReviewSpec resourceAttributes=1:ResourceAttributes nonResourceAttributes=2:NonResourceAttributes
ResourceAttributes namespace=1:s verb=2:s group=3:s version=4:s resource=5:s subresource=6:s name=7:s
NonResourceAttributes path=1:s verb=2:s
TokenRequest metadata=1:ObjectMeta spec=2:TokenRequestSpec
TokenRequestSpec audiences=1:*s expirationSeconds=4:n
Eviction metadata=1:ObjectMeta deleteOptions=2:DeleteOptions
DeleteOptions gracePeriodSeconds=1:n preconditions=2:Preconditions propagationPolicy=4:s dryRun=5:*s
Preconditions uid=1:s resourceVersion=2:s
"""

Fields = dict[int, tuple[str, str, bool]]


@cache
def _messages() -> dict[str, Fields]:
    found: dict[str, Fields] = {}
    for line in SCHEMA.strip().splitlines():
        name, *fields = line.split()
        found[name] = {}
        for each in fields:
            label, _, rest = each.partition("=")
            number, _, kind = rest.partition(":")
            found[name][int(number)] = (label, kind.lstrip("*"), kind.startswith("*"))
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:  # noqa: PLR2004 - the continuation bit
            return value, at


def _parts(data: bytes) -> Iterator[tuple[int, Any]]:
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = _varint(data, at)
            yield number, value
            continue
        size = {1: 8, 5: 4}.get(wire)
        if size is None:
            size, at = _varint(data, at)
        yield number, data[at : at + size]
        at += size


def _pair(data: bytes) -> tuple[str, bytes]:
    entry = dict(_parts(data))
    return entry.get(1, b"").decode(), entry.get(2, b"")


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value


def _int_or_string(data: bytes) -> int | str:
    entry = dict(_parts(data))
    return str(entry.get(3, b"").decode()) if entry.get(1) else _signed(entry.get(2, 0))


def _time(data: bytes) -> str:
    return datetime.fromtimestamp(dict(_parts(data)).get(1, 0), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


SCALARS: dict[str, Callable[[Any], Any]] = {
    "s": lambda value: value.decode(),
    "i": _signed,
    "n": _signed,
    "b": bool,
    "y": lambda value: base64.b64encode(value).decode(),
    "raw": bytes,
    "x": _int_or_string,
    "t": _time,
}
MAPS: dict[str, Callable[[bytes], Any]] = {
    "m": lambda value: value.decode(),
    "ym": lambda value: base64.b64encode(value).decode(),
    "q": lambda value: dict(_parts(value)).get(1, b"").decode(),
}


def _read(data: bytes, message: str) -> Json:
    found: Json = {}
    fields = _messages()[message]
    for number, value in _parts(data):
        if number not in fields:
            continue
        label, kind, repeated = fields[number]
        if kind in MAPS:
            key, content = _pair(value)
            found.setdefault(label, {})[key] = MAPS[kind](content)
            continue
        read = SCALARS[kind](value) if kind in SCALARS else _read(value, kind)
        if repeated:
            found.setdefault(label, []).append(read)
        elif kind == "n" or read not in ("", 0, False, {}):
            found[label] = read
    return found


def decode_protobuf(body: bytes) -> Json:
    """Return the object in a body that begins with Kubernetes' magic number; raises 400 for what it does not know."""
    if not body.startswith(MAGIC):
        raise bad_request("the body of the request is no Kubernetes protobuf")
    try:
        envelope = _read(body[len(MAGIC) :], "Unknown")
        kind = envelope.get("typeMeta", {})
        if kind.get("kind") not in _messages():
            raise bad_request(
                f"protobuf of kind {kind.get('kind')!r} is not read here: send application/json"
            )
        return {**kind, **_read(envelope.get("raw", b""), kind["kind"])}
    except (IndexError, UnicodeDecodeError, AttributeError, TypeError, KeyError):
        raise bad_request("the body of the request is no readable protobuf") from None
