"""Keyset pages: newest first by id, so a page costs the same wherever it lies and rows that come or go shift nothing."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import QuerySet
from rest_framework.request import Request

from controlplane.api.parameters import Query
from controlplane.kernel.errors import FieldError, Refused
from controlplane.tenants.addresses import base_of

_VERSION = b"\x01"


def page(
    request: Request,
    query: Query,
    rows: QuerySet[Any],
    write: Callable[[Sequence[Any]], list[dict[str, Any]]],
    *,
    key: str = "pk",
) -> dict[str, Any]:
    """Return one page of `rows`; `write` turns the page's rows into JSON at once. Raises Refused 400.

    `key` names the time-ordered UUID that pages go by; it occurs once among the rows.
    """
    limit = query.limit()
    if text := query.text("cursor"):
        rows = rows.filter(**{f"{key}__lt": _read(text)})
    found = list(rows.order_by(f"-{key}")[: limit + 1])
    following = _next(request, getattr(found[limit - 1], key)) if len(found) > limit else None
    return {"results": write(found[:limit]), "next": following}


def _next(request: Request, last: UUID) -> str:
    parameters = request.query_params.copy()
    parameters["cursor"] = _write(last)
    return f"{base_of(request)}{request.path}?{urlencode(sorted(parameters.lists()), doseq=True)}"


def _write(row_id: UUID) -> str:
    return base64.urlsafe_b64encode(_VERSION + row_id.bytes).decode().rstrip("=")


def _read(text: str) -> UUID:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        if raw[:1] != _VERSION:
            raise ValueError(text)
        return UUID(bytes=raw[1:])
    except (binascii.Error, ValueError) as error:
        detail = "The cursor is not one of ours; take it from `next`, or leave it out to begin anew."
        fault = FieldError("cursor", "cursor_invalid", detail)
        raise Refused("cursor_invalid", detail, status=400, errors=(fault,)) from error
