"""Errors named by what the caller must do next: tell the user, try again, give up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from controlplane.kernel.redaction import redact


@dataclass(frozen=True)
class FieldError:
    """One thing wrong with one field of a request."""

    field: str  # dotted path, for example "parameters.autoScalerMin"
    code: str
    detail: str


class Refused(Exception):  # noqa: N818 - named by its fate
    """A request that is not carried out: tell the user `detail`; nothing was written."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        field: str = "",
        status: int = 422,
        errors: Sequence[FieldError] = (),
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.status = status
        self.retry_after_seconds = retry_after_seconds
        self.errors = tuple(errors) or ((FieldError(field, code, detail),) if field else ())


class Audience(StrEnum):
    """Who can act on a failure."""

    TENANT = "tenant"
    SRE = "sre"


class Retry(Exception):  # noqa: N818 - named by its fate
    """A passing fault: run the same step again, after a while."""

    def __init__(
        self, message: str, *, code: str = "", after: timedelta | None = None, landscape_fault: bool = False
    ):
        super().__init__(redact(message))  # it is stored, logged and shown to people
        self.code = code
        self.after = after
        self.landscape_fault = landscape_fault  # counts against the landscape's circuit breaker


class Fatal(Exception):  # noqa: N818 - named by its fate
    """A lasting fault: the operation fails, and `audience` is told what to do."""

    def __init__(self, message: str, *, code: str = "", audience: Audience = Audience.SRE):
        super().__init__(redact(message))  # it is stored, logged and shown to people
        self.code = code
        self.audience = audience
