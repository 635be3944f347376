from django.db import migrations, models


class Migration(migrations.Migration):
    """Safe while others read and write: a column with a constant default rewrites no row (PostgreSQL 11 and later)."""

    dependencies = [("runtimes", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="runtime",
            name="revision",
            field=models.BigIntegerField(db_default=1, default=1),
        ),
    ]
