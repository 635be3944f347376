"""Errors as application/problem+json (RFC 9457): a stable code, a sentence that says what to do, the request id."""

from __future__ import annotations

from http import HTTPStatus

from django.http import HttpRequest, JsonResponse


def problem_response(request: HttpRequest, status: int, code: str, detail: str) -> JsonResponse:
    """Return a problem as a plain Django response."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "request_id": getattr(request, "request_id", ""),
    }
    return JsonResponse(body, status=status, content_type="application/problem+json")
