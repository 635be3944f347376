"""Query parameters: each is declared, so that an unknown or a malformed one is named instead of ignored."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.http import QueryDict

from controlplane.kernel.dates import read_day, read_moment
from controlplane.kernel.errors import FieldError, Refused
from controlplane.kernel.sentences import choices

DEFAULT_LIMIT = 50
LARGEST_LIMIT = 200


@dataclass(frozen=True)
class Parameter:
    """One query parameter; a repeatable one may come several times, or once with commas."""

    name: str
    description: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    repeatable: bool = False
    example: Any = None


LIMIT = Parameter(
    "limit",
    "How many rows a page holds.",
    {"type": "integer", "minimum": 1, "maximum": LARGEST_LIMIT, "default": DEFAULT_LIMIT},
)
CURSOR = Parameter("cursor", "Where the page begins: taken from `next`, never made up.")
PAGES = (LIMIT, CURSOR)
TENANT = Parameter("tenant", "Slug of one tenant; only the platform's team sees more than its own.")


class Query:
    """The query parameters of one request, each known and clean."""

    def __init__(self, given: QueryDict, known: Sequence[Parameter]) -> None:
        """Raises Refused 400 on an unknown name, a needless repetition, or a character that can't be stored."""
        self._given = given
        names = {parameter.name: parameter for parameter in known}
        for name, values in given.lists():
            if name not in names:
                raise _refused(
                    "unknown_parameter", name, f"“{name[:60]}” is unknown. {choices(list(names), name)}"
                )
            if len(values) > 1 and not names[name].repeatable:
                raise _refused("parameter_repeated", name, f"“{name}” may be given once only.")
            if any("\0" in value for value in values):
                raise _refused("invalid_text", name, f"“{name}” holds a NUL character; remove it.")

    def text(self, name: str) -> str:
        """Return the value, or an empty text."""
        return self._given.get(name, "")

    def many(self, name: str, *, allowed: Sequence[str] = ()) -> list[str]:
        """Return all values, split at commas; raises Refused 400 for one that is not allowed."""
        values = [part.strip() for value in self._given.getlist(name) for part in value.split(",")]
        for value in values:
            if allowed and value not in allowed:
                detail = f"“{name}” can't be “{value[:60]}”. {choices(allowed, value)}"
                raise _refused("invalid_parameter", name, detail)
        return [value for value in values if value]

    def flag(self, name: str) -> bool:
        """Return whether the parameter says true; raises Refused 400 for anything but true and false."""
        value = self._given.get(name, "false")
        if value not in {"true", "false"}:
            raise _refused("invalid_parameter", name, f"“{name}” must be true or false.")
        return value == "true"

    def day(self, name: str) -> date | None:
        """Return a day, or None where none is given; raises Refused 400."""
        text = self.text(name)
        found = read_day(text)
        if text and found is None:
            detail = f"“{name}” must be a day, as 2026-01-31."
            raise _refused("invalid_parameter", name, detail)
        return found

    def moment(self, name: str) -> datetime | None:
        """Return a moment in UTC, or None where none is given; raises Refused 400."""
        text = self.text(name)
        found = read_moment(text)
        if text and found is None:
            detail = f"“{name}” must be a time with its zone, as 2026-01-31T23:00:00Z."
            raise _refused("invalid_parameter", name, detail)
        return found

    def limit(self) -> int:
        """Return the size of the page; raises Refused 400."""
        value = self._given.get("limit", str(DEFAULT_LIMIT))
        if not re.fullmatch(r"0{0,9}[0-9]{1,3}", value, re.ASCII) or not 1 <= int(value) <= LARGEST_LIMIT:
            detail = f"“limit” must be a whole number from 1 to {LARGEST_LIMIT}."
            raise _refused("invalid_parameter", "limit", detail)
        return int(value)

    def number(self, name: str, *, most: int) -> int | None:
        """Return a whole number from 0 to `most`, or None where none is given; raises Refused 400."""
        value = self.text(name)
        if not value:
            return None
        if not re.fullmatch(r"[0-9]{1,9}", value, re.ASCII) or int(value) > most:
            detail = f"“{name}” must be a whole number from 0 to {most}."
            raise _refused("invalid_parameter", name, detail)
        return int(value)

    def one(self, name: str, *, allowed: Sequence[str]) -> str:
        """Return the value, or an empty text; raises Refused 400 for one that is not allowed."""
        value = self.text(name)
        if value and value not in allowed:
            detail = f"“{name}” can't be “{value[:60]}”. {choices(allowed, value)}"
            raise _refused("invalid_parameter", name, detail)
        return value

    def pairs(self, name: str) -> dict[str, str]:
        """Return `key=value` pairs as a dictionary; raises Refused 400."""
        found: dict[str, str] = {}
        for entry in self.many(name):
            key, equals, value = entry.partition("=")
            if not key or not equals:
                detail = f"“{name}” must look like key=value, not “{entry[:60]}”."
                raise _refused("invalid_parameter", name, detail)
            found[key] = value
        return found


def _refused(code: str, name: str, detail: str) -> Refused:
    sentence = f"The query parameter {detail}"
    return Refused(code, sentence, status=400, errors=(FieldError(name, code, sentence),))
