"""The SQL of admission: on the way of every new runtime, so written out instead of built by the ORM."""

from __future__ import annotations

# Finds the account by slug or id, its tenant, and the two rows of usage that a runtime of the plan counts in, all plans' first;
# with what was granted for each: a plan's own grant, or else that of '*'. Usage is locked until commit: two requests take the
# last place one after the other. Tenant and account are share-locked behind it, so that nobody suspends them meanwhile. A row
# that waited for its lock shows what is true then. Rides on account_slug_once_per_tenant, usage_once_per_plan,
# entitlement_once_per_plan and primary keys.
OPEN_BOOK = """
SELECT account.id AS account_id, account.slug AS account_slug, account.name AS account_name, account.state AS account_state,
    tenant.slug, tenant.name, tenant.state, tenant.runtime_quota,
    used.plan, used.runtimes, used.vcpu, used.memory_gib, used.gpus, granted.id IS NOT NULL AS is_granted,
    granted.runtimes AS granted_runtimes, granted.vcpu AS granted_vcpu, granted.memory_gib AS granted_memory_gib,
    granted.gpus AS granted_gpus, granted.regions AS granted_regions
FROM tenants_account AS account
JOIN tenants_tenant AS tenant ON tenant.id = account.tenant_id
JOIN catalog_usage AS used ON used.tenant_id = account.tenant_id AND used.plan IN ('', %(plan)s)
LEFT JOIN catalog_entitlement AS granted ON granted.id = (
    SELECT id FROM catalog_entitlement
    WHERE tenant_id = used.tenant_id AND plan IN (used.plan, CASE WHEN used.plan <> '' THEN '*' END)
    ORDER BY plan = '*' LIMIT 1
)
WHERE account.tenant_id = %(tenant)s::uuid AND (account.slug = %(slug)s OR account.id = %(id)s::uuid)
ORDER BY account.id, used.plan
FOR NO KEY UPDATE OF used FOR SHARE OF tenant, account
"""

# The same account and tenant, not locked: for what is asked before. Rides on primary keys, or the account's slug.
OWNER = """
SELECT account.id AS account_id, account.slug AS account_slug, account.name AS account_name, account.state AS account_state,
    tenant.slug, tenant.name, tenant.state, tenant.runtime_quota
FROM tenants_account AS account JOIN tenants_tenant AS tenant ON tenant.id = account.tenant_id
WHERE account.tenant_id = %(tenant)s::uuid AND (account.slug = %(slug)s OR account.id = %(id)s::uuid)
ORDER BY account.id LIMIT 1
"""

# The rows that a tenant's first runtime of a plan counts in. Rides on usage_once_per_plan.
BEGIN_BOOK = """
INSERT INTO catalog_usage (tenant_id, plan, runtimes, vcpu, memory_gib, gpus)
VALUES (%(tenant)s, '', 0, 0, 0, 0), (%(tenant)s, %(plan)s, 0, 0, 0, 0) ON CONFLICT (tenant_id, plan) DO NOTHING
"""

# Counts runtimes that nobody counted: made by a process of a release that did not count yet. The trigger adds them up.
COUNT_UNCOUNTED = """
UPDATE runtimes_runtime r SET quota_vcpu = s.vcpu, quota_memory_gib = s.memory_gib, quota_gpus = s.gpus
FROM (
    SELECT r.id, coalesce(sum((pool ->> 'maximum')::int * m.vcpu), 0) AS vcpu,
        coalesce(sum((pool ->> 'maximum')::int * m.memory_gib), 0) AS memory_gib,
        coalesce(sum((pool ->> 'maximum')::int * m.gpus), 0) AS gpus
    FROM runtimes_runtime r
    LEFT JOIN LATERAL jsonb_array_elements(r.cluster_spec -> 'pools') AS pool
        ON (r.phase <> 'suspended' OR coalesce(r.suspended_for, '[]'::jsonb) = '[]'::jsonb)
        AND pool -> 'platform' IS DISTINCT FROM 'true'::jsonb
    LEFT JOIN catalog_machinetype m ON m.provider = r.cluster_spec ->> 'provider' AND m.name = pool ->> 'machine_type'
    WHERE r.deleted_at IS NULL AND r.quota_vcpu IS NULL
    GROUP BY r.id
) s
WHERE s.id = r.id
"""

