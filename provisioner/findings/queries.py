"""The SQL of findings: set-based, so that a look costs three statements whatever it finds."""

from __future__ import annotations

# Runtimes that became ready since; the first look within minutes, spread by chance. Lately: rides on runtime_by_first_ready.
# Whoever was at work whenever the former asked is found once an hour by one anti-join over all.
_ENROL = """
INSERT INTO findings_check (runtime_id, due_at, partial, problem)
SELECT id, now() + random() * least(%(round)s::interval, interval '5 minutes'), '[]', ''
FROM runtimes_runtime AS runtime
WHERE deleted_at IS NULL AND phase = 'ready' {lately}
    AND NOT EXISTS (SELECT FROM findings_check WHERE runtime_id = runtime.id)
ORDER BY {order} LIMIT %(most)s
ON CONFLICT (runtime_id) DO NOTHING
"""
ENROL = _ENROL.format(lately="AND first_ready_at > now() - interval '2 hours'", order="first_ready_at")
ENROL_ALL = _ENROL.format(lately="", order="id")

# Takes what is due, most overdue first, and puts it off by a round more or less, ever longer where looks found nothing, up to
# RARELY rounds: a fleet in order costs little. Two ticks share the work, and one that dies in the middle loses a look, not the
# runtime. Rides on finding_check_due.
CLAIM = """
UPDATE findings_check SET due_at = now() + %(round)s::interval * (0.9 + 0.2 * random()) * least(2 ^ quiet, %(rarely)s)
WHERE runtime_id IN (
    SELECT runtime_id FROM findings_check WHERE due_at <= now() ORDER BY due_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
)
RETURNING runtime_id
"""

# What was changed lately is looked at again within a round, however quiet it was; asked once a minute. Rides on
# operation_recent and the primary key.
RENEW = """
UPDATE findings_check AS old SET quiet = 0, due_at = least(old.due_at, now() + %(round)s::interval * random())
FROM operations_operation AS done
WHERE done.kind IN ('update', 'upgrade', 'resume') AND done.state = 'succeeded'
    AND done.finished_at > now() - interval '2 minutes' AND old.runtime_id = done.runtime_id AND old.quiet > 0
"""

# What a look found becomes what the rows say: new ones come, changed ones change, gone ones go; what stays the same is not
# written. Of rules that saw only a part nothing goes. Rides on finding_once_per_object.
WRITE = """
WITH given AS (
    SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS one(id uuid, rule text, api_version text, kind text, namespace text,
        name text, severity text, audience text, sentence text, remedy text, from_version text)
), gone AS (
    DELETE FROM findings_finding AS old
    WHERE runtime_id = %(runtime)s AND NOT rule = ANY(%(partial)s) AND NOT EXISTS (
        SELECT FROM given WHERE (given.rule, given.api_version, given.kind, given.namespace, given.name)
            = (old.rule, old.api_version, old.kind, old.namespace, old.name)
    )
    RETURNING 1
), written AS (
    INSERT INTO findings_finding AS old (id, runtime_id, rule, api_version, kind, namespace, name, severity, audience, sentence,
        remedy, from_version, since)
    SELECT id, %(runtime)s, rule, api_version, kind, namespace, name, severity, audience, sentence, remedy, from_version, now()
    FROM given
    ON CONFLICT (runtime_id, rule, api_version, kind, namespace, name) DO UPDATE
    SET severity = EXCLUDED.severity, audience = EXCLUDED.audience, sentence = EXCLUDED.sentence, remedy = EXCLUDED.remedy,
        from_version = EXCLUDED.from_version
    WHERE (old.severity, old.audience, old.sentence, old.remedy, old.from_version)
        IS DISTINCT FROM (EXCLUDED.severity, EXCLUDED.audience, EXCLUDED.sentence, EXCLUDED.remedy, EXCLUDED.from_version)
    RETURNING 1
)
SELECT (SELECT count(*) FROM written), (SELECT count(*) FROM gone)
"""

# The fleet's findings by rule and severity, with those that a waiver in force covers. Reads what was found, in the order of its
# groups, and each runtime that it was found in once: LIMIT keeps the planner from reading the fleet to join it. What is waived is
# looked for by the waivers, which are few. Rides on finding_by_group and the runtimes' primary key.
GROUPS = """
WITH counted AS (
    SELECT rule, severity, audience, count(*) AS findings, count(DISTINCT runtime_id) AS runtimes,
        count(DISTINCT runtime.tenant_id) AS tenants, min(since) AS since
    FROM findings_finding AS finding CROSS JOIN LATERAL (
        SELECT tenant_id FROM runtimes_runtime WHERE id = finding.runtime_id AND deleted_at IS NULL LIMIT 1
    ) AS runtime
    GROUP BY rule, severity, audience
), answered AS (
    SELECT rule, severity, audience, count(*) AS findings
    FROM findings_finding AS finding JOIN runtimes_runtime AS runtime ON runtime.id = finding.runtime_id
    WHERE runtime.deleted_at IS NULL AND EXISTS (
        SELECT FROM findings_findingwaiver AS waiver
        WHERE waiver.runtime_id = finding.runtime_id AND waiver.rule = finding.rule AND waiver.revoked_at IS NULL
            AND waiver.expires_at > now() AND waiver.place IN ('', finding.kind || ' '
                || CASE finding.namespace WHEN '' THEN '' ELSE finding.namespace || '/' END || finding.name)
    )
    GROUP BY rule, severity, audience
)
SELECT rule, severity, audience, counted.findings, runtimes, tenants, coalesce(answered.findings, 0) AS waived, since
FROM counted LEFT JOIN answered USING (rule, severity, audience)
ORDER BY array_position(ARRAY['blocking', 'warning', 'info'], severity), runtimes DESC, rule, audience
"""
