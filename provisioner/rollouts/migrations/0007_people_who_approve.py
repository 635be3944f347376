"""Who approved a gate as a person, not as a name: two tokens of one person are one. Filled where the name is a person's."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0007_audit_export"),
        ("rollouts", "0006_told_beforehand"),
    ]

    operations = [
        migrations.AddField(
            model_name="approval",
            name="person",
            field=models.UUIDField(null=True),
        ),
        migrations.RunSQL(
            "UPDATE rollouts_approval a SET person = u.id FROM tenants_user u WHERE u.username = a.by",
            migrations.RunSQL.noop,
        ),
        migrations.AddConstraint(
            model_name="approval",
            constraint=models.UniqueConstraint(
                fields=["gate", "person"], condition=Q(person__isnull=False), name="approval_once_per_user"
            ),
        ),
    ]
