"""PostgreSQL itself holds of packed hours what it held of rows: each second was seen, is inferred, or nobody knows of it.

Each figure by itself, and never a shape for what is unknown: that seconds come to no more than an hour, and that no more of them
were used than seen, is looked at where hours are made (`packed_hours.pack`).

The function looks at each record's four figures of seconds as one number of eight bytes (observed, inferred, unknown, used), and
at its shape: 17 microseconds for a block of 64 records, a thirtieth of what it takes to make it. What is there already is looked at
by the next migration, while everybody works. Both ways it waits five seconds for those who read or write hours, then gives up and
has changed nothing: try again.
"""

from django.db import migrations

# Of what has a shape nothing is unknown, and none of the other three is negative or reaches 4,096: those bits are zero.
NONE_OF = -0x0FFF0FFF00001000  # f000 f000 ffff f000
SECONDS = "substr(hours, 108 * i + 29, 8)::bigint"
SHAPE = "substr(hours, 108 * i + 13, 4)"
# What has no shape is unknown and nothing else, an hour of it at most.
LEAST, MOST = 1 << 16, 3600 << 16
FUNCTION = f"""
CREATE FUNCTION usage_hours_add_up(hours bytea) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN NOT EXISTS (
    SELECT FROM generate_series(0, octet_length(hours) / 108 - 1) i
    WHERE CASE WHEN {SECONDS} & ({NONE_OF})::bigint = 0 THEN {SHAPE} = '\\x00000000'::bytea
        ELSE {SHAPE} <> '\\x00000000'::bytea OR {SECONDS} NOT BETWEEN {LEAST} AND {MOST} OR {SECONDS} & 65535 <> 0 END
)
"""
CHECK = """
SET LOCAL lock_timeout = '5s';
ALTER TABLE usage_hour_block ADD CONSTRAINT usage_hour_block_adds_up CHECK (usage_hours_add_up(hours)) NOT VALID
"""
LET = """
SET LOCAL lock_timeout = '5s';
ALTER TABLE usage_hour_block DROP CONSTRAINT usage_hour_block_adds_up
"""


class Migration(migrations.Migration):
    """Hours are locked for a moment."""

    dependencies = [("usage", "0014_partitions_and_batches")]

    operations = [
        migrations.RunSQL(FUNCTION, "DROP FUNCTION usage_hours_add_up"),
        migrations.RunSQL(CHECK, LET),
    ]
