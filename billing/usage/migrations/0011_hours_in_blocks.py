"""Hours in blocks: one row an hour and 64 neighbouring sources, in place of one an hour, source, span and shape.

What `billing.usage.packed_hours` says in Python is said here in SQL: records of 108 bytes, big-endian, by key. The view keeps the
columns that an hour had, for those who read a whole hour; whose hours are asked for by tenant has `usage_hours_of`, which opens
the records of one source and no others.

Atomic, and a deploy stops for it: readers and writers of hours wait, some twenty seconds for a month of a thousand runtimes. Where
it can't have the lock within five seconds it gives up and changes nothing. Code of before this migration can't make hours
afterwards: what it would have made stays marked, and is made by the code that comes.
"""

from django.db import migrations

from billing.usage.protection import HideFromTenants
from controlplane.tenants.isolation.functions import CreateFunctionAcrossTenants
from controlplane.tenants.isolation.policies import ProtectChildRows

SECONDS = ("observed_seconds", "inferred_seconds", "unknown_seconds", "used_seconds")
SUMS = (
    "workload_requested_millicores",
    "workload_requested_mib",
    "platform_requested_millicores",
    "platform_requested_mib",
    "workload_used_millicores",
    "workload_used_mib",
    "platform_used_millicores",
    "platform_used_mib",
    "egress_bytes",
)
# Name, bytes; the columns of before were four or eight bytes wide.
FIELDS = (
    ("source", 4),
    ("span", 8),
    ("shape", 4),
    ("revision", 4),
    ("rolled_at", 8),
    *((name, 2) for name in SECONDS),
    *((name, 8) for name in SUMS),
)
WIDTH = sum(size for _, size in FIELDS)
COLUMNS = ("source", "span", "shape", *SECONDS, *SUMS, "revision", "rolled_at")

# As a rule all of a row lies in one page: its records are put elsewhere only where they don't fit. Packed numbers don't shrink.
TABLE = """
CREATE TABLE usage_hour_block (
    hour timestamptz NOT NULL,
    block int NOT NULL,
    hours bytea STORAGE EXTERNAL NOT NULL,
    places bytea STORAGE PLAIN NOT NULL,
    gappy bytea STORAGE EXTERNAL NOT NULL,
    -- Each hour of a source lies in one place.
    PRIMARY KEY (hour, block),
    -- Whole records, and a place for each source and for the end. What a record may hold is looked at where it is packed: a look
    -- at each from here would take as long as making the hours.
    CONSTRAINT usage_hour_block_is_whole CHECK (octet_length(hours) % 108 = 0 AND octet_length(places) = 130
        AND octet_length(gappy) % 4 = 0 AND octet_length(gappy) <= 256),
    -- The last place is the number of records.
    CONSTRAINT usage_hour_block_has_its_places CHECK (substr(places, 129, 2) = substr(int4send(octet_length(hours) / 108), 3, 2))
) PARTITION BY RANGE (hour)
"""
OLD_TABLE = """
CREATE TABLE usage_hour_rows (
    observed_seconds bigint NOT NULL, inferred_seconds bigint NOT NULL, unknown_seconds bigint NOT NULL,
    used_seconds bigint NOT NULL, workload_requested_millicores bigint NOT NULL, workload_requested_mib bigint NOT NULL,
    workload_used_millicores bigint NOT NULL, workload_used_mib bigint NOT NULL, platform_requested_millicores bigint NOT NULL,
    platform_requested_mib bigint NOT NULL, platform_used_millicores bigint NOT NULL, platform_used_mib bigint NOT NULL,
    egress_bytes bigint NOT NULL, hour timestamptz NOT NULL, source int NOT NULL, span bigint NOT NULL, shape int NOT NULL,
    revision int NOT NULL, rolled_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    CONSTRAINT usage_hour_seconds_are_known_or_not CHECK (inferred_seconds >= 0 AND observed_seconds >= 0 AND unknown_seconds >= 0
        AND (inferred_seconds = 0 AND observed_seconds = 0 AND shape = 0 AND unknown_seconds > 0
            OR NOT shape = 0 AND unknown_seconds = 0)),
    PRIMARY KEY (hour, source, span, shape)
) PARTITION BY RANGE (hour)
"""
OLD_INDEX = "CREATE INDEX usage_hour_gaps ON usage_hour (hour, source) WHERE shape = 0 OR inferred_seconds > 0"


def _unpacked(part):
    """Return the SQL of the columns of record `i` of a part, in order."""
    found, at = {}, 1
    for name, size in FIELDS:
        number = f"substr({part}, {WIDTH} * i + {at}, {size})::int{size}"
        if name in SECONDS:
            number += "::bigint"
        if name == "rolled_at":
            number = f"timestamptz '2000-01-01 00:00:00+00' + {number} * interval '1 microsecond'"
        found[name] = number
        at += size
    return ", ".join(f"{found[name]} AS {name}" for name in COLUMNS)


