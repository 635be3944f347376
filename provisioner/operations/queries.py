"""The SQL that moves operations, each with its reason and the index it rides on.

Every moment is PostgreSQL's `now()`: clocks of workers differ. Rows are locked in the order runtime, then operation; the claim
and the sweep, which find the operation first, skip what is locked and so never wait.

What a worker writes can be found out again by running its step again; what a person asked can not. So a worker's writes do
not wait for the disk (`synchronous_commit` off, for that one transaction): a crash of PostgreSQL may set an operation back
by less than a second, never in part, and a request that was answered is kept.

What only tells how operations stand is in `reading`.
"""

# ruff: noqa: S608 - every fragment is a constant of this file; values travel as parameters

from __future__ import annotations

# What a worker may take, literally as the indexes `operation_claim_first` and `operation_claim_behind` say it. In the background
# is what still happens to runtimes that people can already use.
ANY_CLAIMABLE = "slot = 'active' AND state IN ('queued', 'running')"
CLAIMABLE = f"{ANY_CLAIMABLE} AND NOT background"
CLAIMABLE_BEHIND = f"{ANY_CLAIMABLE} AND background"

# Asked for in a statement's result, it holds for the statement's own transaction.
NEED_NOT_WAIT = "set_config('synchronous_commit', 'off', true)"

# Start-time fair queueing (Goyal, Vin, Cheng 1996): a new piece of work is tagged with the tag now in service, or with the one
# behind its tenant's last, so that a tenant without a queue comes at once and a tenant with a long one stands behind itself.
# What is in service is everybody's business, and a request sees one tenant's rows: a function of the database looks for it (two
# ends of operation_claim_first). The tenant's own tail rides on operation_tail_of_tenant.
NOW_IN_SERVICE = "(SELECT operations_now_in_service())"
BEHIND_ITS_TENANT = f"""
    coalesce((SELECT max(tail.share) + 1 FROM operations_operation tail
              WHERE {CLAIMABLE} AND tail.tenant_id = {{tenant}}), 0)"""

# The same in the background, whose queue has tags of its own: one that moves between the two queues takes its place anew. Only
# workers and the sweep ask, who see every tenant's rows. Rides on two ends of operation_claim_behind and operation_tail_behind.
PLACE_BEHIND = f"""greatest(
    coalesce((SELECT one.share FROM operations_operation one
              WHERE {CLAIMABLE_BEHIND} AND one.lease_until IS NULL ORDER BY one.share LIMIT 1),
             (SELECT one.share FROM operations_operation one WHERE {CLAIMABLE_BEHIND} ORDER BY one.share DESC LIMIT 1), 0),
    coalesce((SELECT max(tail.share) + 1 FROM operations_operation tail
              WHERE {CLAIMABLE_BEHIND} AND tail.tenant_id = {{tenant}}), 0))"""

# One statement takes the fairest due operation whose lease is free or over (its worker died), and reads all that a step needs.
# SKIP LOCKED lets workers pass each other; the runtime is locked too because its phase moves with the first claim.
# The fence is the clock's microsecond rather than a plain count, so that a claim which such a crash forgot is never given again.
# A claim that was committed and never heard of, for the database was killed right behind it, costs its lease: the row looks like
# that of a worker whose step still runs and which will write the outcome once the database is back, so nobody may take it sooner.
# Rides on operation_claim_first, or operation_claim_behind, then on primary keys.
_CLAIM = f"""
WITH fairest AS (
    SELECT o.id, o.runtime_id, CASE WHEN o.kind = 'provision' AND r.first_ready_at IS NOT NULL THEN 'updating'
                                    ELSE %(during)s::jsonb ->> o.kind::text END AS during
    FROM operations_operation o JOIN runtimes_runtime r ON r.id = o.runtime_id
    WHERE o.slot = 'active' AND o.state IN ('queued', 'running') AND {{queue}} AND o.due_at <= now()
      AND (o.lease_until IS NULL OR o.lease_until < now())
    ORDER BY o.share, o.due_at
    LIMIT 1
    FOR NO KEY UPDATE OF o, r SKIP LOCKED
), begun AS (
    UPDATE runtimes_runtime r SET phase = f.during, message = '', updated_at = now()
    FROM fairest f WHERE {{moves}} AND r.id = f.runtime_id AND r.phase <> f.during
)
UPDATE operations_operation o
SET state = 'running', attempts = o.attempts + 1,
    fence = greatest(o.fence + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint),
    lease_until = now() + %(lease)s::interval,
    started_at = coalesce(o.started_at, now()), step_started_at = coalesce(o.step_started_at, now())
FROM fairest f
JOIN runtimes_runtime r ON r.id = f.runtime_id
JOIN landscapes_landscape l ON l.id = r.landscape_id
WHERE o.id = f.id
RETURNING o.id, o.tenant_id, o.runtime_id, o.kind, o.generation, o.input, o.kept, o.step, o.steps_done, o.attempts, o.background,
    o.fence, o.wakes, o.step_started_at, o.step_deadline, o.deadline, o.requested_by, o.cancel_reason, now() AS now,
    o.cancel_requested_at IS NOT NULL AS cancelling, o.pause_requested_at IS NOT NULL AS pausing,
    r.cluster_spec, r.spec -> 'release' AS release, r.status ->> 'situation' AS situation,
    r.status -> 'owner' ->> 'operation' AS seen_operation, r.status -> 'hibernated' = 'true'::jsonb AS seen_hibernated,
    l.id AS landscape_id, l.key AS landscape_key, l.kind AS landscape_kind, l.config AS landscape_config,
    l.credentials_path, l.credentials_sealed, {NEED_NOT_WAIT}"""
