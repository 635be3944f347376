"""The audit trail as people read it. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from controlplane.console.presenters.badges import Badge
from controlplane.tenants.models import AuditEvent

LONGEST = 300
DENIED = Badge("Denied", "no-symbol", "bad")
NOUNS = {"request": "Request", "session": "Sign-in"}


@dataclass(frozen=True)
class Change:
    """One field: what it was and what it became; a fact has no before."""

    title: str
    before: str
    after: str


@dataclass(frozen=True)
class Line:
    """One row of the trail."""

    event: AuditEvent
    what: str  # Runtime create
    denied: Badge | None
    changes: tuple[Change, ...]
    facts: tuple[Change, ...]

    @property
    def gist(self) -> str:
        """What the closed row says of its changes."""
        if self.changes:
            names = [change.title for change in self.changes]
            return ", ".join(names[:3]) + (
                f" and {len(names) - 3} more" if len(names) > len(names[:3]) else ""
            )
        return ", ".join(f"{fact.title}: {fact.after}" for fact in self.facts[:2])


def line_of(event: AuditEvent) -> Line:
    """Return a row with its changes and facts in words."""
    changes: list[Change] = []
    facts: list[Change] = []
    for name, value in sorted(event.changes.items()) if isinstance(event.changes, dict) else ():
        if isinstance(value, dict) and set(value) == {"before", "after"}:
            changes += _differences(name, value["before"], value["after"])
        else:
            facts += (Change(title, "", _shown(one)) for title, one in _leaves(name, value))
    noun, _, verb = event.action.partition(".")
    verb = "" if verb == "refuse" else verb  # the badge says it
    words = (
        f"{NOUNS.get(noun, noun.replace('_', ' ').capitalize())} {verb.replace('_', ' ').replace('.', ' ')}"
    )
    denied = DENIED if event.outcome == "denied" else None
    return Line(event, words.strip(), denied, tuple(changes), tuple(facts))


def _differences(name: str, before: Any, after: Any) -> Iterator[Change]:
    """Yield what differs, field by field where both are objects."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}):
            if before.get(key) != after.get(key):
                yield from _differences(f"{name}.{key}", before.get(key), after.get(key))
    elif before != after:
        yield Change(name, _shown(before), _shown(after))


def _leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, entry in value.items():
            yield from _leaves(f"{name}.{key}", entry)
    else:
        yield name, value


def _shown(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"