# A block is fetched once for all its records.
VIEW = f"""
CREATE VIEW usage_hour WITH (security_invoker = true) AS
SELECT b.hour, {_unpacked("x.hours")}, b.block
FROM usage_hour_block b
CROSS JOIN LATERAL (SELECT b.hours || ''::bytea AS hours OFFSET 0) x
CROSS JOIN LATERAL generate_series(0, octet_length(b.hours) / {WIDTH} - 1) i
"""

# A tenant's hours of [first, last), of all its runtimes or of one. Blocks hold many tenants' hours, so nobody but this looks into
# one for a tenant: within a web request's role it answers the scope's own tenant only.
HOURS_OF = f"""
SELECT b.hour, {_unpacked("x.hours")}, b.block
FROM usage_span p
CROSS JOIN LATERAL generate_series(greatest(first, date_trunc('hour', p.since, 'UTC')),
    least(last, p.until) - interval '1 microsecond', interval '1 hour') t (hour)
JOIN usage_hour_block b ON b.hour = t.hour AND b.block = p.source / 64 AND b.hour >= first AND b.hour < last
CROSS JOIN LATERAL (
    SELECT substr(b.places, p.source % 64 * 2 + 1, 2)::int2::int & 65535 AS at,
        substr(b.places, p.source % 64 * 2 + 3, 2)::int2::int & 65535 AS until OFFSET 0
) o
CROSS JOIN LATERAL (SELECT substr(b.hours, {WIDTH} * o.at + 1, {WIDTH} * (o.until - o.at)) AS hours OFFSET 0) x
CROSS JOIN LATERAL generate_series(0, o.until - o.at - 1) i
WHERE p.tenant_id = of_tenant AND (of_runtime IS NULL OR p.runtime = of_runtime)
    AND p.since < last AND (p.until IS NULL OR p.until > first)
    AND (p.tenant_id = nullif(current_setting('nesoi.tenant_id', true), '')::uuid OR current_setting('role') <> 'nesoi_web')
    AND substr(x.hours, {WIDTH} * i + 5, 8)::int8 = p.id
"""

_PACKED = " || ".join(
    f"int{size}send(("
    + ("(extract(epoch FROM rolled_at) * 1000000)::bigint - 946684800000000" if name == "rolled_at" else name)
    + f")::int{size})"
    for name, size in FIELDS
)
# Where each source's records begin: as many as there are of the sources before it.
MOVE = f"""
INSERT INTO usage_hour_block (hour, block, hours, places, gappy)
SELECT b.hour, b.block, b.hours, p.places, b.gappy
FROM (
    SELECT hour, source / 64 AS block, string_agg({_PACKED}, ''::bytea ORDER BY source, span, shape) AS hours,
        coalesce(string_agg(DISTINCT int4send(source), ''::bytea) FILTER (WHERE shape = 0 OR inferred_seconds > 0), '') AS gappy,
        array_agg(source % 64) AS sources
    FROM usage_hour_rows GROUP BY hour, source / 64
) b
CROSS JOIN LATERAL (
    SELECT string_agg(substr(int4send(before::int), 3, 2), ''::bytea ORDER BY at) AS places
    FROM (
        SELECT at, sum(count(s)) OVER (ORDER BY at) - count(s) AS before
        FROM generate_series(0, 64) at LEFT JOIN unnest(b.sources) s ON s = at GROUP BY at
    ) c
) p
"""
MOVE_BACK = f"INSERT INTO usage_hour_rows (hour, {', '.join(COLUMNS)}) SELECT hour, {', '.join(COLUMNS)} FROM usage_hour"

