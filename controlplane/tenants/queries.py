"""The SQL of what every request does first, to find out who asks, and of locks that are no row's.

The first is written out because the ORM takes four times as long to build these statements as PostgreSQL takes to run them.
"""

from __future__ import annotations

# Letters to one address are counted one after the other, whichever tenants send them.
LOCK_ADDRESS = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"

# Asked before anybody's tenant is known, so through a function of the database: it answers with the token's and the tenant's
# whole row. Rides on the unique indexes of the two digests: a rotated token has an older secret for a while.
WHO_ASKS = """
SELECT (token).id, (token).name, (token).role, (token).platform_role, (token).scopes, (token).expires_at, (token).last_used_at,
    (token).tenant_id, (tenant).slug, (tenant).name AS tenant_name, (tenant).state, (tenant).runtime_quota, (tenant).created_at
FROM tenants_bearer(%s) WHERE (token).revoked_at IS NULL
"""
# Whose a token was that lets nobody in any more: for the audit trail of its tenant, and nothing else.
WHO_ASKED = """
SELECT (token).id, (token).name, (token).tenant_id FROM tenants_bearer(%s)
WHERE (token).revoked_at IS NOT NULL OR (token).expires_at <= %s
"""