CLAIM = _CLAIM.format(queue="NOT o.background", moves="true")
# How long what is in the background must have waited to be taken now: ids begin with their time, so that whether wishes come in
# one behind the other is told by the last few entries of the primary key.
_RESTS = """(
    SELECT CASE WHEN count(*) < %(rush)s::int THEN interval '0' ELSE %(kept_waiting)s::interval END
    FROM (SELECT FROM operations_operation lately WHERE lately.id > (SELECT uuidv7(interval '-2 seconds'))
          LIMIT %(rush)s::int) stream)"""
# The runtime's phase is what people have: what goes on in the background leaves it alone.
CLAIM_BEHIND = _CLAIM.format(
    queue=f"o.background AND o.due_at <= now() - greatest(%(late)s::interval, {_RESTS})", moves="false"
)

# Writes what one run of a step came to, and keeps the attempt; no row comes back when the lease was lost or somebody asked to
# cancel. What the operation keeps of a step that gave up is written with the move to where it goes on: nobody dies between the
# two. With a step that is done the next one's first wait may be written, too: there is nothing to look at yet. A wait whose
# wake-up call came while the step ran is due at once; no wait outlasts its deadline; a pause asked for in the meantime begins
# here. Rides on the primary key.
CHECKPOINT = f"""
WITH moved AS (
    UPDATE operations_operation o
    SET state = CASE WHEN o.pause_requested_at IS NOT NULL THEN 'paused'
                     WHEN %(wakeable)s::boolean AND o.wakes <> %(wakes)s::bigint THEN 'running'
                     ELSE %(state)s::text END,
        step = %(step)s::text,
        steps_done = CASE WHEN %(step_done)s::boolean THEN o.steps_done || (jsonb_build_object(
            'step', %(ran)s::text, 'at', now(), 'seconds', round(extract(epoch FROM now() - o.step_started_at), 3))
            || %(mark)s::jsonb) ELSE o.steps_done END,
        kept = CASE WHEN %(notes)s::jsonb IS NULL THEN o.kept ELSE o.kept || %(notes)s::jsonb END,
        deadline = CASE WHEN %(step_done)s::boolean THEN greatest(o.deadline, now() + %(time_left)s::interval)
                        ELSE o.deadline END,
        attempts = CASE WHEN o.pause_requested_at IS NOT NULL THEN 0 ELSE %(attempts)s::int END,
        reason = CASE WHEN %(step_done)s::boolean AND o.pause_requested_at IS NOT NULL THEN '' ELSE %(reason)s::text END,
        progress = %(progress)s::smallint, error_class = %(error_class)s::text, error_code = %(error_code)s::text,
        error_message = %(error_message)s::text, error_audience = %(error_audience)s::text,
        due_at = CASE WHEN %(step_done)s::boolean AND NOT %(wakeable)s::boolean THEN o.due_at
                      WHEN %(wakeable)s::boolean AND o.wakes <> %(wakes)s::bigint THEN now()
                      ELSE least(now() + %(delay)s::interval, o.deadline,
                                 coalesce(%(step_deadline)s::timestamptz, now() + %(step_limit)s::interval)) END,
        step_started_at = CASE WHEN %(step_done)s::boolean THEN now() ELSE o.step_started_at END,
        step_deadline = CASE WHEN %(step_done)s::boolean THEN now() + %(step_limit)s::interval
                             ELSE %(step_deadline)s::timestamptz END,
        lease_until = CASE WHEN %(step_done)s::boolean AND NOT %(wakeable)s::boolean AND o.pause_requested_at IS NULL
                           THEN now() + %(lease)s::interval END
    WHERE o.id = %(id)s::uuid AND o.fence = %(fence)s::bigint AND o.state = 'running' AND o.step = %(stored)s::text
      AND o.cancel_requested_at IS NULL
    RETURNING o.id, o.tenant_id, o.state, o.wakes, o.step_started_at, o.step_deadline, o.deadline
), kept AS (
    INSERT INTO operations_operationattempt
        (tenant_id, operation_id, step, number, fence, outcome, error_class, error_code, message, started_at, finished_at)
    SELECT tenant_id, id, %(ran)s::text, %(number)s::int, %(fence)s::bigint, %(outcome)s::text, %(error_class)s::text,
        %(error_code)s::text, %(message)s::text, %(began)s::timestamptz, now() FROM moved
)
SELECT state, wakes, step_started_at, step_deadline, deadline, now() AS now, {NEED_NOT_WAIT} FROM moved"""

