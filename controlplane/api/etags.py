"""A runtime's ETag is its revision: who changes it can say which one they know."""

from __future__ import annotations

import re

from rest_framework.request import Request

from controlplane.kernel.errors import Refused

_STRONG = re.compile(r'"([\x21\x23-\x7e]*)"')
REVISION = "r([0-9]{1,18})"  # the letter tells it from the generations that stood here before
_REVISION = re.compile(REVISION)
NO_REVISION = 0  # revisions begin at 1, so a tag of another kind is stale like any old one


def etag(revision: int) -> str:
    """Return the entity tag of a revision."""
    return f'"r{revision}"'


def expected_revision(request: Request) -> int | None:
    """Return the revision that If-Match names, or None for any; raises Refused 400 when it is malformed."""
    header = request.headers.get("If-Match", "*").strip()
    if header == "*":
        return None
    match = _STRONG.fullmatch(header)
    if match is None:
        detail = 'If-Match must be one ETag as we sent it, for example "r3", or *.'
        raise Refused("if_match_invalid", detail, field="If-Match", status=400)
    named = _REVISION.fullmatch(match[1])
    return int(named[1]) if named else NO_REVISION