# Every row of usage beside the sum of its runtimes, where they differ. Reads every runtime: for the check, never for a request.
WRONG_USAGE = """
WITH there AS (
    SELECT tenant_id, plan_id, 1 AS runtimes, quota_vcpu AS vcpu, quota_memory_gib AS memory_gib, quota_gpus AS gpus
    FROM runtimes_runtime WHERE deleted_at IS NULL AND quota_vcpu IS NOT NULL
), summed AS (
    SELECT tenant_id, coalesce(plan_id, '') AS plan, sum(runtimes) AS runtimes, sum(vcpu) AS vcpu,
        sum(memory_gib) AS memory_gib, sum(gpus) AS gpus
    FROM there GROUP BY GROUPING SETS ((tenant_id, plan_id), (tenant_id))
)
SELECT coalesce(s.tenant_id, u.tenant_id) AS tenant_id, coalesce(s.plan, u.plan) AS plan,
    coalesce(s.runtimes, 0)::int, coalesce(s.vcpu, 0)::int, coalesce(s.memory_gib, 0), coalesce(s.gpus, 0)::int,
    u.runtimes, u.vcpu, u.memory_gib, u.gpus
FROM summed s FULL JOIN catalog_usage u ON u.tenant_id = s.tenant_id AND u.plan = s.plan
WHERE (coalesce(s.runtimes, 0), coalesce(s.vcpu, 0), coalesce(s.memory_gib, 0), coalesce(s.gpus, 0))
    IS DISTINCT FROM (coalesce(u.runtimes, 0), coalesce(u.vcpu, 0), coalesce(u.memory_gib, 0), coalesce(u.gpus, 0))
ORDER BY 1, 2
"""

# Nothing may change a runtime's count between the sum and the row that keeps it.
STAND_STILL = "LOCK TABLE runtimes_runtime IN SHARE ROW EXCLUSIVE MODE"

# Rides on usage_once_per_plan.
KEEP_USAGE = """
INSERT INTO catalog_usage (tenant_id, plan, runtimes, vcpu, memory_gib, gpus) VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (tenant_id, plan) DO UPDATE
SET runtimes = excluded.runtimes, vcpu = excluded.vcpu, memory_gib = excluded.memory_gib, gpus = excluded.gpus
"""

# A handful of rows.
FITTING_LANDSCAPES = """
SELECT id, key, kind, config FROM landscapes_landscape
WHERE accepting AND kind = %s::text AND providers @> to_jsonb(%s::text)
"""

# While an account moves, its runtimes are another tenant's than it for the length of a statement.
TENANT_FOLLOWS = "SET CONSTRAINTS runtime_in_its_accounts_tenant DEFERRED"

# Whose runtimes have to follow now, claimed for a while: two ticks share the work. Rides on standing_due.
CLAIM_STANDINGS = """
UPDATE lifecycle_standing SET due_at = %(until)s
WHERE id IN (SELECT id FROM lifecycle_standing WHERE due_at <= %(now)s ORDER BY due_at LIMIT %(most)s FOR UPDATE SKIP LOCKED)
RETURNING id, due_at
"""

# Runtimes of an owner that are not where they belong: held without reason, not held though there is one, or held and failed for
# five minutes; of an owner that is being deleted, all that nobody is removing. Rides on runtime_pages_of_tenant.
BEHIND = """
SELECT r.id FROM runtimes_runtime r
JOIN tenants_tenant t ON t.id = r.tenant_id JOIN tenants_account a ON a.id = r.account_id
WHERE r.tenant_id = %(tenant)s AND r.deleted_at IS NULL AND (%(account)s::uuid IS NULL OR r.account_id = %(account)s::uuid)
  AND CASE WHEN %(removes)s THEN r.phase <> 'failed' OR r.updated_at < now() - interval '5 minutes'
      ELSE (r.suspended_for @> '["tenant"]'::jsonb) <> (t.state = 'suspended')
        OR (r.suspended_for @> '["account"]'::jsonb) <> (a.state = 'suspended')
        OR (r.suspended_for ?| ARRAY['tenant', 'account'] AND r.phase = 'failed'
            AND r.updated_at < now() - interval '5 minutes'
            AND NOT EXISTS (SELECT FROM operations_operation o WHERE o.runtime_id = r.id AND o.slot IS NOT NULL))
      END
  AND NOT EXISTS (SELECT FROM operations_operation o
                  WHERE o.runtime_id = r.id AND o.slot IS NOT NULL AND o.kind = 'deprovision')
ORDER BY r.id LIMIT %(most)s
"""

# The states that a runtime has to follow; whoever turns them waits. Rides on primary keys.
OWNERS_NOW = """
SELECT t.state, a.state FROM tenants_tenant t, tenants_account a WHERE t.id = %s AND a.id = %s FOR SHARE OF t, a
"""

