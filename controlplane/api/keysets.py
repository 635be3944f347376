"""Pages by a key of several columns: the cursor holds the last row's key, and a wrong one is refused, never guessed at."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from rest_framework.request import Request

from controlplane.api.parameters import Query
from controlplane.kernel.errors import FieldError, Refused
from controlplane.tenants.addresses import base_of

Row = TypeVar("Row")
LONGEST = 2000
_MOST = 2**31


def read_key(text: str, kinds: Sequence[type]) -> list[Any] | None:
    """Return the key in a cursor, None for no cursor; `kinds` are date, int, UUID and str. Raises Refused 400."""
    if not text:
        return None
    try:
        if len(text) > LONGEST:
            raise ValueError(text)
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        values = json.loads(raw)
        if not isinstance(values, list) or len(values) != len(kinds):
            raise ValueError(text)
        return [_value(value, kind) for value, kind in zip(values, kinds, strict=True)]
    except (binascii.Error, ValueError) as error:
        detail = "The cursor is not one of ours; take it from `next`, or leave it out to begin anew."
        fault = FieldError("cursor", "cursor_invalid", detail)
        raise Refused("cursor_invalid", detail, status=400, errors=(fault,)) from error


def _value(value: Any, kind: type) -> Any:
    if kind is int:
        if not isinstance(value, int) or not -_MOST <= value < _MOST:
            raise ValueError(value)
        return value
    if not isinstance(value, str) or "\0" in value:
        raise ValueError(value)
    if kind is date:
        return date.fromisoformat(value).isoformat()
    return str(UUID(value)) if kind is UUID else value


def next_url(request: Request, key: Sequence[Any]) -> str:
    """Return the address of the page behind a row."""
    told = json.dumps(
        [value if isinstance(value, int) else str(value) for value in key], separators=(",", ":")
    )
    parameters = request.query_params.copy()
    parameters["cursor"] = base64.urlsafe_b64encode(told.encode()).decode().rstrip("=")
    return f"{base_of(request)}{request.path}?{urlencode(sorted(parameters.lists()), doseq=True)}"


def keyed_page(
    request: Request,
    query: Query,
    kinds: Sequence[type],
    *,
    ask: Callable[[list[Any] | None, int], Sequence[Row]],
    key: Callable[[Row], Sequence[Any]],
    write: Callable[[Sequence[Row]], list[dict[str, Any]]],
) -> dict[str, Any]:
    """Return one page of what a service reads behind a key; `ask` gets the key and how many. Raises Refused 400.

    A service may read no more than a page at once, so whether something is behind a full page is asked by itself.
    """
    limit = query.limit()
    rows = ask(read_key(query.text("cursor"), kinds), limit)
    full = len(rows) == limit
    last = [value if isinstance(value, int) else str(value) for value in key(rows[-1])] if full else None
    more = last is not None and bool(ask(last, 1))
    return {"results": write(rows), "next": next_url(request, last) if last is not None and more else None}
