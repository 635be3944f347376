"""Whose targets are: what a rollout does with a runtime its tenant may see, and all else of rollouts is the platform's alone.

For a moment two tables are locked; no row is written.
"""

from django.db import migrations

from controlplane.tenants.isolation.policies import ProtectChildRows

OF_THE_PLATFORM = ", ".join(
    (
        "rollouts_rollout",
        "rollouts_stage",
        "rollouts_gate",
        "rollouts_approval",
        "rollouts_lane",
        "rollouts_tally",
        "rollouts_target",
        "rollouts_healthpoint",
        "rollouts_emergencystop",
        "rollouts_waiver",
    )
)
EVERYTHING = "SELECT, INSERT, UPDATE, DELETE"
# A tenant that changes its windows has its own targets look at them again, and does nothing else to them.
LOOK_AGAIN = "state, since, due_at, reason_code, reason"
ONLY_LOOK_AGAIN = """
CREATE POLICY only_look_again ON rollouts_target AS RESTRICTIVE FOR UPDATE TO nesoi_web
    USING (state IN ('waiting', 'ready')) WITH CHECK (state = 'waiting')
"""
# What counts targets writes tables that a tenant may not: it counts as the owner, and looks into no schema but ours.
COUNT_AS_OWNER = """
DO $$ BEGIN
    EXECUTE format('ALTER FUNCTION rollouts_count_new() SECURITY DEFINER SET search_path = pg_catalog, %1$I, pg_temp;
        ALTER FUNCTION rollouts_count_changed() SECURITY DEFINER SET search_path = pg_catalog, %1$I, pg_temp',
        current_schema());
END $$;
REVOKE ALL ON FUNCTION rollouts_count_new, rollouts_count_changed FROM PUBLIC
"""
COUNT_AS_BEFORE = """
GRANT EXECUTE ON FUNCTION rollouts_count_new, rollouts_count_changed TO PUBLIC;
ALTER FUNCTION rollouts_count_changed() SECURITY INVOKER RESET search_path;
ALTER FUNCTION rollouts_count_new() SECURITY INVOKER RESET search_path
"""


class Migration(migrations.Migration):
    """Policies and rights only."""

    dependencies = [
        ("rollouts", "0004_when_done"),
        ("isolation", "0004_read_only"),
        ("runtimes", "0001_initial"),
    ]

    operations = [
        ProtectChildRows("rollouts_target", "runtime_id", parent="runtimes_runtime"),
        ProtectChildRows("rollouts_waiver", "runtime_id", parent="runtimes_runtime"),
        migrations.RunSQL(ONLY_LOOK_AGAIN, "DROP POLICY only_look_again ON rollouts_target"),
        migrations.RunSQL(COUNT_AS_OWNER, COUNT_AS_BEFORE),
        migrations.RunSQL(
            f"REVOKE ALL ON {OF_THE_PLATFORM} FROM nesoi_web",
            f"GRANT {EVERYTHING} ON {OF_THE_PLATFORM} TO nesoi_web",
        ),
        migrations.RunSQL(
            f"GRANT SELECT, UPDATE ({LOOK_AGAIN}) ON rollouts_target TO nesoi_web",
            f"REVOKE SELECT, UPDATE ({LOOK_AGAIN}) ON rollouts_target FROM nesoi_web",
        ),
        # Of the rollout itself its tenants learn where it goes and whether it does; not its name, its selector, its reasons.
        migrations.RunSQL(
            "GRANT SELECT (id, release_key, state) ON rollouts_rollout TO nesoi_web",
            "REVOKE SELECT (id, release_key, state) ON rollouts_rollout FROM nesoi_web",
        ),
    ]
