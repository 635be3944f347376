"""The SQL of admission: on the way of every new runtime, so written out instead of built by the ORM."""

from __future__ import annotations

# Locks the tenant until commit, and finds its account by slug or id. Rides on both primary keys and account_slug_once_per_tenant.
LOCK_TENANT_FIND_ACCOUNT = """
SELECT tenant.slug, tenant.name, tenant.state, tenant.runtime_quota,
    account.id, account.slug, account.name, account.state
FROM tenants_tenant AS tenant LEFT JOIN tenants_account AS account
    ON account.tenant_id = tenant.id AND (account.slug = %(slug)s OR account.id = %(id)s)
WHERE tenant.id = %(tenant)s
ORDER BY account.id LIMIT 1
FOR NO KEY UPDATE OF tenant
"""

# In a statement of its own: the lock may have waited for somebody whose runtime the statement above did not see.
# Rides on runtime_pages_of_tenant.
COUNT_PRESENT = "SELECT count(*) FROM runtimes_runtime WHERE tenant_id = %s AND deleted_at IS NULL"

# A handful of rows.
FITTING_LANDSCAPES = """
SELECT id, key, kind, config FROM landscapes_landscape
WHERE accepting AND kind = %s AND providers @> to_jsonb(%s::text)
"""
