"""What an apply would change of the price books. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple


class Change(NamedTuple):
    """One version, or one plan's book, that is added, changed or removed; `fields` holds (where, before, after)."""

    kind: str  # "book" or "plan"
    key: str
    action: str  # add, change, remove
    fields: tuple[tuple[str, Any, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Version:
    """One version as a row has it, or should have it."""

    key: str
    version: int
    effective_to: str  # a day, or ""
    document: Mapping[str, Any]

    @property
    def name(self) -> str:
        """How people name it."""
        return f"{self.key}/{self.version}"


def changed_fields(before: Version, after: Version) -> tuple[tuple[str, Any, Any], ...]:
    """Return every leaf that differs; lines of a book are named by their key, not by their place."""
    fields = list(_leaves("", _named(before.document), _named(after.document)))
    if before.effective_to != after.effective_to and not any(name == "effective_to" for name, _, _ in fields):
        fields.append(("effective_to", before.effective_to or None, after.effective_to or None))
    return tuple(fields)


def _named(document: Mapping[str, Any]) -> dict[str, Any]:
    lines = document.get("lines", [])
    return {**document, "lines": {line["key"]: line for line in lines}}


def _leaves(path: str, before: Any, after: Any) -> Iterator[tuple[str, Any, Any]]:
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in dict.fromkeys([*before, *after]):
            yield from _leaves(f"{path}.{name}" if path else str(name), before.get(name), after.get(name))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for place, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _leaves(f"{path}.{place}", old, new)
    else:
        yield path, before, after
