"""The SQL that matters here, by name."""

from __future__ import annotations

# Asked before anybody's tenant is known, so through a function of the database that answers for one digest. Rides on the unique
# indexes of both digests.
WHO_ASKS = """
SELECT (credential).id, (credential).name, (credential).username, (credential).last_used_at, (credential).tenant_id,
    (tenant).slug, (tenant).name, (tenant).state
FROM osb_bearer(%s) WHERE (credential).revoked_at IS NULL
"""
# Whose a credential was that was revoked: for the audit trail of its tenant, and nothing else.
WHO_ASKED = """
SELECT (credential).username, (credential).tenant_id FROM osb_bearer(%s) WHERE (credential).revoked_at IS NOT NULL
"""

# One request per instance at a time, held until commit; a hash collision only makes two wait for each other.
LOCK_INSTANCE = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"

# Whoever takes a binding moves its next try behind the claim, so that two beats never revoke the same one at once, and one that
# died leaves it to be found again. Rides on osb_binding_due.
CLAIM_DUE_BINDINGS = """
UPDATE osb_osbbinding SET state = 'revoking', due_at = %(again)s
WHERE id IN (
    SELECT id FROM osb_osbbinding WHERE state <> 'gone' AND due_at <= %(now)s
    ORDER BY due_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
)
RETURNING id
"""
