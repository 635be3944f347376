"""What an API server's refusal means for whoever asked: try again, or give up. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from controlplane.kernel.errors import Audience, Fatal, Retry

_TOO_LONG = 400
_LONGEST_WAIT = timedelta(minutes=15)


@dataclass(frozen=True)
class Cause:
    """One field that the server refused."""

    field: str
    message: str


class ApiRefused(Exception):  # noqa: N818 - named by what happened
    """An answer of 400 or above, read as a metav1.Status."""

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        *,
        causes: tuple[Cause, ...] = (),
        after: timedelta | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.causes = causes
        self.after = after


def refused(status: int, body: Any, headers: Mapping[str, str]) -> ApiRefused:
    """Read an error answer; whatever is not a metav1.Status becomes a sentence about its HTTP status."""
    said = body if isinstance(body, Mapping) else {}
    details = said.get("details")
    raw = (details.get("causes") if isinstance(details, Mapping) else None) or ()
    causes = tuple(
        Cause(str(cause.get("field", "")), str(cause.get("message", "")))
        for cause in raw
        if isinstance(cause, Mapping)
    )
    message = str(said.get("message") or f"The server answered {status}.")[:_TOO_LONG]
    return ApiRefused(status, str(said.get("reason") or ""), message, causes=causes, after=_after(headers))


def _after(headers: Mapping[str, str]) -> timedelta | None:
    """Read Retry-After in seconds; a date (which no Kubernetes API sends) or nonsense counts as absent."""
    text = headers.get("Retry-After", "").strip()
    return min(timedelta(seconds=int(text)), _LONGEST_WAIT) if text.isascii() and text.isdigit() else None


def fate(
    error: ApiRefused, *, name: str, landscape: bool = True, tenant_fields: tuple[str, ...] = ()
) -> Retry | Fatal:
    """Return what to raise for a refusal by the server called `name`.

    429, 409 and 408 pass; so do 401 (credentials may just be rotating) and 5xx, which count against the landscape. 403 and
    other 4xx last and are for the SRE, unless every refused field starts with one of `tenant_fields`.
    """
    status = error.status
    if status == 429:  # noqa: PLR2004
        return Retry(f"{name} asks us to slow down.", code="rate_limited", after=error.after)
    if status in {408, 409}:
        return Retry(f"{name}: {error.message}", code="conflict", after=error.after)
    if status == 401:  # noqa: PLR2004
        return Retry(
            f"{name} doesn't accept our credentials; renew the landscape's credentials file.",
            code="unauthenticated",
            landscape_fault=landscape,
        )
    if status >= 500:  # noqa: PLR2004
        return Retry(
            f"{name} answers {status}: {error.message}",
            code="server_error",
            after=error.after,
            landscape_fault=landscape,
        )
    if status == 403:  # noqa: PLR2004
        return Fatal(
            f"{name} forbids it: {error.message} Check the rights and quotas of the landscape's credentials.",
            code="forbidden",
        )
    audience = Audience.SRE
    if (
        error.causes
        and tenant_fields
        and all(cause.field.startswith(tenant_fields) for cause in error.causes)
    ):
        audience = Audience.TENANT
    said = "; ".join(f"{cause.field}: {cause.message}" for cause in error.causes)[:_TOO_LONG]
    return Fatal(f"{name} refuses the request: {said or error.message}", code="invalid", audience=audience)
