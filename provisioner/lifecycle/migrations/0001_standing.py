"""Who is suspended or about to be deleted, and how far that has come."""

import controlplane.kernel.ids
import django.db.models.deletion
from django.db import migrations, models

from controlplane.tenants.isolation.policies import ProtectTenantRows


class Migration(migrations.Migration):
    """A new table only."""

    initial = True

    dependencies = [
        ('tenants', '0005_account_and_tenant'),
        ('isolation', '0003_tables'),
    ]

    operations = [
        migrations.CreateModel(
            name='Standing',
            fields=[
                ('id', models.UUIDField(default=controlplane.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('reason', models.CharField(blank=True, choices=[('', 'deletion'), ('wish', 'their own wish'), ('payment', 'payment'), ('abuse', 'abuse')], default='', max_length=16)),
                ('note', models.CharField(blank=True, max_length=500)),
                ('by', models.CharField(max_length=160)),
                ('since', models.DateTimeField()),
                ('delete_after', models.DateTimeField(null=True)),
                ('reminded_days', models.PositiveSmallIntegerField(null=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('closed_at', models.DateTimeField(null=True)),
                ('due_at', models.DateTimeField(null=True)),
                ('problem', models.CharField(blank=True, max_length=300)),
                ('account', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.account')),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('due_at__isnull', False)), fields=['due_at'], name='standing_due')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('account__isnull', True), ('ended_at__isnull', True)), fields=('tenant',), name='standing_one_open_per_tenant'), models.UniqueConstraint(condition=models.Q(('account__isnull', False), ('ended_at__isnull', True)), fields=('account',), name='standing_one_open_per_account'), models.CheckConstraint(condition=models.Q(('reason__in', ['', 'wish', 'payment', 'abuse'])), name='standing_reason_is_known'), models.CheckConstraint(condition=models.Q(('closed_at__isnull', True), ('ended_at__isnull', True), _connector='OR'), name='standing_ends_once')],
            },
        ),
        ProtectTenantRows("lifecycle_standing"),
    ]
