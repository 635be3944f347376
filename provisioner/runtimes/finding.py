"""Finds runtimes by how the words of their name begin, over an index, whatever the fleet's size."""

from __future__ import annotations

import re

from django.db.models import BooleanField
from django.db.models.expressions import RawSQL

# As the index runtime_by_words has it, to the letter.
_NAMES = "runtimes_runtime.name || ' ' || runtimes_runtime.cluster_name"
_WORDS = f"to_tsvector('simple'::regconfig, translate({_NAMES}, '-._', '   '))"


def words_begin(text: str) -> RawSQL | None:
    """Return the condition that every word of `text` begins a word of the name or the cluster's name; None without a word."""
    words = re.findall(r"[a-z0-9]+", text.lower())
    if not words:
        return None
    return RawSQL(f"{_WORDS} @@ %s::tsquery", [" & ".join(f"'{word}':*" for word in words)], BooleanField())  # noqa: S611
