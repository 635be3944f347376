"""The SQL of taking samples in, by name: each with its reason and the index it rides on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from billing.usage.packed import EVIDENCE_WIDTH, SAMPLES_WIDTH

Statement = tuple[str, list[Any]]

# By the unique index of runtimes; only for those that this process has not met.
SOURCES = "SELECT id, runtime, born, gone FROM usage_source WHERE runtime = ANY(%s)"

# Lives that ended lately, by the partial index of ends: a handful, asked once a batch.
GONE_SINCE = "SELECT id, runtime, born, gone FROM usage_source WHERE gone >= %s"

# Which of these partitions stand. The catalog's own index of names.
STANDING = """
SELECT name FROM unnest(%s::text[]) name WHERE to_regclass(name) IS NOT NULL
"""

# Which of a batch's days were stored whole. By the primary key.
REMEMBER_BATCH = """
INSERT INTO usage_batch (day, digest) SELECT * FROM unnest(%s::date[], %s::bytea[]) ON CONFLICT DO NOTHING
"""
FORGET_BATCHES = "DELETE FROM usage_batch WHERE day = %s"
FORGET_OLD_BATCHES = "DELETE FROM usage_batch WHERE day < %s"

# What components used is wanted as long as the samples beside it. By the index of hours.
FORGET_OLD_USE = """
DELETE FROM usage_component_use WHERE hour < %s AND (hour AT TIME ZONE 'UTC')::date <> ALL(%s::date[])
"""

# Blocks by their keys, slots in microseconds since PostgreSQL's epoch. By the primary keys of the days' partitions; the first
# and the last slot are said too, so that other days are not planned for. Locked in their order, and written in it.
_SLOT = "timestamptz '2000-01-01 00:00:00+00' + k.at * interval '1 microsecond'"
_THESE = f"s.slot = {_SLOT} AND s.block = k.block AND s.slot BETWEEN %s AND %s"
BLOCKS_THERE = f"""
SELECT count(*) FROM unnest(%s::bigint[], %s::int[]) k (at, block) JOIN usage_slot s ON {_THESE}
"""
# Blocks that are there, with how many of a batch's digests are known: where all are, no block is locked or read.
LOCK_UNLESS_KNOWN = f"""
WITH known AS MATERIALIZED (
    SELECT count(*)::int AS digests FROM unnest(%s::date[], %s::bytea[]) d (day, digest) JOIN usage_batch USING (day, digest)
),
locked AS MATERIALIZED (
    SELECT k.place::int, s.samples, s.evidence
    FROM unnest(%s::bigint[], %s::int[]) WITH ORDINALITY k (at, block, place) JOIN usage_slot s ON {_THESE}
    WHERE (SELECT digests < %s::int FROM known) ORDER BY s.slot, s.block FOR UPDATE OF s
)
SELECT known.digests, locked.* FROM known LEFT JOIN locked ON true ORDER BY locked.place
"""
# All blocks' records come in one piece, and each takes its part of it: lists of bytes take a client longer than all the rest.
_PARTS = f"""
SELECT at, block, substr(all_samples, begins * {SAMPLES_WIDTH} + 1, counts * {SAMPLES_WIDTH}) AS samples,
    substr(all_evidence, begins * {EVIDENCE_WIDTH} + 1, counts * {EVIDENCE_WIDTH}) AS evidence
FROM unnest(%s::bigint[], %s::int[], %s::int[], %s::int[]) k (at, block, begins, counts),
    (VALUES (%s::bytea, %s::bytea)) p (all_samples, all_evidence)
"""
WRITE_BLOCKS = f"""
INSERT INTO usage_slot AS s (slot, block, samples, evidence)
SELECT {_SLOT}, block, samples, evidence FROM ({_PARTS}) k
ON CONFLICT (slot, block) DO NOTHING RETURNING 1
"""
LOCK_BLOCKS = f"""
SELECT s.samples, s.evidence FROM unnest(%s::bigint[], %s::int[]) k (at, block) JOIN usage_slot s ON {_THESE}
ORDER BY s.slot, s.block FOR UPDATE OF s
"""
REWRITE_BLOCKS = f"""
UPDATE usage_slot s SET samples = k.samples, evidence = k.evidence FROM ({_PARTS}) k WHERE {_THESE} RETURNING 1
"""

# One row an hour, however many sources: all hours of a batch at once. In binary (%b): as text each letter would be looked at.
MARK = """
INSERT INTO usage_dirty (hour, sources) SELECT hour, sources::int[] FROM unnest(%s::timestamptz[], %b::text[]) k (hour, sources)
"""

# The first of two senders wins; both learn the number. By the unique index of digests.
INTERN_SHAPES = """
INSERT INTO usage_shape (digest, levels, allocatable_millicores, allocatable_mib)
SELECT * FROM unnest(%s::bytea[], %s::jsonb[], %s::int[], %s::int[]) ON CONFLICT (digest) DO NOTHING
"""
INTERN_COMPONENTS = """
INSERT INTO usage_component_set (digest, components)
SELECT * FROM unnest(%s::bytea[], %s::jsonb[]) ON CONFLICT (digest) DO NOTHING
"""
SHAPES_BY_DIGEST = "SELECT digest, id FROM usage_shape WHERE digest = ANY(%s)"
COMPONENTS_BY_DIGEST = "SELECT digest, id FROM usage_component_set WHERE digest = ANY(%s)"

# One row a batch and hour; whoever reads it takes each source's first.
KEEP_COMPONENT_USE = """
INSERT INTO usage_component_use (hour, used) SELECT * FROM unnest(%s::timestamptz[], %b::text[])
"""

QUARANTINE = """
INSERT INTO usage_quarantine (id, runtime, slot, epoch, reason, detail, payload, digest, origin, reported_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (runtime, slot, epoch, reason, digest) DO NOTHING
"""


# A block is changed, or goes with the last of its samples, in the hands of whoever has locked it.
DROP_BLOCK = "DELETE FROM usage_slot WHERE slot = %s AND block = %s"

# What a sample's numbers stand for. By the primary keys.
LOOK = """
SELECT x.levels, c.components, x.allocatable_millicores, x.allocatable_mib FROM usage_shape x, usage_component_set c
WHERE x.id = %s AND c.id = %s
"""


def all_at_once(statements: Sequence[Statement]) -> Statement:
    """Return several statements that write as one, sent and answered once; it answers how many rows the first returns."""
    parts = ", ".join(f"part{number} AS ({sql})" for number, (sql, _) in enumerate(statements))
    return f"WITH {parts} SELECT count(*) FROM part0", [value for _, values in statements for value in values]


def array(numbers: Iterable[int]) -> str:
    """Write whole numbers as PostgreSQL writes an array: a hundredth of the time that a list of parameters takes."""
    return f"{{{orjson.dumps([*numbers])[1:-1].decode()}}}"


def numbers(written: str) -> list[int]:
    """Read an array of whole numbers that PostgreSQL wrote."""
    found: list[int] = orjson.loads(f"[{written[1:-1]}]")
    return found
