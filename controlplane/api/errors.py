"""Errors as application/problem+json (RFC 9457): a stable code, a sentence that says what to do, the request id."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework import exceptions
from rest_framework.request import Request

from controlplane.kernel.errors import FieldError, Refused

log = structlog.get_logger(__name__)

PROBLEM_MEDIA_TYPE = "application/problem+json"
DATABASE_RETRY_SECONDS = 5


@dataclass(frozen=True)
class Problem:
    """What went wrong with a request, and which headers the answer carries."""

    status: int
    code: str
    detail: str
    errors: Sequence[FieldError] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


def problem_response(request: HttpRequest | Request, status: int, code: str, detail: str) -> JsonResponse:
    """Return a problem as a plain Django response."""
    return respond(request, Problem(status, code, detail))


def respond(request: HttpRequest | Request, problem: Problem) -> JsonResponse:
    """Write a problem with the id of its request."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "code": problem.code,
        "detail": problem.detail,
        "request_id": getattr(request, "request_id", ""),
    }
    if problem.errors:
        body["errors"] = [asdict(error) for error in problem.errors]
    return JsonResponse(
        body, status=problem.status, content_type=PROBLEM_MEDIA_TYPE, headers=dict(problem.headers)
    )


def problem_handler(error: Exception, context: dict[str, Any]) -> JsonResponse:
    """Answer every exception of a view; what nobody foresaw is logged, and answered without its insides."""
    for kind, explain in EXPLANATIONS:
        if isinstance(error, kind):
            return respond(context["request"], explain(error, context))
    log.error("request failed", exc_info=error, view=type(context["view"]).__name__)
    return respond(
        context["request"],
        Problem(500, "internal_error", "This is our fault. Try again; if it stays, tell us the request id."),
    )


def _refused(error: Refused, context: dict[str, Any]) -> Problem:
    wait = error.retry_after_seconds
    headers = {} if wait is None else {"Retry-After": str(wait)}
    errors = error.errors
    # Only here is it known in which header the revision came.
    if error.status == HTTPStatus.PRECONDITION_FAILED:
        errors = (FieldError("If-Match", error.code, error.detail),)
    return Problem(error.status, error.code, error.detail, errors, headers)


def _not_authenticated(error: exceptions.APIException, context: dict[str, Any]) -> Problem:
    code = str(error.get_codes())
    reason = "" if code == "token_missing" else ', error="invalid_token"'  # RFC 6750 §3.1
    challenge = f'Bearer realm="nesoi"{reason}'
    return Problem(401, code, str(error.detail), headers={"WWW-Authenticate": challenge})


def _media_type(error: exceptions.UnsupportedMediaType, context: dict[str, Any]) -> Problem:
    detail = "The body must be JSON; send it with Content-Type: application/json."
    return Problem(415, "unsupported_media_type", detail)


def _method(error: exceptions.MethodNotAllowed, context: dict[str, Any]) -> Problem:
    allowed = ", ".join(method for method in context["view"].allowed_methods if method != "OPTIONS")
    detail = f"{context['request'].method} is not possible here; use {allowed.replace(', ', ' or ')}."
    return Problem(405, "method_not_allowed", detail, headers={"Allow": allowed})


def _not_acceptable(error: Exception, context: dict[str, Any]) -> Problem:
    return Problem(406, "not_acceptable", "This API answers in JSON; send Accept: application/json.")


def _too_large(error: Exception, context: dict[str, Any]) -> Problem:
    return Problem(413, "body_too_large", "The body is too large; send less at once.")


def _not_found(error: Exception, context: dict[str, Any]) -> Problem:
    return Problem(404, "not_found", f"There is nothing at {context['request'].path}.")


def _forbidden(error: Exception, context: dict[str, Any]) -> Problem:
    return Problem(403, "forbidden", "Your role does not allow this; ask an admin of your tenant.")


def _bad_request(error: Exception, context: dict[str, Any]) -> Problem:
    return Problem(400, "bad_request", "The request can't be understood; compare it with /api/v1/docs.")


def _database(error: Exception, context: dict[str, Any]) -> Problem:
    log.warning("the database did not answer", exc_info=error)
    return Problem(
        503,
        "database_unavailable",
        f"Nesoi can't reach its database now; try again in {DATABASE_RETRY_SECONDS} s.",
        headers={"Retry-After": str(DATABASE_RETRY_SECONDS)},
    )


# The first that fits answers, so the narrower kinds stand above.
EXPLANATIONS: tuple[tuple[type[Exception], Callable[[Any, dict[str, Any]], Problem]], ...] = (
    (Refused, _refused),
    (exceptions.NotAuthenticated, _not_authenticated),
    (exceptions.AuthenticationFailed, _not_authenticated),
    (exceptions.UnsupportedMediaType, _media_type),
    (exceptions.MethodNotAllowed, _method),
    (exceptions.NotAcceptable, _not_acceptable),
    (exceptions.PermissionDenied, _forbidden),
    (PermissionDenied, _forbidden),
    (exceptions.NotFound, _not_found),
    (Http404, _not_found),
    (exceptions.APIException, _bad_request),
    (RequestDataTooBig, _too_large),
    (SuspiciousOperation, _bad_request),
    (OperationalError, _database),
    (InterfaceError, _database),
)
