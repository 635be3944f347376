"""Moments and ids inside bodies, which JSON Schema tells and does not check."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from controlplane.kernel.dates import read_moment
from controlplane.kernel.errors import Refused
from controlplane.kernel.ids import parse_uuid


def moment_in(body: Mapping[str, Any], name: str) -> datetime:
    """Return the moment that a field holds, in UTC; raises Refused moment_invalid."""
    found = read_moment(body[name])
    if found is None:
        detail = f"{name} must be a time with its zone, as 2026-01-31T23:00:00Z."
        raise Refused("moment_invalid", detail, field=name)
    return found


def ids_in(body: Mapping[str, Any], name: str) -> list[UUID]:
    """Return the ids that a list holds; raises Refused id_invalid."""
    found = [parse_uuid(text) for text in body.get(name, ())]
    wrong = next((number for number, one in enumerate(found) if one is None), None)
    if wrong is not None:
        detail = f"{name}.{wrong} is no id; take ids from the list of targets."
        raise Refused("id_invalid", detail, field=f"{name}.{wrong}")
    return [one for one in found if one is not None]