# How far the runtimes of an owner are: those on their way, and those that nobody has sent yet while they follow, or (`removes`)
# go. Rides on runtime_pages_of_tenant.
PROGRESS = """
SELECT count(*)::int,
    count(*) FILTER (WHERE r.phase <> 'failed' AND (%(removes)s OR r.phase NOT IN ('suspended', 'ready')
        OR (r.suspended_for <> '[]'::jsonb AND r.phase <> 'suspended')
        OR (r.suspended_for @> '["tenant"]'::jsonb) <> (t.state = 'suspended')
        OR (r.suspended_for @> '["account"]'::jsonb) <> (a.state = 'suspended')))::int,
    count(*) FILTER (WHERE r.phase = 'failed')::int
FROM runtimes_runtime r JOIN tenants_tenant t ON t.id = r.tenant_id JOIN tenants_account a ON a.id = r.account_id
WHERE r.tenant_id = %(tenant)s AND r.deleted_at IS NULL AND (%(account)s::uuid IS NULL OR r.account_id = %(account)s::uuid)
"""

# Runtimes whose release ends soon, each once; a day that moved is told anew. Rides on runtime_by_release and
# expiry_once_per_release.
MARK_EXPIRIES = """
INSERT INTO lifecycle_expiry (id, tenant_id, runtime_id, release, ends_on, due_at, problem)
SELECT gen_random_uuid(), r.tenant_id, r.id, r.release_key, e.ends_on, now(), ''
FROM jsonb_to_recordset(%(ending)s::jsonb) AS e(release text, ends_on date)
JOIN runtimes_runtime r ON r.release_key = e.release AND r.deleted_at IS NULL
ON CONFLICT (runtime_id, release) DO UPDATE SET ends_on = excluded.ends_on, due_at = now(), told_days = NULL
WHERE lifecycle_expiry.ends_on <> excluded.ends_on
"""

# Those that left the release, or their tenant, or are gone, and those whose release does not end soon any more.
FORGET_EXPIRIES = """
DELETE FROM lifecycle_expiry x USING runtimes_runtime r
WHERE r.id = x.runtime_id AND (r.release_key <> x.release OR r.tenant_id <> x.tenant_id OR r.deleted_at IS NOT NULL
    OR NOT EXISTS (SELECT FROM jsonb_to_recordset(%(ending)s::jsonb) AS e(release text) WHERE e.release = x.release))
"""

# Whose time has come, claimed for a while: two ticks share the work. Rides on expiry_due.
CLAIM_EXPIRIES = """
UPDATE lifecycle_expiry SET due_at = now() + make_interval(secs => %(claim_seconds)s)
WHERE id IN (SELECT id FROM lifecycle_expiry WHERE due_at <= now() ORDER BY due_at LIMIT %(most)s FOR UPDATE SKIP LOCKED)
RETURNING id
"""

# Who forces an upgrade counts those at work alone, until its transaction has ended: two rounds at once don't pass the limit.
ONE_FORCES = "SELECT pg_advisory_xact_lock(5200920)"

# Upgrades that ended and of which nobody was told. Rides on operation_upgrade_untold, which holds nothing else.
UNTOLD_UPGRADES = """
SELECT id FROM operations_operation
WHERE kind = 'upgrade' AND state IN ('succeeded', 'failed') AND upgrade_told_at IS NULL
ORDER BY finished_at LIMIT %(most)s FOR NO KEY UPDATE SKIP LOCKED
"""

# A newer wish of each of these runtimes, whose rows the caller has locked. Rides on the primary key.
NEWER_WISHES = """
UPDATE runtimes_runtime SET generation = generation + 1, revision = revision + 1, updated_at = now()
WHERE id = ANY(%(ids)s::uuid[]) RETURNING id, generation, revision
"""

# What of many runtimes' modules keeps them from a release: those that it does not have, those that could not be removed, and
# those that by this build's rules can't be together, or lack another one.
# Rides on primary keys and module_once_per_runtime.
MODULE_BLOCKERS = """
SELECT r.id, wish ->> 'key' AS missing, '' AS stuck
FROM runtimes_runtime r, jsonb_array_elements(r.cluster_spec -> 'modules') wish
WHERE r.id = ANY(%(runtimes)s::uuid[]) AND coalesce(wish ->> 'channel', '') = ''
  AND NOT wish ->> 'key' = ANY(%(modules)s::text[])
UNION ALL
SELECT m.runtime_id, '', m.message FROM modules_runtimemodule m
WHERE m.runtime_id = ANY(%(runtimes)s::uuid[]) AND m.state = 'blocked'
UNION ALL
SELECT r.id, '', rule.words
FROM runtimes_runtime r,
    unnest(%(firsts)s::text[], %(seconds)s::text[], %(forbidden)s::boolean[], %(words)s::text[])
        AS rule(first, second, forbidden, words)
WHERE r.id = ANY(%(runtimes)s::uuid[])
  AND r.cluster_spec -> 'modules' @> jsonb_build_array(jsonb_build_object('key', rule.first))
  AND (r.cluster_spec -> 'modules' @> jsonb_build_array(jsonb_build_object('key', rule.second))) = rule.forbidden
ORDER BY 1, 2, 3
"""
