"""Components' use is written often and read seldom: shrinking it took as long as an eighth of the whole batch, so it lies as it came."""

from django.db import migrations


class Migration(migrations.Migration):
    """How new rows are stored; old ones stay as they lie and are read all the same."""

    dependencies = [("usage", "0008_whole_sums")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE usage_component_use ALTER COLUMN used SET STORAGE EXTERNAL",
            "ALTER TABLE usage_component_use ALTER COLUMN used SET STORAGE EXTENDED",
        )
    ]
