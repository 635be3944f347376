"""Letters of invitation are counted."""

import controlplane.kernel.ids
import django.db.models.deletion
from django.db import migrations, models

from controlplane.tenants.isolation.policies import ProtectTenantRows


class Migration(migrations.Migration):
    """A new table only."""

    dependencies = [
        ('tenants', '0005_account_and_tenant'),
        ('isolation', '0003_tables'),
    ]

    operations = [
        migrations.CreateModel(
            name='InvitationLetter',
            fields=[
                ('id', models.UUIDField(default=controlplane.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('address', models.CharField(max_length=254)),
                ('at', models.DateTimeField()),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'indexes': [models.Index(fields=['tenant', '-at'], name='invitation_letters_of_tenant'), models.Index(fields=['address', '-at'], name='invitation_letters_to_address')],
            },
        ),
        ProtectTenantRows('tenants_invitationletter'),
    ]
