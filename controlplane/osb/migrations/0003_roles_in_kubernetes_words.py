"""Bindings say view and edit, as Kubernetes and the API do; what a platform asked for is kept in the same words, for rotation."""

from django.db import migrations, models


def renamed(*pairs):
    """Return the statements that call the first of each pair as the second."""
    return "; ".join(
        f"UPDATE osb_osbbinding SET role = '{new}', parameters = CASE WHEN parameters ? 'role'"
        f" THEN jsonb_set(parameters, '{{role}}', '\"{new}\"') ELSE parameters END WHERE role = '{old}'"
        for old, new in pairs
    )


class Migration(migrations.Migration):
    """Few rows: a platform's bindings."""

    dependencies = [("osb", "0002_isolation")]

    operations = [
        migrations.RemoveConstraint("osbbinding", "osb_binding_role_is_known"),
        migrations.RunSQL(
            renamed(("viewer", "view"), ("editor", "edit")), renamed(("view", "viewer"), ("edit", "editor"))
        ),
        migrations.AddConstraint(
            "osbbinding",
            models.CheckConstraint(
                condition=models.Q(role__in=["admin", "edit", "view"]), name="osb_binding_role_is_known"
            ),
        ),
    ]