# Writes that a step is done behind which people can use the runtime, and lays what is left into the background's queue, at its
# tenant's place there, with the flow's time anew: it may have to wait for others. No row comes back where a checkpoint finds
# none, and where a wish waits behind: its steps are the ones that count. One that comes while this waits for the runtime's lock,
# which it holds, has raised the generation by then. Locks the runtime first, as everybody. Rides on primary keys and on
# operation_one_per_slot.
SETTLE = f"""
WITH home AS (
    SELECT id FROM runtimes_runtime WHERE id = %(runtime_id)s::uuid AND generation = %(generation)s::bigint FOR NO KEY UPDATE
), moved AS (
    UPDATE operations_operation o
    SET state = CASE WHEN o.pause_requested_at IS NOT NULL THEN 'paused' ELSE 'running' END, background = true,
        share = {PLACE_BEHIND.format(tenant="o.tenant_id")}, due_at = now(),
        step = %(step)s::text, progress = %(progress)s::smallint, attempts = 0, reason = %(reason)s::text,
        deadline = now() + %(within)s::interval, step_started_at = NULL, step_deadline = NULL, lease_until = NULL,
        error_class = '', error_code = '', error_message = '', error_audience = '',
        steps_done = o.steps_done || jsonb_build_object(
            'step', %(ran)s::text, 'at', now(), 'seconds', round(extract(epoch FROM now() - o.step_started_at), 3))
    FROM home
    WHERE o.id = %(id)s::uuid AND o.fence = %(fence)s::bigint AND o.state = 'running' AND o.step = %(stored)s::text
      AND o.cancel_requested_at IS NULL AND o.runtime_id = home.id
      AND NOT EXISTS (SELECT FROM operations_operation n WHERE n.runtime_id = home.id AND n.slot = 'next')
    RETURNING o.id, o.tenant_id, o.runtime_id, o.generation, o.state
), kept AS (
    INSERT INTO operations_operationattempt
        (tenant_id, operation_id, step, number, fence, outcome, error_class, error_code, message, started_at, finished_at)
    SELECT tenant_id, id, %(ran)s::text, %(number)s::int, %(fence)s::bigint, %(outcome)s::text, '', '', %(message)s::text,
        %(began)s::timestamptz, now() FROM moved
), told AS (
    UPDATE runtimes_runtime r
    SET phase = %(phase)s::text, message = '', observed_generation = greatest(r.observed_generation, moved.generation),
        updated_at = now()
    FROM moved WHERE r.id = moved.runtime_id
)
SELECT state, {NEED_NOT_WAIT} FROM moved"""

# Whether a checkpoint found nothing because somebody asked to cancel what we still hold. Rides on the primary key.
CANCELLING = """
SELECT cancel_reason FROM operations_operation
WHERE id = %(id)s::uuid AND fence = %(fence)s::bigint AND state = 'running' AND cancel_requested_at IS NOT NULL"""

