"""The SQL of the audit trail."""

from __future__ import annotations

# By hand: the ORM takes four times as long to build this as PostgreSQL to run it, and every write of the product runs it.
# `tx` is filled by its default: the transaction's number, see SETTLED.
LEAVE_ROW = """
INSERT INTO tenants_auditevent
    (id, tenant_id, at, actor, on_behalf_of, action, target_type, target_id, changes, request_id, address, outcome)
VALUES (%s, %s, clock_timestamp(), %s, %s, %s, %s, %s, %s::jsonb, %s, %s, %s)
"""

# The same for many rows of one action.
LEAVE_ROWS = """
INSERT INTO tenants_auditevent
    (id, tenant_id, at, actor, on_behalf_of, action, target_type, target_id, changes, request_id, address, outcome)
SELECT row.id, row.tenant, clock_timestamp(), %(actor)s, %(on_behalf_of)s, %(action)s, %(target_type)s, row.target,
    row.changes::jsonb, %(request_id)s, %(address)s, %(outcome)s
FROM unnest(%(ids)s::uuid[], %(tenants)s::uuid[], %(targets)s::text[], %(changes)s::text[]) AS row(id, tenant, target, changes)
"""

# Two beats: the second finds the lock taken and goes.
LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended('nesoi.audit.sealing', 0))"

# Where the last batch ended: everything up to here is sealed. Rides on the primary key.
CURSOR = "SELECT until_tx, until_id FROM tenants_auditseal ORDER BY id DESC LIMIT 1"

# Rows of transactions that are over: no transaction below the horizon can add one any more, so nothing is skipped, however late
# it committed. Ids alone would not do, they are drawn before the commit. Rides on audit_in_commit_order; O(new rows).
SETTLED = """
SELECT id, tenant_id, at, actor, on_behalf_of, action, target_type, target_id, changes, request_id, address, outcome, tx
FROM tenants_auditevent
WHERE (tx, id) > (%(tx)s, %(id)s) AND tx < tenants_audit_horizon()
ORDER BY tx, id LIMIT %(limit)s
"""

# The newest seal of each chain that the batch touches. Rides on audit_chain_does_not_fork.
HEAD = """
SELECT last_position, hash FROM tenants_auditseal
WHERE tenant_id IS NOT DISTINCT FROM %(tenant)s ORDER BY first_position DESC LIMIT 1
"""

# How far the sealing is behind, in seconds, and whether transaction numbers went backwards (a dump was restored elsewhere).
LAG = """
SELECT coalesce(extract(epoch FROM clock_timestamp() - min(waiting.at)), 0)::float,
    %(tx)s >= tenants_audit_horizon() + 1000
FROM (
    SELECT at FROM tenants_auditevent WHERE (tx, id) > (%(tx)s, %(id)s) ORDER BY tx, id LIMIT 1
) AS waiting
"""

# What a seal's stretch of the trail holds now. Rides on audit_in_commit_order.
STRETCH = """
SELECT id, tenant_id, at, actor, on_behalf_of, action, target_type, target_id, changes, request_id, address, outcome, tx
FROM tenants_auditevent
WHERE (tx, id) > (%(from_tx)s, %(from_id)s) AND (tx, id) <= (%(tx)s, %(id)s) AND tenant_id IS NOT DISTINCT FROM %(tenant)s
ORDER BY tx, id
"""
