"""What was found in runtimes, who answers for it, and when each is looked at next."""

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
            name='Check',
            fields=[
                ('runtime', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to='runtimes.runtime')),
                ('due_at', models.DateTimeField()),
                ('looked_at', models.DateTimeField(null=True)),
                ('partial', models.JSONField(default=list)),
                ('problem', models.CharField(blank=True, max_length=300)),
            ],
            options={
                'indexes': [models.Index(fields=['due_at'], name='finding_check_due')],
            },
        ),
        migrations.CreateModel(
            name='Finding',
            fields=[
                ('id', models.UUIDField(default=controlplane.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('rule', models.CharField(max_length=63)),
                ('api_version', models.CharField(max_length=253)),
                ('kind', models.CharField(max_length=63)),
                ('namespace', models.CharField(blank=True, max_length=63)),
                ('name', models.CharField(max_length=253)),
                ('severity', models.CharField(choices=[('info', 'info'), ('warning', 'warning'), ('blocking', 'blocking')], max_length=8)),
                ('audience', models.CharField(choices=[('tenant', 'tenant'), ('sre', 'sre')], max_length=6)),
                ('sentence', models.CharField(max_length=1000)),
                ('remedy', models.CharField(max_length=1000)),
                ('from_version', models.CharField(blank=True, max_length=8)),
                ('since', models.DateTimeField()),
                ('runtime', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='runtimes.runtime')),
            ],
            options={
                'indexes': [models.Index(fields=['rule', 'severity', 'runtime'], name='finding_by_rule'), models.Index(condition=models.Q(('severity', 'blocking')), fields=['runtime'], name='finding_blocking')],
                'constraints': [models.UniqueConstraint(fields=('runtime', 'rule', 'api_version', 'kind', 'namespace', 'name'), name='finding_once_per_object'), models.CheckConstraint(condition=models.Q(('severity__in', ['info', 'warning', 'blocking'])), name='finding_severity_is_known'), models.CheckConstraint(condition=models.Q(('audience__in', ['tenant', 'sre'])), name='finding_audience_is_known')],
            },
        ),
        migrations.CreateModel(
            name='FindingWaiver',
            fields=[
                ('id', models.UUIDField(default=controlplane.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('rule', models.CharField(max_length=63)),
                ('place', models.CharField(blank=True, max_length=400)),
                ('owner', models.CharField(max_length=160)),
                ('reason', models.CharField(max_length=300)),
                ('expires_at', models.DateTimeField()),
                ('created_by', models.CharField(max_length=160)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('revoked_at', models.DateTimeField(null=True)),
                ('runtime', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='runtimes.runtime')),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('revoked_at__isnull', True)), fields=('runtime', 'rule', 'place'), name='finding_waiver_one_at_a_time')],
            },
        ),
        ProtectChildRows("findings_check", "runtime_id", "runtimes_runtime"),
        ProtectChildRows("findings_finding", "runtime_id", "runtimes_runtime"),
        ProtectChildRows("findings_findingwaiver", "runtime_id", "runtimes_runtime"),
    ]