# Work that begins while its tenant or account is suspended, unless it ends or rests something: it waits until that is over, and
# the sweep starts it then. Rides on primary keys; `{runtime}` is a row with the ids of both.
HELD_BACK = """
    {kind} NOT IN ('deprovision', 'suspend') AND (
        EXISTS (SELECT FROM tenants_tenant t WHERE t.id = {runtime}.tenant_id AND t.state = 'suspended')
        OR EXISTS (SELECT FROM tenants_account a WHERE a.id = {runtime}.account_id AND a.state = 'suspended'))"""

# An update of a runtime that was never ready is its next attempt at being provisioned.
AS_KIND = """CASE WHEN n.kind = 'update' AND home.first_ready_at IS NULL AND closed.state <> 'succeeded'
    THEN 'provision' ELSE n.kind END"""

# What the operation was to build where nothing stands and did not, the wish behind it may build (see opening._with_consent).
CONSENT = """CASE WHEN o.input ? 'rebuild' AND (o.state <> 'succeeded' OR o.kind = 'suspend')
    THEN '{"rebuild": true}'::jsonb ELSE '{}'::jsonb END"""

COUNTS = """CASE WHEN %(phase)s::text = 'suspended' AND 'true' IN (r.cluster_spec->>'hibernated', r.cluster_spec->>'destroyed')
    THEN 0 ELSE 1 END"""  # one that rests, unless somebody asked meanwhile to have it back, takes nothing of its tenant's quota

# Ends an operation together with what its end means to the runtime, and starts the wish behind it. `fence` guards a worker's
# end; without one a person ends it, and then nobody may hold the lease. Locks the runtime first: see above.
# Rides on primary keys and on operation_one_per_slot.
CLOSE = f"""
WITH home AS (
    SELECT id, tenant_id, account_id, first_ready_at FROM runtimes_runtime
    WHERE id = %(runtime_id)s::uuid FOR NO KEY UPDATE
), closed AS (
    UPDATE operations_operation o
    SET state = %(state)s::text, slot = NULL, finished_at = now(), lease_until = NULL, reason = '',
        progress = greatest(o.progress, %(progress)s::smallint), attempts = %(attempts)s::int,
        cancel_reason = %(cancel_reason)s::text, step_deadline = NULL, pause_requested_at = NULL,
        steps_done = CASE WHEN %(step_done)s::boolean THEN o.steps_done || (jsonb_build_object(
            'step', %(ran)s::text, 'at', now(), 'seconds', round(extract(epoch FROM now() - o.step_started_at), 3))
            || %(skipped)s::jsonb) ELSE o.steps_done END,
        error_class = %(error_class)s::text, error_code = %(error_code)s::text,
        error_message = %(error_message)s::text, error_audience = %(error_audience)s::text
    FROM home
    WHERE o.id = %(id)s::uuid AND o.runtime_id = home.id AND o.slot = 'active'
      AND CASE WHEN %(fence)s::bigint IS NULL THEN o.lease_until IS NULL OR o.lease_until < now()
               ELSE o.fence = %(fence)s::bigint AND o.state = 'running' END
    RETURNING o.id, o.tenant_id, o.runtime_id, o.state, o.generation, o.fence, {CONSENT} AS consent
), kept AS (
    INSERT INTO operations_operationattempt
        (tenant_id, operation_id, step, number, fence, outcome, error_class, error_code, message, started_at, finished_at)
    SELECT tenant_id, id, %(ran)s::text, %(number)s::int, fence, %(outcome)s::text, %(error_class)s::text,
        %(error_code)s::text, %(message)s::text, coalesce(%(began)s::timestamptz, now()), now()
    FROM closed WHERE %(outcome)s::text <> ''
), promoted AS (
    UPDATE operations_operation n
    SET slot = 'active', due_at = now(), kind = {AS_KIND}, step = %(starts)s::jsonb -> ({AS_KIND}) ->> 'step',
        deadline = now() + make_interval(secs => (%(starts)s::jsonb -> ({AS_KIND}) ->> 'seconds')::float),
        share = greatest({NOW_IN_SERVICE}, {BEHIND_ITS_TENANT.format(tenant="home.tenant_id")}), input = n.input || closed.consent
    FROM closed, home
    WHERE n.runtime_id = closed.runtime_id AND n.slot = 'next' AND NOT ({HELD_BACK.format(kind="n.kind", runtime="home")})
    RETURNING n.id
), held AS (
    UPDATE operations_operation n SET input = n.input || closed.consent FROM closed, home
    WHERE n.runtime_id = closed.runtime_id AND n.slot = 'next' AND {HELD_BACK.format(kind="n.kind", runtime="home")}
), told AS (
    UPDATE runtimes_runtime r
    SET phase = CASE WHEN %(keep_phase_for_next)s::boolean AND EXISTS (SELECT FROM promoted) THEN r.phase
                     ELSE coalesce(%(phase)s::text, r.phase) END,
        message = CASE WHEN %(keep_phase_for_next)s::boolean AND EXISTS (SELECT FROM promoted) THEN ''
                       ELSE coalesce(%(runtime_message)s::text, r.message) END,
        observed_generation = CASE WHEN %(state)s::text = 'succeeded'
            THEN greatest(r.observed_generation, closed.generation) ELSE r.observed_generation END,
        deleted_at = CASE WHEN %(phase)s::text = 'deprovisioned' THEN now() ELSE r.deleted_at END,
        quota_vcpu = r.quota_vcpu * {COUNTS}, quota_memory_gib = r.quota_memory_gib * {COUNTS},
        quota_gpus = r.quota_gpus * {COUNTS}, updated_at = now()
    FROM closed WHERE r.id = closed.runtime_id
)
SELECT id, (SELECT id FROM promoted) AS promoted, CASE WHEN %(fence)s::bigint IS NOT NULL THEN {NEED_NOT_WAIT} END
FROM closed"""


