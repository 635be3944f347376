"""The trigger that counts targets: lanes by state, tallies by state and reason; exact, whoever writes targets.

A statement that changes many targets counts once. Starting and running are one state here, so that the beginning of an upgrade
writes no counter and many may begin side by side.
"""

from __future__ import annotations

from django.db import migrations

from controlplane.tenants.isolation.policies import ProtectTenantRows

STATES = (
    "planned", "waiting", "blocked", "ready", "active", "succeeded", "failed", "skipped", "left_behind", "gone",
)  # fmt: skip
_SHOWN = "CASE WHEN state IN ('starting', 'running') THEN 'active' ELSE state END"
_CODE = "CASE WHEN state IN ('starting', 'running') THEN '' WHEN state = 'failed' THEN signature ELSE reason_code END"
_ROWS = f"""
    SELECT rollout_id, stage_id, lane_id, {_SHOWN} AS state, {_CODE} AS code, reason, blamed, since, {{sign}} AS sign FROM {{table}}"""  # noqa: S608
_LANES = ", ".join(f"{state} = l.{state} + d.{state}" for state in (*STATES, "blamed"))
_SUMS = ", ".join(
    f"coalesce(sum(sign) FILTER (WHERE state = '{state}'), 0) AS {state}" for state in STATES
)

# Lanes are locked in one order, and so are tallies: two that count never wait for each other in a circle.
_BODY = f"""
CREATE FUNCTION {{name}}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    WITH d AS (
        SELECT lane_id, {_SUMS}, coalesce(sum(sign) FILTER (WHERE blamed), 0) AS blamed
        FROM ({{rows}}) changed GROUP BY lane_id
    ), moved AS (
        SELECT * FROM d WHERE ({", ".join(STATES)}, blamed) IS DISTINCT FROM ({", ".join("0" for _ in (*STATES, "blamed"))})
    ), held AS (
        SELECT id FROM rollouts_lane WHERE id IN (SELECT lane_id FROM moved) ORDER BY id FOR NO KEY UPDATE
    )
    UPDATE rollouts_lane l SET {_LANES} FROM moved d, held WHERE l.id = d.lane_id AND held.id = l.id;
    INSERT INTO rollouts_tally AS t (rollout_id, stage_id, state, code, targets, sample, first_at, last_at)
    SELECT rollout_id, stage_id, state, code, sum(sign), left(coalesce(max(reason) FILTER (WHERE sign > 0), ''), 500),
        min(since), max(since)
    FROM ({{rows}}) changed GROUP BY rollout_id, stage_id, state, code HAVING sum(sign) <> 0
    ORDER BY rollout_id, stage_id, state, code
    ON CONFLICT (rollout_id, stage_id, state, code) DO UPDATE
    SET targets = t.targets + excluded.targets,
        sample = CASE WHEN excluded.targets > 0 AND excluded.sample <> '' THEN excluded.sample ELSE t.sample END,
        first_at = CASE WHEN t.targets = 0 THEN excluded.first_at ELSE t.first_at END,
        last_at = CASE WHEN excluded.targets > 0 THEN greatest(t.last_at, excluded.last_at) ELSE t.last_at END;
    RETURN NULL;
END $$"""

_AFTER, _BEFORE = _ROWS.format(table="after_rows", sign="1"), _ROWS.format(table="before_rows", sign="-1")
CREATE = (
    _BODY.format(name="rollouts_count_new", rows=_AFTER),
    _BODY.format(name="rollouts_count_changed", rows=f"{_AFTER} UNION ALL {_BEFORE}"),
    """CREATE TRIGGER rollouts_count_new AFTER INSERT ON rollouts_target REFERENCING NEW TABLE AS after_rows
        FOR EACH STATEMENT EXECUTE FUNCTION rollouts_count_new()""",
    """CREATE TRIGGER rollouts_count AFTER UPDATE ON rollouts_target
        REFERENCING NEW TABLE AS after_rows OLD TABLE AS before_rows
        FOR EACH STATEMENT EXECUTE FUNCTION rollouts_count_changed()""",
)
DROP = (
    "DROP TRIGGER rollouts_count ON rollouts_target",
    "DROP TRIGGER rollouts_count_new ON rollouts_target",
    "DROP FUNCTION rollouts_count_changed()",
    "DROP FUNCTION rollouts_count_new()",
)

# What a rollout does is settled when it starts.
FREEZE = (
    """CREATE FUNCTION rollouts_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'a rollout that has started keeps its release, selector and plan' USING ERRCODE = 'check_violation';
    END $$""",
    """CREATE TRIGGER rollouts_frozen BEFORE UPDATE ON rollouts_rollout FOR EACH ROW
        WHEN (OLD.started_at IS NOT NULL
            AND (OLD.release_key, OLD.selector, OLD.plan) IS DISTINCT FROM (NEW.release_key, NEW.selector, NEW.plan))
        EXECUTE FUNCTION rollouts_frozen()""",
)
THAW = ("DROP TRIGGER rollouts_frozen ON rollouts_rollout", "DROP FUNCTION rollouts_frozen()")


class Migration(migrations.Migration):
    """Functions and triggers only, and the protection of what belongs to tenants."""

    dependencies = [
        ("rollouts", "0001_rollouts"),
        ("isolation", "0003_tables"),
    ]

    operations = [
        migrations.RunSQL(list(CREATE), list(DROP)),
        migrations.RunSQL(list(FREEZE), list(THAW)),
        # Every start and end of an upgrade writes these: room in the page lets PostgreSQL rewrite them in place.
        migrations.RunSQL("ALTER TABLE rollouts_lane SET (fillfactor = 20)", migrations.RunSQL.noop),
        migrations.RunSQL("ALTER TABLE rollouts_tally SET (fillfactor = 20)", migrations.RunSQL.noop),
        ProtectTenantRows("rollouts_maintenancewindow"),
        ProtectTenantRows("rollouts_exclusion"),
    ]
