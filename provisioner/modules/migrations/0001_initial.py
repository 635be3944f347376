"""What is installed in runtimes, and when that is looked at next."""

import controlplane.kernel.ids
import django.db.models.deletion
from django.db import migrations, models

from controlplane.tenants.isolation.policies import ProtectChildRows


class Migration(migrations.Migration):
    """New tables only."""

    initial = True

    dependencies = [
        ('runtimes', '0007_release_and_channel'),
        ('isolation', '0003_tables'),
    ]

    operations = [
        migrations.CreateModel(
            name='Inspection',
            fields=[
                ('runtime', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to='runtimes.runtime')),
                ('due_at', models.DateTimeField()),
                ('looked_at', models.DateTimeField(null=True)),
                ('rounds', models.PositiveSmallIntegerField(default=0)),
                ('problem', models.CharField(blank=True, max_length=300)),
            ],
            options={
                'indexes': [models.Index(fields=['due_at'], name='module_inspection_due')],
            },
        ),
        migrations.CreateModel(
            name='RuntimeModule',
            fields=[
                ('id', models.UUIDField(default=controlplane.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('key', models.CharField(max_length=63)),
                ('version', models.CharField(max_length=63)),
                ('implementation', models.CharField(max_length=63)),
                ('settings', models.JSONField(default=dict)),
                ('state', models.CharField(choices=[('installing', 'installing'), ('installed', 'installed'), ('removing', 'removing'), ('blocked', 'blocked')], max_length=16)),
                ('health', models.CharField(choices=[('unknown', 'unknown'), ('starting', 'starting'), ('healthy', 'healthy'), ('unhealthy', 'unhealthy')], max_length=16)),
                ('observed_version', models.CharField(blank=True, max_length=63)),
                ('digest', models.CharField(blank=True, max_length=16)),
                ('inventory', models.JSONField(default=list)),
                ('drift', models.JSONField(default=list)),
                ('message', models.CharField(blank=True, max_length=500)),
                ('generation', models.BigIntegerField()),
                ('since', models.DateTimeField()),
                ('seen_at', models.DateTimeField()),
                ('runtime', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='runtimes.runtime')),
            ],
            options={
                'indexes': [models.Index(fields=['key', 'version', 'health'], name='module_by_version')],
                'constraints': [models.UniqueConstraint(fields=('runtime', 'key'), name='module_once_per_runtime'), models.CheckConstraint(condition=models.Q(('state__in', ['installing', 'installed', 'removing', 'blocked'])), name='module_state_is_known'), models.CheckConstraint(condition=models.Q(('health__in', ['unknown', 'starting', 'healthy', 'unhealthy'])), name='module_health_is_known')],
            },
        ),
        ProtectChildRows("modules_inspection", "runtime_id", "runtimes_runtime"),
        ProtectChildRows("modules_runtimemodule", "runtime_id", "runtimes_runtime"),
    ]
