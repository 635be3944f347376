"""The trigger that keeps each runtime's spans, and the spans of runtimes that were there before.

A trigger, because a runtime's row is written by many. It looks at the clock after it holds the row, so that one runtime's spans
never run back; within a second the last state counts. It works as the owner: who orders a runtime may not write usage.
"""

from django.db import migrations

FOLLOW = """
CREATE FUNCTION usage_follow_runtime() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, {schema}, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    is_alive boolean := TG_OP <> 'DELETE' AND NEW.deleted_at IS NULL;
    cut timestamptz := date_trunc('second', clock_timestamp());
    of_source int;
    open_id bigint;
    open_since timestamptz;
BEGIN
    IF TG_OP = 'INSERT' THEN
        cut := least(date_trunc('second', NEW.created_at), cut);
        INSERT INTO usage_source (runtime, born) VALUES (NEW.id, cut) ON CONFLICT (runtime) DO NOTHING;
        SELECT id INTO of_source FROM usage_source WHERE runtime = NEW.id;
        IF NOT is_alive AND NEW.deleted_at > cut THEN
            INSERT INTO usage_span (source, runtime, tenant_id, account, plan, region, provider, phase, since, until)
            VALUES (of_source, NEW.id, NEW.tenant_id, NEW.account_id, NEW.plan_id, NEW.region,
                coalesce(NEW.cluster_spec ->> 'provider', ''), 'ready', cut, date_trunc('second', NEW.deleted_at) + interval '1 second');
        END IF;
    ELSE
        SELECT id INTO of_source FROM usage_source WHERE runtime = OLD.id;
        IF TG_OP = 'UPDATE' AND NOT is_alive THEN
            cut := least(date_trunc('second', NEW.deleted_at), cut);
        END IF;
    END IF;
    SELECT id, since INTO open_id, open_since FROM usage_span WHERE source = of_source AND until IS NULL;
    cut := greatest(cut, (SELECT max(coalesce(until, since)) FROM usage_span WHERE source = of_source));
    IF open_since = cut THEN
        DELETE FROM usage_span WHERE id = open_id;
    ELSIF open_id IS NOT NULL THEN
        UPDATE usage_span SET until = cut WHERE id = open_id;
    END IF;
    IF is_alive THEN
        INSERT INTO usage_span (source, runtime, tenant_id, account, plan, region, provider, phase, since)
        VALUES (of_source, NEW.id, NEW.tenant_id, NEW.account_id, NEW.plan_id, NEW.region,
            coalesce(NEW.cluster_spec ->> 'provider', ''), NEW.phase, cut);
        UPDATE usage_source SET gone = NULL WHERE id = of_source AND gone IS NOT NULL;
    ELSE
        UPDATE usage_source SET gone = cut WHERE id = of_source AND gone IS NULL;
    END IF;
    INSERT INTO usage_dirty (hour, sources)
    SELECT hour, ARRAY[of_source] FROM generate_series(date_trunc('hour', cut), clock_timestamp(), interval '1 hour') hour;
    RETURN NULL;
END $$
"""

TRIGGERS = """
REVOKE ALL ON FUNCTION usage_follow_runtime FROM PUBLIC;
CREATE TRIGGER usage_begin AFTER INSERT ON runtimes_runtime FOR EACH ROW EXECUTE FUNCTION usage_follow_runtime();
CREATE TRIGGER usage_follow
    AFTER UPDATE OF tenant_id, account_id, plan_id, region, phase, deleted_at ON runtimes_runtime
    FOR EACH ROW WHEN ((OLD.tenant_id, OLD.account_id, OLD.plan_id, OLD.region, OLD.phase, OLD.deleted_at)
        IS DISTINCT FROM (NEW.tenant_id, NEW.account_id, NEW.plan_id, NEW.region, NEW.phase, NEW.deleted_at))
    EXECUTE FUNCTION usage_follow_runtime();
CREATE TRIGGER usage_end AFTER DELETE ON runtimes_runtime
    FOR EACH ROW WHEN (OLD.deleted_at IS NULL) EXECUTE FUNCTION usage_follow_runtime();
"""

# What lives longer than we count has one span of what it is now, since its creation.
FILL = """
INSERT INTO usage_source (runtime, born, gone)
SELECT id, date_trunc('second', created_at), date_trunc('second', deleted_at) FROM runtimes_runtime ORDER BY id
ON CONFLICT (runtime) DO NOTHING;
INSERT INTO usage_span (source, runtime, tenant_id, account, plan, region, provider, phase, since, until)
SELECT s.id, r.id, r.tenant_id, r.account_id, r.plan_id, r.region, coalesce(r.cluster_spec ->> 'provider', ''),
    CASE WHEN s.gone IS NULL THEN r.phase ELSE 'ready' END, s.born, s.gone
FROM runtimes_runtime r JOIN usage_source s ON s.runtime = r.id
WHERE (s.gone IS NULL OR s.gone > s.born) AND NOT EXISTS (SELECT FROM usage_span p WHERE p.source = s.id)
ORDER BY s.id;
"""

BACK = """
DROP TRIGGER usage_end ON runtimes_runtime;
DROP TRIGGER usage_follow ON runtimes_runtime;
DROP TRIGGER usage_begin ON runtimes_runtime;
DROP FUNCTION usage_follow_runtime;
"""


def forward(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_schema())")
        (schema,) = cursor.fetchone()
        cursor.execute(FOLLOW.replace("{schema}", schema))
        cursor.execute(TRIGGERS)
        cursor.execute(FILL)


def backward(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(BACK)


class Migration(migrations.Migration):
    """The runtimes' table is locked for a moment; what is written to it meanwhile waits."""

    dependencies = [("usage", "0002_samples"), ("runtimes", "0006_account_and_tenant")]

    operations = [migrations.RunPython(forward, backward)]
