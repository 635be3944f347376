"""The SQL that moves nothing: how operations stand and how long they usually take, for people and for /metrics."""

# ruff: noqa: S608 - the one fragment is a constant; values travel as parameters

from __future__ import annotations

from provisioner.operations.queries import ANY_CLAIMABLE

# How many a worker would take before one, whoever's: a function of the database counts them. Rides on operation_claim_first.
PLACES_BEFORE = "SELECT operations_before(%(share)s::float8, %(due_at)s::timestamptz, %(most)s::int)"

# What the newest successes did when, whoever's. Rides on operation_recent.
LATELY = "SELECT operations_lately(%(kind)s::text, %(landscape)s::uuid, %(most)s::int)"

# For /metrics, in one go: what is open, of that what waits for a worker, and how long people have waited for one.
# Rides on operation_one_per_slot.
OPEN_NOW = f"""
SELECT kind, state, count(*), count(*) FILTER (WHERE due),
    coalesce(extract(epoch FROM now() - min(due_at) FILTER (WHERE due AND NOT background)), 0)::float
FROM (SELECT kind, state, due_at, background,
          {ANY_CLAIMABLE} AND due_at <= now() AND (lease_until IS NULL OR lease_until < now()) AS due
      FROM operations_operation WHERE slot IS NOT NULL) o
GROUP BY kind, state"""
