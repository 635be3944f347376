"""Lets rows point to an account together with its tenant."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Accounts are few: the index is there in a moment."""

    dependencies = [("tenants", "0004_tenancy")]

    operations = [
        migrations.AddConstraint(
            "account", models.UniqueConstraint(fields=["id", "tenant"], name="account_and_its_tenant")
        )
    ]
