from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("landscapes", "0003_sealed_credentials")]

    operations = [
        migrations.AddField("landscape", "audit_begun_at", models.DateTimeField(null=True)),
    ]
