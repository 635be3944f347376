"""A runtime's ETag is its generation: who changes it can say which one they know."""

from __future__ import annotations

import re

from rest_framework.request import Request

from controlplane.kernel.errors import Refused

_STRONG = re.compile(r'"([\x21\x23-\x7e]*)"')
NO_GENERATION = 0  # generations begin at 1, so a tag of another kind is stale like any old one


def etag(generation: int) -> str:
    """Return the entity tag of a generation."""
    return f'"{generation}"'


def expected_generation(request: Request) -> int | None:
    """Return the generation that If-Match names, or None for any; raises Refused 400 when it is malformed."""
    header = request.headers.get("If-Match", "*").strip()
    if header == "*":
        return None
    match = _STRONG.fullmatch(header)
    if match is None:
        detail = 'If-Match must be one ETag as we sent it, for example "3", or *.'
        raise Refused("if_match_invalid", detail, status=400)
    digits = match[1]
    return int(digits) if re.fullmatch(r"[0-9]{1,18}", digits) else NO_GENERATION
