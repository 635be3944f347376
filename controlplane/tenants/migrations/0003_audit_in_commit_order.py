"""Adds the index that sealing rides on, without stopping the writers of the trail."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """An index that is built beside the writers can't be part of a transaction."""

    atomic = False
    dependencies = [("tenants", "0002_audit_trail")]

    operations = [
        AddIndexConcurrently("auditevent", models.Index(fields=["tx", "id"], name="audit_in_commit_order"))
    ]
