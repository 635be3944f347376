"""Samples in blocks: one row a slot and 512 neighbouring sources, in place of one a slot and source.

What `billing.usage.packed` says in Python is said here in SQL: fields of n records, one after the other, big-endian. The view
keeps the columns that a sample had; who looks for a few sources names their blocks too, and opens one row a slot.

Atomic, and a deploy stops for it: writers wait from its first statement to the end and readers from the drop on, some five
seconds for each day of ten thousand runtimes. Where it can't have the lock within five seconds it gives up and changes
nothing. Code of before this migration can't write afterwards: stop the collectors first; what they miss is unknown time, and
what their sources still know is brought in afterwards.
"""

from django.db import migrations

from billing.usage.protection import HideFromTenants
from controlplane.tenants.isolation.functions import ReplaceFunctionAcrossTenants

BLOCK_SIZE = 512
GAUGES = (
    "workload_requested_millicores",
    "workload_requested_mib",
    "platform_requested_millicores",
    "platform_requested_mib",
    "workload_used_millicores",
    "workload_used_mib",
    "platform_used_millicores",
    "platform_used_mib",
)
USED = GAUGES[4:]
# Name, bytes.
SAMPLES = (("source", 4), ("shape", 4), *((name, 4) for name in GAUGES), ("egress_bytes", 8), ("epoch", 2))
EVIDENCE = (("reported_at", 8), ("stored_at", 8), ("components", 4), ("origin", 2))
SAMPLES_WIDTH, EVIDENCE_WIDTH = 50, 22
TIMES = ("reported_at", "stored_at")

# Keys ascend, each once: a second sample of a slot and source can't lie in a block, whoever writes it.
ASCENDS = """
CREATE FUNCTION usage_keys_ascend(samples bytea) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp AS $$
    SELECT NOT EXISTS (
        SELECT FROM (SELECT octet_length(samples) / 50 AS n) x, generate_series(1, n - 1) i
        WHERE substr(samples, 4 * i - 3, 4) >= substr(samples, 4 * i + 1, 4)
            AND (substr(samples, 4 * i - 3, 4) > substr(samples, 4 * i + 1, 4)
                OR substr(samples, 48 * n + 2 * i - 1, 2) >= substr(samples, 48 * n + 2 * i + 1, 2))
    )
$$
"""

# Packed numbers don't shrink, and what is kept as it is can be read in part.
TABLE = """
CREATE TABLE usage_slot (
    slot timestamptz NOT NULL,
    block int NOT NULL,
    samples bytea STORAGE EXTERNAL NOT NULL,
    evidence bytea STORAGE EXTERNAL NOT NULL,
    PRIMARY KEY (slot, block),
    -- Whole records, as many in both parts.
    CONSTRAINT usage_slot_is_whole CHECK (octet_length(samples) > 0 AND octet_length(samples) % 50 = 0
        AND octet_length(evidence) * 50 = octet_length(samples) * 22),
    -- Exactly once: what a second sender says of the same slot is a duplicate or a conflict.
    CONSTRAINT usage_slot_keys_ascend CHECK (usage_keys_ascend(samples)),
    -- The first and the last source lie in the block, so those between do.
    CONSTRAINT usage_slot_of_its_block CHECK (substr(samples, 1, 4)::int4 / 512 = block
        AND substr(samples, octet_length(samples) / 50 * 4 - 3, 4)::int4 / 512 = block)
) PARTITION BY RANGE (slot)
"""
OLD_TABLE = """
CREATE TABLE usage_sample (
    slot timestamptz NOT NULL, reported_at timestamptz NOT NULL, stored_at timestamptz NOT NULL DEFAULT now(),
    egress_bytes bigint NOT NULL, source int NOT NULL, shape int NOT NULL, components int NOT NULL,
    workload_requested_millicores int NOT NULL, workload_requested_mib int NOT NULL,
    platform_requested_millicores int NOT NULL, platform_requested_mib int NOT NULL,
    workload_used_millicores int, workload_used_mib int, platform_used_millicores int, platform_used_mib int,
    epoch smallint NOT NULL, origin smallint NOT NULL,
    PRIMARY KEY (slot, source, epoch)
) PARTITION BY RANGE (slot)
"""


