"""Reviews: questions that are posted and answered, never stored."""

from __future__ import annotations

from aiohttp import web

from provisioner.simulator.authn import Authenticator
from provisioner.simulator.authz import allowed
from provisioner.simulator.call import Call, read_document
from provisioner.simulator.errors import Json
from provisioner.simulator.identity import MASTERS, User
from provisioner.simulator.represent import answer


async def review(call: Call, authenticator: Authenticator) -> web.Response:
    """Answer a review of any kind."""
    document = await read_document(call)
    document.setdefault("metadata", {})
    document["apiVersion"], document["kind"] = call.resource.api_version, call.resource.kind
    kind = call.resource.kind
    if kind == "SelfSubjectReview":
        document["status"] = {"userInfo": {"username": call.user.name, "groups": list(call.user.groups)}}
    elif kind == "SelfSubjectRulesReview":
        verbs = ["*"] if MASTERS in call.user.groups else ["get", "list", "watch"]
        rule = {"verbs": verbs, "apiGroups": ["*"], "resources": ["*"]}
        document["status"] = {"resourceRules": [rule], "nonResourceRules": [], "incomplete": False}
    elif kind == "TokenReview":
        document["status"] = _token(call, authenticator, document.get("spec") or {})
    else:
        spec = document.get("spec") or {}
        user = call.user
        if kind == "SubjectAccessReview":
            user = User(str(spec.get("user", "")), tuple(spec.get("groups") or ()))
        document["status"] = {"allowed": _may(call, user, spec)}
    return answer(document, 201)


def _may(call: Call, user: User, spec: Json) -> bool:
    asked = spec.get("resourceAttributes")
    if not isinstance(asked, dict):
        return not user.anonymous
    plural = asked.get("resource", "")
    if asked.get("subresource"):
        plural += "/" + asked["subresource"]
    return allowed(
        call.endpoint,
        user,
        asked.get("verb", ""),
        asked.get("group", ""),
        plural,
        asked.get("namespace", ""),
        asked.get("name", ""),
    )


def _token(call: Call, authenticator: Authenticator, spec: Json) -> Json:
    claims = authenticator.claims(str(spec.get("token", "")))
    if not claims or claims.get("cluster") != call.endpoint.identity:
        return {"authenticated": False}
    name = f"system:serviceaccount:{claims['namespace']}:{claims['name']}"
    return {"authenticated": True, "user": {"username": name, "uid": claims["uid"]}}