# The place in the queue of a piece of work of one tenant that comes now.
PLACE = f"greatest({NOW_IN_SERVICE}, {BEHIND_ITS_TENANT.format(tenant='%(tenant_id)s::uuid')})"

# Opens an operation at its place in the queue. Rides on the indexes of fair share.
OPEN = f"""
INSERT INTO operations_operation
    (id, tenant_id, runtime_id, landscape_id, kind, generation, input, requested_by, request_id, state, slot, step, steps_done,
     attempts, reason, progress, share, due_at, fence, wakes, cancel_reason, deadline, error_class, error_code, error_message,
     error_audience, created_at, background)
VALUES (%(id)s, %(tenant_id)s, %(runtime_id)s, %(landscape_id)s, %(kind)s, %(generation)s, %(input)s::jsonb, %(requested_by)s,
    %(request_id)s, 'queued', %(slot)s, %(step)s, '[]'::jsonb, 0, '', 0,
    {PLACE}, now(), 0, 0, '', now() + %(within)s::interval, '', '', '', '', now(), false)"""

# What went on in the background comes to the front, at its tenant's place there: people wait for what stands behind it. Rides on
# the primary key.
BRING_FORWARD = f"""
UPDATE operations_operation SET background = false, share = {PLACE} WHERE id = %(id)s::uuid AND slot = 'active' AND background"""

# A failed operation becomes active again, as if it had never run this step. Rides on the primary key.
REOPEN = f"""
UPDATE operations_operation
SET state = 'running', slot = 'active', finished_at = NULL, attempts = 0, step = %(step)s, step_started_at = NULL,
    step_deadline = NULL, deadline = now() + %(within)s::interval, due_at = now(), lease_until = NULL, reason = '',
    background = false, error_class = '', error_code = '', error_message = '', error_audience = '',
    cancel_requested_at = NULL, share = {PLACE}
WHERE id = %(id)s AND state = 'failed'"""

# A person skips the step that they saw of an operation that nobody holds; a paused one stays paused. Rides on the primary key.
SKIP = """
WITH moved AS (
    UPDATE operations_operation o
    SET step = %(step)s, attempts = 0, step_started_at = NULL, step_deadline = NULL, reason = '', progress = %(progress)s,
        error_class = '', error_code = '', error_message = '', error_audience = '', due_at = now(), lease_until = NULL,
        state = CASE WHEN o.state = 'waiting' THEN 'running' ELSE o.state END,
        steps_done = o.steps_done || jsonb_build_object(
            'step', o.step, 'at', now(), 'skipped', %(reason)s::text,
            'seconds', round(extract(epoch FROM now() - coalesce(o.step_started_at, now())), 3))
    FROM operations_operation before
    WHERE o.id = %(id)s AND before.id = o.id AND o.slot = 'active' AND o.step = %(skipped)s
      AND (o.lease_until IS NULL OR o.lease_until < now())
    RETURNING o.id, o.tenant_id, before.step, o.fence
)
INSERT INTO operations_operationattempt
    (tenant_id, operation_id, step, number, fence, outcome, error_class, error_code, message, started_at, finished_at)
SELECT tenant_id, id, step, 0, fence, 'skipped', '', '', %(reason)s, now(), now() FROM moved"""