def _unpacked(part, fields):
    """Return, by name, the SQL of a field of record `i` of the `n` in a part."""
    found, at = {}, 0
    for name, size in fields:
        kind = {2: "int2", 4: "int4", 8: "int8"}[size]
        number = f"substr(x.{part}, {at} * x.n + {size} * i + 1, {size})::{kind}"
        if name in USED:
            number = f"nullif({number}, -1)"
        if name in TIMES:
            number = f"timestamptz '2000-01-01 00:00:00+00' + {number} * interval '1 microsecond'"
        found[name] = number
        at += size
    return found


FIELDS = _unpacked("samples", SAMPLES) | _unpacked("evidence", EVIDENCE)
COLUMNS = ("reported_at", "stored_at", "egress_bytes", "source", "shape", "components", *GAUGES, "epoch", "origin")

# A block is fetched once for all its records, and its evidence only where somebody asks for it.
VIEW = f"""
CREATE VIEW usage_sample WITH (security_invoker = true) AS
SELECT b.slot, {", ".join(f"{FIELDS[name]} AS {name}" for name in COLUMNS)}, b.block
FROM usage_slot b
CROSS JOIN LATERAL (
    SELECT b.samples || ''::bytea AS samples, b.evidence || ''::bytea AS evidence,
        octet_length(b.samples) / {SAMPLES_WIDTH} AS n OFFSET 0
) x
CROSS JOIN LATERAL generate_series(0, x.n - 1) i
"""


def _packed(fields):
    parts = []
    for name, size in fields:
        send = {2: "int2send", 4: "int4send", 8: "int8send"}[size]
        number = f"coalesce({name}, -1)" if name in USED else name
        if name in TIMES:
            number = f"(extract(epoch FROM {name}) * 1000000)::bigint - 946684800000000"
        parts.append(f"string_agg({send}(({number})::int{size}), ''::bytea ORDER BY source, epoch)")
    return " || ".join(parts)


MOVE = f"""
INSERT INTO usage_slot (slot, block, samples, evidence)
SELECT slot, source / {BLOCK_SIZE}, {_packed(SAMPLES)}, {_packed(EVIDENCE)}
FROM {{old}} GROUP BY slot, source / {BLOCK_SIZE}
"""
MOVE_BACK = f"INSERT INTO usage_sample_rows (slot, {', '.join(COLUMNS)}) SELECT slot, {', '.join(COLUMNS)} FROM usage_sample"

# Attached, not created in place: a new partition locks nobody out. Web requests reach samples through a function only.
MAKE = """
CREATE OR REPLACE FUNCTION usage_make_partition(day date) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, {schema}, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    name text := '{table}_' || to_char(day, 'YYYYMMDD');
BEGIN
    IF day < date '2020-01-01' OR day > current_date + 31 THEN
        RAISE EXCEPTION 'usage_make_partition: % is no day of samples', day;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('usage partitions'));
    -- Not by to_regclass: what it remembers from before the lock it says again.
    IF EXISTS (SELECT FROM pg_class c WHERE c.relname::text = name AND c.relnamespace = '{schema}'::regnamespace) THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE {schema}.%I (LIKE {table} INCLUDING ALL)', name);
    EXECUTE format('REVOKE ALL ON {schema}.%I FROM nesoi_web', name);
    EXECUTE format('ALTER TABLE {table} ATTACH PARTITION {schema}.%I FOR VALUES FROM (%L) TO (%L)',
        name, day::timestamptz, (day + 1)::timestamptz);
    RETURN true;
END $$
"""

# Dropping locks the whole table for a moment: it waits two seconds for that, else the next tick tries again.
DROP = """
CREATE OR REPLACE FUNCTION usage_drop_partition(day date) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, {schema}, pg_temp SET timezone = 'UTC' SET lock_timeout = '2s' AS $$
DECLARE
    name text := '{table}_' || to_char(day, 'YYYYMMDD');
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

# A partition for each day that has one, by the redefined function's way but without its bounds: old days are kept as they are.
PARTITIONS = """
DO $$
DECLARE
    day date;
