"""The three roles, and what each may do with tables that are there and tables to come."""

from django.db import migrations

from controlplane.tenants.isolation.roles import ensure_roles, grant, revoke


def forward(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        ensure_roles(cursor)
        grant(cursor)


def backward(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        revoke(cursor)


class Migration(migrations.Migration):
    """Depends on nothing: whatever comes after it finds the roles."""

    dependencies = []

    operations = [migrations.RunPython(forward, backward)]
