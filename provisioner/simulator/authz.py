"""What a caller may do: masters everything, viewers read, everyone else what RBAC objects say."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.simulator.endpoint import Endpoint
from provisioner.simulator.errors import ApiError, Json, qualified
from provisioner.simulator.identity import MASTERS, VIEWERS, User

RBAC = "rbac.authorization.k8s.io"
ASKABLE = frozenset({"selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews"})


def allowed(
    endpoint: Endpoint, user: User, verb: str, group: str, plural: str, namespace: str, name: str
) -> bool:
    """Say whether a caller may do this; `plural` may carry a subresource as `pods/eviction`."""
    if MASTERS in user.groups:
        return True
    if plural in ASKABLE and not user.anonymous:
        return True
    if VIEWERS in user.groups and verb in ("get", "list", "watch"):
        return not (group == "" and plural == "secrets")
    return any(_covers(rule, verb, group, plural, name) for rule in _rules(endpoint, user, namespace))


def _covers(rule: Json, verb: str, group: str, plural: str, name: str) -> bool:
    names = rule.get("resourceNames") or []
    return (
        _has(rule.get("verbs"), verb)
        and _has(rule.get("apiGroups"), group)
        and _has(rule.get("resources"), plural)
        and (not names or name in names)
    )


def _has(listed: list[str] | None, wanted: str) -> bool:
    return listed is not None and ("*" in listed or wanted in listed)


def _rules(endpoint: Endpoint, user: User, namespace: str) -> Iterator[Json]:
    for binding in endpoint.collection(RBAC, "clusterrolebindings").documents():
        if _binds(binding, user, ""):
            yield from _role(endpoint, binding["roleRef"], "")
    if namespace:
        for binding in endpoint.collection(RBAC, "rolebindings").documents(namespace):
            if _binds(binding, user, namespace):
                yield from _role(endpoint, binding["roleRef"], namespace)


def _binds(binding: Json, user: User, namespace: str) -> bool:
    for subject in binding.get("subjects") or []:
        kind, name = subject.get("kind"), subject.get("name", "")
        if kind == "User" and name == user.name:
            return True
        if kind == "Group" and name in user.groups:
            return True
        account = f"system:serviceaccount:{subject.get('namespace', namespace)}:{name}"
        if kind == "ServiceAccount" and account == user.name:
            return True
    return False


def _role(endpoint: Endpoint, ref: Json, namespace: str) -> list[Json]:
    plural = "clusterroles" if ref.get("kind") == "ClusterRole" else "roles"
    space = "" if plural == "clusterroles" else namespace
    for role in endpoint.collection(RBAC, plural).documents(space):
        if role["metadata"]["name"] == ref.get("name"):
            return list(role.get("rules") or [])
    return []


def refusal(user: User, verb: str, group: str, plural: str, namespace: str, name: str) -> ApiError:
    """Return the 403 in the words kubectl users know."""
    where = f' in the namespace "{namespace}"' if namespace else " at the cluster scope"
    subject = f'{qualified(plural, group)} "{name}"' if name else qualified(plural, group)
    return ApiError(
        403,
        "Forbidden",
        f'{subject} is forbidden: User "{user.name}" cannot {verb} resource "{plural}" in API group "{group}"{where}',
        details={"name": name, "group": group, "kind": plural},
    )
