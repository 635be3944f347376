"""Finds runtimes by how the words of their name begin, and by their labels, whatever the fleet's size."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import BooleanField, QuerySet
from django.db.models.expressions import RawSQL

from provisioner.runtimes.models import Runtime

# As the index runtime_by_words has it, to the letter.
_NAMES = "runtimes_runtime.name || ' ' || runtimes_runtime.cluster_name"
_WORDS = f"to_tsvector('simple'::regconfig, translate({_NAMES}, '-._', '   '))"

NEAREST = 1000  # looked through for labels one by one, before the labels' index is asked
# Of runtimes in their order those that carry labels, until there are enough: LIMIT within keeps the planner from anything else.
_AMONG = """
SELECT id FROM ({nearest}) AS nearest WHERE labels @> %s::jsonb ORDER BY id {way} LIMIT %s"""


def words_begin(text: str) -> RawSQL | None:
    """Return the condition that every word of `text` begins a word of the name or the cluster's name; None without a word."""
    words = re.findall(r"[a-z0-9]+", text.lower())
    if not words:
        return None
    return RawSQL(f"{_WORDS} @@ %s::tsquery", [" & ".join(f"'{word}':*" for word in words)], BooleanField())  # noqa: S611


def first_labelled(
    found: QuerySet[Runtime], labels: Mapping[str, str], *, newest: bool, most: int
) -> list[UUID]:
    """Return ids of the newest of these runtimes that carry the labels, or of the oldest; at most two statements.

    The labels' index has no order, so it reads whoever carries them to find the first; and PostgreSQL can't tell common labels
    from rare ones, since behind row security it may not look at what is frequent. Common ones are met soon among the nearest.
    """
    order, way = ("-pk", "DESC") if newest else ("pk", "ASC")
    try:
        nearest, params = found.order_by(order).values_list("id", "labels")[:NEAREST].query.sql_with_params()
    except EmptyResultSet:  # what is asked for besides, no runtime can be
        return []
    with connection.cursor() as cursor:
        cursor.execute(_AMONG.format(nearest=nearest, way=way), [*params, json.dumps(dict(labels)), most])
        first = [row[0] for row in cursor.fetchall()]
    if len(first) == most:
        return first
    return list(
        found.filter(labels__contains=dict(labels)).order_by(order).values_list("pk", flat=True)[:most]
    )
