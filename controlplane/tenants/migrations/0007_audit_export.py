"""Exports of the trail are asked for, and seen while they are written."""

import controlplane.kernel.ids
import django.db.models.deletion
from django.db import migrations, models

from controlplane.tenants.isolation.policies import ProtectTenantRows


class Migration(migrations.Migration):
    """A new table only."""

    dependencies = [
        ('tenants', '0006_invitation_letters'),
        ('isolation', '0003_tables'),
    ]

    operations = [
        migrations.CreateModel(
            name='AuditExport',
            fields=[
                ('id', models.UUIDField(default=controlplane.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('asked_by', models.CharField(max_length=160)),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('running', 'Running'), ('done', 'Done'), ('failed', 'Failed')], default='waiting', max_length=8)),
                ('since', models.DateTimeField()),
                ('until', models.DateTimeField()),
                ('search', models.JSONField(default=dict)),
                ('rows', models.PositiveIntegerField(default=0)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('place', models.CharField(blank=True, max_length=1024)),
                ('fault', models.CharField(blank=True, max_length=500)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('due_at', models.DateTimeField()),
                ('finished_at', models.DateTimeField(null=True)),
                ('tenant', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('state__in', ['waiting', 'running'])), fields=['due_at'], name='audit_export_due'), models.Index(fields=['tenant', '-id'], name='audit_export_of_tenant')],
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['waiting', 'running', 'done', 'failed'])), name='audit_export_state_is_known'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'done'), _negated=True), models.Q(('place', ''), _negated=True), _connector='OR'), name='audit_export_done_is_somewhere')],
            },
        ),
        ProtectTenantRows('tenants_auditexport'),
    ]
