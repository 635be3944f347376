"""The audit trail as people read it. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from controlplane.console.presenters.badges import Badge
from controlplane.tenants.export_models import AuditExport
from controlplane.tenants.jobs import JobState
from controlplane.tenants.models import AuditEvent

LONGEST = 300
DENIED = Badge("Denied", "no-symbol", "bad")
EXPORTS = {
    JobState.WAITING: Badge("Waiting", "clock", "wait"),
    JobState.RUNNING: Badge("Being written", "arrow-path", "busy"),
    JobState.DONE: Badge("Done", "check-circle", "ok"),
    JobState.FAILED: Badge("Failed", "exclamation-triangle", "bad"),
}
NOUNS = {"request": "Request", "session": "Sign-in"}


ABSENT: Any = object()


@dataclass(frozen=True)
class Change:
    """One field: what it was and what it became; a fact has no before. What is empty has a word for that instead."""

    title: str
    before: str
    after: str
    before_word: str = ""
    after_word: str = ""


@dataclass(frozen=True)
class Line:
    """One row of the trail."""

    event: AuditEvent
    what: str  # Runtime create
    denied: Badge | None
    changes: tuple[Change, ...]
    facts: tuple[Change, ...]

    @property
    def target(self) -> str:
        """What kind of thing it was done to."""
        return self.event.target_type.replace("_", " ") or "nothing in particular"

    @property
    def gist(self) -> str:
        """What the closed row says of its changes."""
        if self.changes:
            names = [change.title for change in self.changes]
            return ", ".join(names[:3]) + (
                f" and {len(names) - 3} more" if len(names) > len(names[:3]) else ""
            )
        return ", ".join(f"{fact.title}: {fact.after or fact.after_word}" for fact in self.facts[:2])


@dataclass(frozen=True)
class Export:
    """One export, and what there is to say of it."""

    row: AuditExport
    badge: Badge
    told: str


def export_of(row: AuditExport) -> Export:
    """Return an export with its state in words."""
    told = row.place or row.fault or "Nothing is written yet."
    return Export(row, EXPORTS[JobState(row.state)], told)


def line_of(event: AuditEvent) -> Line:
    """Return a row with its changes and facts in words."""
    changes: list[Change] = []
    facts: list[Change] = []
    for name, value in sorted(event.changes.items()) if isinstance(event.changes, dict) else ():
        if isinstance(value, dict) and set(value) == {"before", "after"}:
            changes += _differences(name, value["before"], value["after"])
        else:
            facts += (_change(title, ABSENT, one) for title, one in _leaves(name, value))
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
            was, became = before.get(key, ABSENT), after.get(key, ABSENT)
            if was != became:
                yield from _differences(f"{name}.{key}", was, became)
    elif before != after:
        yield _change(name, before, after)


def _change(title: str, before: Any, after: Any) -> Change:
    words = _word(before, "not there"), _word(after, "removed")
    return Change(title, "" if words[0] else _shown(before), "" if words[1] else _shown(after), *words)


def _leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, entry in value.items():
            yield from _leaves(f"{name}.{key}", entry)
    else:
        yield name, value


def _word(value: Any, absent: str) -> str:
    """Return what an empty value is called, or an empty text for one that is not."""
    if value is ABSENT:
        return absent
    if value is None:
        return "not set"
    if isinstance(value, str) and not value.strip():
        return "empty"
    return "none" if isinstance(value, list | dict) and not value else ""


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"
