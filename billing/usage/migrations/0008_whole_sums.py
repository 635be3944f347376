"""A sum of whole numbers that stays one: PostgreSQL's own sum of bigint goes through numeric, a tenth of the time of making an hour."""

from django.db import migrations

CREATE = """
CREATE AGGREGATE usage_sum(bigint) (SFUNC = int8pl, STYPE = bigint, COMBINEFUNC = int8pl, PARALLEL = SAFE)
"""


class Migration(migrations.Migration):
    """An aggregate that everybody may call; a sum too large for it fails, as it did in its column."""

    dependencies = [("usage", "0007_hours_by_month")]

    operations = [migrations.RunSQL(CREATE, "DROP AGGREGATE usage_sum(bigint)")]
