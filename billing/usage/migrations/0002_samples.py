"""The samples' table: one partition a day, made and dropped by functions, for only the tables' owner may do that."""

from django.db import migrations

TABLE = """
CREATE TABLE usage_sample (
    slot timestamptz NOT NULL,
    reported_at timestamptz NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT now(),
    egress_bytes bigint NOT NULL,
    source int NOT NULL,
    shape int NOT NULL,
    components int NOT NULL,
    workload_requested_millicores int NOT NULL,
    workload_requested_mib int NOT NULL,
    platform_requested_millicores int NOT NULL,
    platform_requested_mib int NOT NULL,
    workload_used_millicores int,
    workload_used_mib int,
    platform_used_millicores int,
    platform_used_mib int,
    epoch smallint NOT NULL,
    origin smallint NOT NULL,
    -- Exactly once: what a second sender says of the same slot is a duplicate or a conflict.
    PRIMARY KEY (slot, source, epoch)
) PARTITION BY RANGE (slot)
"""

# Attached, not created in place: a new partition locks nobody out. Web requests reach samples through a function only.
MAKE = """
CREATE FUNCTION usage_make_partition(day date) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, {schema}, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    name text := 'usage_sample_' || to_char(day, 'YYYYMMDD');
BEGIN
    IF day < date '2020-01-01' OR day > current_date + 31 THEN
        RAISE EXCEPTION 'usage_make_partition: % is no day of samples', day;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('usage partitions'));
    IF to_regclass('{schema}.' || name) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE {schema}.%I (LIKE usage_sample INCLUDING ALL)', name);
    EXECUTE format('REVOKE ALL ON {schema}.%I FROM nesoi_web', name);
    EXECUTE format('ALTER TABLE usage_sample ATTACH PARTITION {schema}.%I FOR VALUES FROM (%L) TO (%L)',
        name, day::timestamptz, (day + 1)::timestamptz);
    RETURN true;
END $$
"""

# Dropping locks the whole table for a moment: it waits two seconds for that, else the next tick tries again.
DROP = """
CREATE FUNCTION usage_drop_partition(day date) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, {schema}, pg_temp SET timezone = 'UTC' SET lock_timeout = '2s' AS $$
DECLARE
    name text := 'usage_sample_' || to_char(day, 'YYYYMMDD');
BEGIN
    IF day >= current_date - 1 THEN
        RAISE EXCEPTION 'usage_drop_partition: % is too new to go', day;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('usage partitions'));
    IF to_regclass('{schema}.' || name) IS NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('DROP TABLE {schema}.%I', name);
    RETURN true;
END $$
"""

RIGHTS = """
REVOKE ALL ON FUNCTION usage_make_partition, usage_drop_partition FROM PUBLIC;
GRANT EXECUTE ON FUNCTION usage_make_partition, usage_drop_partition TO nesoi_worker;
"""

BACK = """
DROP FUNCTION usage_make_partition;
DROP FUNCTION usage_drop_partition;
DROP TABLE usage_sample;
"""


def forward(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_schema())")
        (schema,) = cursor.fetchone()
        cursor.execute(TABLE)
        cursor.execute(MAKE.replace("{schema}", schema))
        cursor.execute(DROP.replace("{schema}", schema))
        cursor.execute(RIGHTS)


def backward(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(BACK)


class Migration(migrations.Migration):
    """A new table, without any partition yet."""

    dependencies = [("usage", "0001_initial")]

    operations = [migrations.RunPython(forward, backward)]