BEGIN
    FOR day IN SELECT to_date(right(c.relname, 8), 'YYYYMMDD') FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = '{old}'::regclass LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF {new} FOR VALUES FROM (%L) TO (%L)', '{prefix}' || to_char(day, 'YYYYMMDD'),
            day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC');
        EXECUTE format('REVOKE ALL ON %I FROM nesoi_web', '{prefix}' || to_char(day, 'YYYYMMDD'));
    END LOOP;
END $$
"""

# One hour of one runtime, as far as it was the asking tenant's; without a tenant's scope nothing.
SAMPLES_OF_HOUR = """
SELECT s.slot, s.epoch, s.origin, s.reported_at, s.stored_at, s.shape, p.since, p.until,
    to_jsonb(s) - ARRAY['slot', 'epoch', 'origin', 'reported_at', 'stored_at', 'shape', 'source', 'components'{more}]
FROM usage_span p
JOIN usage_sample s ON s.source = p.source AND s.slot >= of_hour AND s.slot < of_hour + interval '1 hour'{block}
    AND s.slot + slot_length > p.since AND s.slot < coalesce(p.until, 'infinity')
WHERE p.runtime = of_runtime AND p.tenant_id = nullif(current_setting('nesoi.tenant_id', true), '')::uuid
    AND p.since < of_hour + interval '1 hour' AND coalesce(p.until, 'infinity') > of_hour
"""
RIGHTS = "REVOKE INSERT, UPDATE, DELETE ON {table} FROM nesoi_web"


def _run(schema_editor, statements):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_schema())")
        (schema,) = cursor.fetchone()
        for statement in statements:
            cursor.execute(statement.replace("{schema}", schema))


def forward(apps, schema_editor):
    names = {"old": "usage_sample_rows", "new": "usage_slot", "prefix": "usage_slot_"}
    _run(
        schema_editor,
        [
            "SET LOCAL lock_timeout = '5s'",
            "LOCK TABLE usage_sample IN SHARE ROW EXCLUSIVE MODE",
            ASCENDS,
            TABLE,
            RIGHTS.format(table="usage_slot"),
            PARTITIONS.format(**{**names, "old": "usage_sample"}),
            "SET LOCAL work_mem = '256MB'",
            MOVE.format(old="usage_sample"),
            "DROP TABLE usage_sample",
            VIEW,
            RIGHTS.format(table="usage_sample"),
            MAKE.replace("{table}", "usage_slot"),
            DROP.replace("{table}", "usage_slot"),
        ],
    )
    HideFromTenants("usage_slot").database_forwards("usage", schema_editor, None, None)


def backward(apps, schema_editor):
    names = {"old": "usage_slot", "new": "usage_sample_rows", "prefix": "usage_sample_"}
    _run(
        schema_editor,
        [
            "SET LOCAL lock_timeout = '5s'",
            "LOCK TABLE usage_slot IN SHARE ROW EXCLUSIVE MODE",
            OLD_TABLE.replace("TABLE usage_sample", "TABLE usage_sample_rows"),
            PARTITIONS.format(**names),
            MOVE_BACK,
            "DROP VIEW usage_sample",
            "DROP TABLE usage_slot",
            "DROP FUNCTION usage_keys_ascend",
            "ALTER TABLE usage_sample_rows RENAME TO usage_sample",
            "ALTER INDEX usage_sample_rows_pkey RENAME TO usage_sample_pkey",
            RIGHTS.format(table="usage_sample"),
            MAKE.replace("{table}", "usage_sample"),
            DROP.replace("{table}", "usage_sample"),
        ],
    )
    HideFromTenants("usage_sample").database_forwards("usage", schema_editor, None, None)


class Migration(migrations.Migration):
    """Copies every sample; see above for what it locks."""

    dependencies = [("usage", "0009_use_as_it_is")]

    operations = [
        migrations.RunPython(forward, backward),
        ReplaceFunctionAcrossTenants(
            "usage_samples_of_hour(of_runtime uuid, of_hour timestamptz, slot_length interval)",
            """TABLE (slot timestamptz, epoch smallint, origin smallint, reported_at timestamptz, stored_at timestamptz,
            shape int, since timestamptz, until timestamptz, gauges jsonb)""",
            SAMPLES_OF_HOUR.replace("{more}", ", 'block'").replace("{block}", " AND s.block = p.source / 512"),
            before=SAMPLES_OF_HOUR.replace("{more}", "").replace("{block}", ""),
        ),
    ]
