"""What an address wants to hear of beside the kinds of its events: a list of values for each word. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from controlplane.kernel.errors import Refused
from controlplane.kernel.sentences import choices, shown

# What an event may be narrowed by; an event without the word is not narrowed by it.
WORDS: Mapping[str, str] = {
    "state": "What it became: failed, halted, waiting",
    "operation": "The kind of operation: upgrade, provision",
    "tenant": "Whose runtime it was, by the tenant's slug",
    "landscape": "Where it was, by the landscape's key",
    "release": "The release that it was about",
}
STATES = (
    "succeeded", "failed", "cancelled", "draft", "running", "paused", "halted", "closed", "aborting", "aborted", "completed",
    "waiting", "open", "approved", "forced", "pending", "entering", "leaving", "passed", "skipped",
)  # fmt: skip
MOST, LONGEST = 20, 63
Filters = Mapping[str, Sequence[str]]

# The same in PostgreSQL, of operations: a table `w` with `filters`, `o`, `t` and `l`.
OF_OPERATIONS = """(NOT w.filters ? 'state' OR w.filters -> 'state' ? o.state)
  AND (NOT w.filters ? 'operation' OR w.filters -> 'operation' ? o.kind)
  AND (NOT w.filters ? 'tenant' OR w.filters -> 'tenant' ? t.slug)
  AND (NOT w.filters ? 'landscape' OR w.filters -> 'landscape' ? l.key)
  AND (NOT w.filters ? 'release' OR w.filters -> 'release' ? coalesce(o.input ->> 'release', ''))"""


def checked(given: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the filters as they are kept; raises Refused filter_invalid with the field and the fix."""
    found: dict[str, list[str]] = {}
    for word, values in given.items():
        if word not in WORDS:
            raise _refused(word, f"There is no filter {shown(word)}. {choices(list(WORDS), word)}")
        if not isinstance(values, Sequence) or isinstance(values, str) or len(values) > MOST:
            raise _refused(word, f"{word} must be a list of at most {MOST} values.")
        for value in values:
            if not isinstance(value, str) or not 1 <= len(value) <= LONGEST or not value.isprintable():
                raise _refused(word, f"{word}: {shown(value)} must be a word of 1 to {LONGEST} characters.")
            if word == "state" and value not in STATES:
                raise _refused(word, f"Nothing becomes {shown(value)}. {choices(STATES, value)}")
        if values:
            found[word] = sorted(set(values))
    return found


def wants(filters: Filters, facts: Mapping[str, str]) -> bool:
    """Whether an event with these facts is to be told."""
    return all(facts[word] in values for word, values in filters.items() if word in facts)


def _refused(word: str, detail: str) -> Refused:
    return Refused("filter_invalid", detail, field=f"filters.{word}")