# As before, of the table's new name; no partition holds more than a month any longer.
MAKE = """
CREATE OR REPLACE FUNCTION usage_make_hours(of_hour timestamptz) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, {schema}, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    first timestamptz := date_trunc('month', of_hour);
    name text := '{table}_' || to_char(of_hour, 'YYYYMM');
BEGIN
    IF to_regclass('{schema}.' || name) IS NOT NULL THEN
        RETURN false;
    END IF;
    IF of_hour < timestamptz '2020-01-01' OR of_hour > now() + interval '31 days' THEN
        RAISE EXCEPTION 'usage_make_hours: % is no time of usage', of_hour;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('usage partitions'));
    -- Asked of the catalog itself: who waited for the lock would not learn from to_regclass what was made meanwhile.
    IF EXISTS (SELECT FROM pg_class c WHERE c.relname::text = name AND c.relnamespace = '{schema}'::regnamespace) THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE {schema}.%I (LIKE {table} INCLUDING ALL) WITH ({how})', name);
    EXECUTE format('REVOKE ALL ON {schema}.%I FROM nesoi_web', name);
    EXECUTE format('ALTER TABLE {table} ATTACH PARTITION {schema}.%I FOR VALUES FROM (%L) TO (%L)',
        name, first, first + interval '1 month');
    RETURN true;
END $$
"""
PARTITIONS = """
CREATE OR REPLACE FUNCTION usage_hour_partitions() RETURNS TABLE (name text, until timestamptz) LANGUAGE sql STABLE
    SET search_path = pg_catalog, {schema}, pg_temp SET timezone = 'UTC' AS $$
    SELECT c.relname::text, substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \\(''([^'']+)''\\)')::timestamptz
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = '{schema}.{table}'::regclass
$$
"""
# A partition for each month in which there are hours, whatever held them.
MONTHS = """
DO $$
DECLARE
    month timestamptz;
BEGIN
    SET LOCAL timezone = 'UTC';
    FOR month IN SELECT DISTINCT date_trunc('month', hour) FROM {old} LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF {new} FOR VALUES FROM (%L) TO (%L) WITH ({how})',
            '{prefix}_' || to_char(month, 'YYYYMM'), month, month + interval '1 month');
        EXECUTE format('REVOKE ALL ON %I FROM nesoi_web', '{prefix}_' || to_char(month, 'YYYYMM'));
    END LOOP;
END $$
"""
# Of a partition: rows of up to a page, or room for rows to change.
WHOLE, ROOM = "toast_tuple_target = 8160", "fillfactor = 80"
RIGHTS = "REVOKE INSERT, UPDATE, DELETE ON {table} FROM nesoi_web"
PROTECTION = ProtectChildRows("usage_hour", "span", parent="usage_span")


def _run(schema_editor, statements):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_schema())")
        (schema,) = cursor.fetchone()
        for statement in statements:
            cursor.execute(statement.replace("{schema}", schema))


def forward(apps, schema_editor):
    _run(
        schema_editor,
        [
            "SET LOCAL lock_timeout = '5s'",
            "LOCK TABLE usage_hour IN ACCESS EXCLUSIVE MODE",
            TABLE,
            MONTHS.format(old="usage_hour", new="usage_hour_block", prefix="usage_hour_block", how=WHOLE),
            "ALTER TABLE usage_hour RENAME TO usage_hour_rows",
            "SET LOCAL work_mem = '256MB'",
            MOVE,
            "DROP TABLE usage_hour_rows",
            VIEW,
            RIGHTS.format(table="usage_hour"),
            RIGHTS.format(table="usage_hour_block"),
            PARTITIONS.replace("{table}", "usage_hour_block"),
            MAKE.replace("{table}", "usage_hour_block").replace("{how}", WHOLE),
        ],
    )
    HideFromTenants("usage_hour_block").database_forwards("usage", schema_editor, None, None)


def backward(apps, schema_editor):
    _run(
        schema_editor,
        [
            "SET LOCAL lock_timeout = '5s'",
            "LOCK TABLE usage_hour_block IN ACCESS EXCLUSIVE MODE",
            OLD_TABLE,
            MONTHS.format(old="usage_hour_block", new="usage_hour_rows", prefix="usage_hour", how=ROOM),
            MOVE_BACK,
            "DROP VIEW usage_hour",
            "DROP TABLE usage_hour_block",
            "ALTER TABLE usage_hour_rows RENAME TO usage_hour",
            "ALTER INDEX usage_hour_rows_pkey RENAME TO usage_hour_pkey",
            OLD_INDEX,
            RIGHTS.format(table="usage_hour"),
            PARTITIONS.replace("{table}", "usage_hour"),
            MAKE.replace("{table}", "usage_hour").replace("{how}", ROOM),
        ],
    )
    PROTECTION.database_forwards("usage", schema_editor, None, None)


class Migration(migrations.Migration):
    """Copies every hour; see above for what it locks."""

    dependencies = [("usage", "0010_slots_in_blocks")]

    operations = [
        migrations.RunPython(forward, backward),
        CreateFunctionAcrossTenants(
            "usage_hours_of(of_tenant uuid, first timestamptz, last timestamptz, of_runtime uuid DEFAULT NULL)",
            "SETOF usage_hour",
            HOURS_OF,
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveConstraint("hour", "usage_hour_seconds_are_known_or_not"),
                migrations.AlterModelOptions("hour", {"managed": False}),
                migrations.AlterModelTable("hour", "usage_hour"),
            ]
        ),
    ]
