"""How the fleet stands, without reading it: counts by phase, release and situation, and the indexes of the SREs' search.

A trigger notes each change as rows of +1 and -1, so that no two writers ever wait for each other as they would for one counter;
every few hundred of them are folded into one row for each kind by whoever comes along, unless somebody else just does. The table
is the platform's: the trigger writes with its owner's rights, and a tenant's scope reads nothing of it.
`situation` is computed by PostgreSQL for every writer, and rewrites the table once: seconds at 10,000 rows.
"""

from django.db import migrations, models
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce

FORWARD = """
CREATE FUNCTION runtimes_fold_fleet() RETURNS void LANGUAGE plpgsql
SECURITY DEFINER AS $$
BEGIN
    -- A snapshot that is older than the last folding would not find what it is to fold.
    IF current_setting('transaction_isolation') <> 'read committed'
        OR NOT pg_try_advisory_xact_lock(hashtext('runtimes_fleetcount')) THEN
        RETURN;
    END IF;
    WITH gone AS (DELETE FROM runtimes_fleetcount RETURNING phase, release_key, situation, runtimes)
    INSERT INTO runtimes_fleetcount (phase, release_key, situation, runtimes)
    SELECT phase, release_key, situation, sum(runtimes) FROM gone GROUP BY 1, 2, 3 HAVING sum(runtimes) <> 0;
END $$;

CREATE FUNCTION runtimes_count_in_fleet() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER AS $$
DECLARE
    written bigint;
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO runtimes_fleetcount (phase, release_key, situation, runtimes)
        VALUES (OLD.phase, OLD.release_key, OLD.situation, -1);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO runtimes_fleetcount (phase, release_key, situation, runtimes)
        VALUES (NEW.phase, NEW.release_key, NEW.situation, 1) RETURNING id INTO written;
        IF written % 501 = 0 THEN  -- odd: a change takes two numbers
            PERFORM runtimes_fold_fleet();
        END IF;
    END IF;
    RETURN NULL;
END $$;

-- They look into no schema but ours: what somebody made in pg_temp comes last.
DO $$ BEGIN
    EXECUTE format('ALTER FUNCTION runtimes_fold_fleet() SET search_path = pg_catalog, %1$I, pg_temp;
        ALTER FUNCTION runtimes_count_in_fleet() SET search_path = pg_catalog, %1$I, pg_temp', current_schema());
END $$;
REVOKE ALL ON FUNCTION runtimes_fold_fleet, runtimes_count_in_fleet FROM PUBLIC;

CREATE TRIGGER runtimes_enter_fleet AFTER INSERT ON runtimes_runtime
    FOR EACH ROW EXECUTE FUNCTION runtimes_count_in_fleet();
CREATE TRIGGER runtimes_change_in_fleet AFTER UPDATE OF phase, spec, status ON runtimes_runtime
    FOR EACH ROW WHEN ((OLD.phase, OLD.release_key, OLD.situation) IS DISTINCT FROM (NEW.phase, NEW.release_key, NEW.situation))
    EXECUTE FUNCTION runtimes_count_in_fleet();
CREATE TRIGGER runtimes_leave_fleet AFTER DELETE ON runtimes_runtime
    FOR EACH ROW EXECUTE FUNCTION runtimes_count_in_fleet();

-- Nobody writes runtimes until this migration ends: adding the triggers has locked them.
INSERT INTO runtimes_fleetcount (phase, release_key, situation, runtimes)
SELECT phase, release_key, situation, count(*) FROM runtimes_runtime GROUP BY 1, 2, 3;
"""
BACKWARD = """
DROP TRIGGER runtimes_leave_fleet ON runtimes_runtime;
DROP TRIGGER runtimes_change_in_fleet ON runtimes_runtime;
DROP TRIGGER runtimes_enter_fleet ON runtimes_runtime;
DROP FUNCTION runtimes_count_in_fleet();
DROP FUNCTION runtimes_fold_fleet();
"""
# Words of a runtime's and its cluster's name, found by how they begin; the same expression stands in `runtimes.finding`.
WORDS = """
CREATE INDEX runtime_by_words ON runtimes_runtime
USING gin (to_tsvector('simple'::regconfig, translate(name || ' ' || cluster_name, '-._', '   '))) WITH (fastupdate = off)
"""


class Migration(migrations.Migration):
    """A column, a table without a tenant, triggers, indexes."""

    dependencies = [("runtimes", "0007_release_and_channel"), ("isolation", "0003_tables")]

    operations = [
        migrations.AddField(
            "runtime",
            "situation",
            models.GeneratedField(
                db_persist=True,
                expression=Coalesce(
                    KT("status__situation"), models.Value(""), output_field=models.TextField()
                ),
                output_field=models.CharField(max_length=31),
            ),
        ),
        migrations.CreateModel(
            "FleetCount",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("phase", models.CharField(max_length=16)),
                ("release_key", models.CharField(max_length=31)),
                ("situation", models.CharField(max_length=31)),
                ("runtimes", models.IntegerField()),
            ],
        ),
        migrations.AddIndex("runtime", models.Index(fields=["phase", "-id"], name="runtime_pages_of_phase")),
        migrations.AddIndex("runtime", models.Index(fields=["region", "-id"], name="runtime_pages_of_region")),
        migrations.AddIndex(
            "runtime",
            models.Index(
                condition=models.Q(("deleted_at__isnull", True)),
                fields=["situation", "-id"],
                name="runtime_pages_of_situation",
            ),
        ),
        migrations.RunSQL(WORDS, "DROP INDEX runtime_by_words"),
        migrations.RunSQL(FORWARD, BACKWARD),
        migrations.RunSQL("REVOKE ALL ON runtimes_fleetcount FROM nesoi_web", migrations.RunSQL.noop),
    ]
