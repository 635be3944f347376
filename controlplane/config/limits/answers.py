"""How a face says that it was asked too often, and the fields that tell clients how much is left.

`RateLimit-Policy` and `RateLimit` are those of draft-ietf-httpapi-ratelimit-headers-10 and -11.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string

from controlplane.api.errors import problem_response
from controlplane.config.limits.buckets import Verdict
from controlplane.config.limits.counting import seconds
from controlplane.config.limits.policies import Policy
from controlplane.osb.headers import request_identity
from controlplane.osb.refusals import error_word

CODE, STATUS = "rate_limited", 429
IDENTITY = "X-Broker-API-Request-Identity"


def policy_field(policies: Sequence[Policy]) -> str:
    """Return the value of RateLimit-Policy, as `"token";q=1000;w=10`."""
    return ", ".join(
        f'"{policy.name}";q={policy.limit.quota};w={policy.limit.seconds}' for policy in policies
    )


def state_field(policies: Sequence[Policy], verdict: Verdict) -> str:
    """Return the value of RateLimit, as `"token";r=999;t=1`: so many are left, and more come in so many seconds."""
    return ", ".join(
        f'"{policy.name}";r={state.remaining};t={seconds(state.more)}'
        for policy, state in zip(policies, verdict.states, strict=True)
    )


def refuse(request: HttpRequest, policy: Policy, wait: int) -> HttpResponse:
    """Answer 429 as the face does that was asked."""
    limit, again = policy.limit, max(1, seconds(wait))
    detail = (
        f"{policy.words} sent more than {limit.quota} requests in {limit.seconds} s; try again in {again} s."
    )
    face = face_of(request.path)
    if face == "osb":
        response: HttpResponse = _of_broker(request, detail)
    elif face == "api":
        response = problem_response(request, STATUS, CODE, detail)
    else:
        request_id = getattr(request, "request_id", "")
        context = {"detail": detail, "request_id": request_id}  # a request brings a session: SQL
        response = HttpResponse(render_to_string("429.html", context), status=STATUS)
    response["Retry-After"] = str(again)
    response["Cache-Control"] = "no-store"
    origin = request.headers.get("Origin", "")
    if request.path.startswith("/api/v1/trials") and origin in settings.TRIAL_ORIGINS:
        response["Access-Control-Allow-Origin"] = origin
        response["Access-Control-Expose-Headers"] = "Retry-After, X-Request-ID"
        response["Vary"] = "Origin"
    return response


def face_of(path: str) -> str:
    """Return which face a path belongs to."""
    if path.startswith("/api/"):
        return "api"
    return "osb" if path.startswith("/osb/") else "console"


def _of_broker(request: HttpRequest, detail: str) -> HttpResponse:
    response = JsonResponse({"error": error_word(CODE), "description": detail}, status=STATUS)
    if identity := request_identity(request.headers.get(IDENTITY)):
        response[IDENTITY] = identity
    return response
