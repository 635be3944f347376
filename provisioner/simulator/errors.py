"""Kubernetes' way of saying no: every refusal is a metav1.Status."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]


class ApiError(Exception):
    """A refusal; `code` is the HTTP status, `reason` the machine-readable word of metav1.StatusReason."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        *,
        details: Json | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details or {}
        self.headers = headers or {}

    def status(self) -> Json:
        """Return the metav1.Status that goes out as the body."""
        body: Json = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        }
        if self.details:
            body["details"] = self.details
        return body


def qualified(plural: str, group: str) -> str:
    """Return `shoots.core.gardener.cloud`, or `pods` in the core group."""
    return f"{plural}.{group}" if group else plural


def _about(group: str, plural: str, name: str) -> Json:
    details: Json = {"kind": plural}
    if name:
        details["name"] = name
    if group:
        details["group"] = group
    return details


def not_found(group: str, plural: str, name: str) -> ApiError:
    """Return the 404 for an object."""
    return ApiError(
        404,
        "NotFound",
        f'{qualified(plural, group)} "{name}" not found',
        details=_about(group, plural, name),
    )


def no_such_path() -> ApiError:
    """Return the 404 for a path that is no resource."""
    return ApiError(404, "NotFound", "the server could not find the requested resource", details={})


def already_exists(group: str, plural: str, name: str) -> ApiError:
    """Return the 409 of a second create."""
    return ApiError(
        409,
        "AlreadyExists",
        f'{qualified(plural, group)} "{name}" already exists',
        details=_about(group, plural, name),
    )


def conflict(group: str, plural: str, name: str, why: str = "") -> ApiError:
    """Return the 409 of a stale resourceVersion or a failed precondition."""
    why = why or (
        "the object has been modified; please apply your changes to the latest version and try again"
    )
    return ApiError(
        409,
        "Conflict",
        f'Operation cannot be fulfilled on {qualified(plural, group)} "{name}": {why}',
        details=_about(group, plural, name),
    )


def forbidden(group: str, plural: str, name: str, why: str) -> ApiError:
    """Return a 403 that names the object and the reason."""
    subject = f'{qualified(plural, group)} "{name}"' if name else qualified(plural, group)
    return ApiError(403, "Forbidden", f"{subject} is forbidden: {why}", details=_about(group, plural, name))


def bad_request(message: str) -> ApiError:
    """Return a 400."""
    return ApiError(400, "BadRequest", message)


def cause(field: str, why: str, reason: str = "FieldValueInvalid") -> Json:
    """Return one entry of `details.causes`."""
    return {"reason": reason, "message": why, "field": field}


def invalid(group: str, kind: str, name: str, causes: Sequence[Json]) -> ApiError:
    """Return the 422 that lists every field that is wrong."""
    said = [f"{each['field']}: {each['message']}" for each in causes]
    text = said[0] if len(said) == 1 else "[" + ", ".join(said) + "]"
    subject = f"{kind}.{group}" if group else kind
    details: Json = {"name": name, "kind": kind, "causes": list(causes)}
    if group:
        details["group"] = group
    return ApiError(422, "Invalid", f'{subject} "{name}" is invalid: {text}', details=details)


def expired(message: str) -> ApiError:
    """Return the 410 that tells a client to list again."""
    return ApiError(410, "Expired", message)


def too_many(seconds: int) -> ApiError:
    """Return the 429 with Retry-After."""
    return ApiError(
        429,
        "TooManyRequests",
        "the server has received too many requests and has asked us to try again later",
        details={"retryAfterSeconds": seconds},
        headers={"Retry-After": str(seconds)},
    )
