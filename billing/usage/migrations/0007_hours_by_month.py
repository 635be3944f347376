"""Hours in one partition a month, so that old ones go at once; the table of before becomes the first of them as it is.

By month and not by day: statements need whole months, and every statement that names no time is planned for each partition.
"""

from django.db import migrations

from controlplane.tenants.isolation.policies import ProtectChildRows

PROTECTION = ProtectChildRows("usage_hour", "span", parent="usage_span")

SPLIT = """
DO $$
DECLARE
    reach timestamptz := substring(pg_get_constraintdef(oid) from '''([^'']+)''')::timestamptz
        FROM pg_constraint WHERE conrelid = 'usage_hour'::regclass AND conname = 'usage_hour_before';
BEGIN
    ALTER TABLE usage_hour RENAME TO usage_hour_before;
    ALTER INDEX usage_hour_pkey RENAME TO usage_hour_before_pkey;
    ALTER INDEX usage_hour_gaps RENAME TO usage_hour_before_gaps;
    CREATE TABLE usage_hour (LIKE usage_hour_before INCLUDING DEFAULTS INCLUDING CONSTRAINTS)
        PARTITION BY RANGE (hour);
    ALTER TABLE usage_hour ADD PRIMARY KEY (hour, source, span, shape);
    CREATE INDEX usage_hour_gaps ON usage_hour (hour, source) WHERE shape = 0 OR inferred_seconds > 0;
    ALTER TABLE usage_hour DROP CONSTRAINT usage_hour_before;
    IF EXISTS (SELECT FROM usage_hour_before) THEN
        EXECUTE format('ALTER TABLE usage_hour ATTACH PARTITION usage_hour_before FOR VALUES FROM (MINVALUE) TO (%L)', reach);
        REVOKE ALL ON usage_hour_before FROM nesoi_web;
    ELSE
        DROP TABLE usage_hour_before;
    END IF;
END $$
"""
RIGHTS = "REVOKE INSERT, UPDATE, DELETE ON usage_hour FROM nesoi_web"

# Where nothing holds a month yet. An hour that goes on is written again with each slot: room on its page keeps that out of the
# index. Attached, not created in place: a new partition locks nobody out.
MAKE = """
CREATE FUNCTION usage_make_hours(of_hour timestamptz) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, {schema}, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    first timestamptz := date_trunc('month', of_hour);
    name text := 'usage_hour_' || to_char(of_hour, 'YYYYMM');
BEGIN
    IF to_regclass('{schema}.' || name) IS NOT NULL THEN
        RETURN false;
    END IF;
    IF of_hour < timestamptz '2020-01-01' OR of_hour > now() + interval '31 days' THEN
        RAISE EXCEPTION 'usage_make_hours: % is no time of usage', of_hour;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('usage partitions'));
    IF to_regclass('{schema}.' || name) IS NOT NULL OR EXISTS (SELECT FROM usage_hour_partitions() p WHERE p.until > first
        AND p.name = 'usage_hour_before') THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE {schema}.%I (LIKE usage_hour INCLUDING ALL) WITH (fillfactor = 80)', name);
    EXECUTE format('REVOKE ALL ON {schema}.%I FROM nesoi_web', name);
    EXECUTE format('ALTER TABLE usage_hour ATTACH PARTITION {schema}.%I FOR VALUES FROM (%L) TO (%L)',
        name, first, first + interval '1 month');
    RETURN true;
END $$
"""
PARTITIONS = """
CREATE FUNCTION usage_hour_partitions() RETURNS TABLE (name text, until timestamptz) LANGUAGE sql STABLE
    SET search_path = pg_catalog, {schema}, pg_temp SET timezone = 'UTC' AS $$
    SELECT c.relname::text, substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \\(''([^'']+)''\\)')::timestamptz
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = '{schema}.usage_hour'::regclass
$$
"""

# Dropping locks the whole table for a moment: it waits two seconds for that, else the next tick tries again.
DROP = """
CREATE FUNCTION usage_drop_hours(keep date) RETURNS int LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, {schema}, pg_temp SET timezone = 'UTC' SET lock_timeout = '2s' AS $$
DECLARE
    old text;
    dropped int := 0;
BEGIN
    IF keep > current_date - 31 THEN
        RAISE EXCEPTION 'usage_drop_hours: % is too new to go', keep;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('usage partitions'));
    FOR old IN SELECT p.name FROM usage_hour_partitions() p WHERE p.until <= keep LOOP
        EXECUTE format('DROP TABLE {schema}.%I', old);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END $$
"""
CALLERS = """
REVOKE ALL ON FUNCTION usage_make_hours, usage_drop_hours, usage_hour_partitions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION usage_make_hours, usage_drop_hours TO nesoi_worker;
"""

JOIN = """
DROP FUNCTION usage_make_hours;
DROP FUNCTION usage_drop_hours;
DROP FUNCTION usage_hour_partitions;
CREATE TABLE usage_hour_plain (LIKE usage_hour INCLUDING DEFAULTS INCLUDING CONSTRAINTS) WITH (fillfactor = 80);
INSERT INTO usage_hour_plain SELECT * FROM usage_hour;
DROP TABLE usage_hour;
ALTER TABLE usage_hour_plain RENAME TO usage_hour;
ALTER TABLE usage_hour ADD PRIMARY KEY (hour, source, span, shape);
CREATE INDEX usage_hour_gaps ON usage_hour (hour, source) WHERE shape = 0 OR inferred_seconds > 0;
"""


def forward(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_schema())")
        (schema,) = cursor.fetchone()
        cursor.execute(SPLIT)
        for statement in (PARTITIONS, MAKE, DROP):
            cursor.execute(statement.replace("{schema}", schema))
        cursor.execute(CALLERS)
        cursor.execute(RIGHTS)
    PROTECTION.database_forwards("usage", schema_editor, None, None)


def backward(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(JOIN)
        cursor.execute(RIGHTS)
    PROTECTION.database_forwards("usage", schema_editor, None, None)


class Migration(migrations.Migration):
    """The hours' table is locked for a moment; going back copies it."""

    dependencies = [("usage", "0006_hours_reach")]

    operations = [migrations.RunPython(forward, backward)]
