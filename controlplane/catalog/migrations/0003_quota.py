"""What tenants may have, what they have, and what they ask for."""

import controlplane.kernel.ids
import django.db.models.deletion
from decimal import Decimal
from django.db import migrations, models

from controlplane.tenants.isolation.policies import ProtectTenantRows


class Migration(migrations.Migration):
    """New tables only; the runtimes' own migrations fill the usage."""

    dependencies = [
        ('catalog', '0002_releases_never_change'),
        ('tenants', '0001_initial'),
        ('isolation', '0003_tables'),
    ]

    operations = [
        migrations.CreateModel(
            name='Entitlement',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('plan', models.CharField(blank=True, max_length=31)),
                ('runtimes', models.PositiveIntegerField(null=True)),
                ('vcpu', models.PositiveIntegerField(null=True)),
                ('memory_gib', models.DecimalField(decimal_places=3, max_digits=14, null=True)),
                ('gpus', models.PositiveIntegerField(null=True)),
                ('regions', models.JSONField(blank=True, default=list)),
                ('granted_by', models.CharField(max_length=160)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('tenant', 'plan'), name='entitlement_once_per_plan')],
            },
        ),
        migrations.CreateModel(
            name='QuotaRequest',
            fields=[
                ('id', models.UUIDField(default=controlplane.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('plan', models.CharField(blank=True, max_length=31)),
                ('runtimes', models.PositiveIntegerField(null=True)),
                ('vcpu', models.PositiveIntegerField(null=True)),
                ('memory_gib', models.DecimalField(decimal_places=3, max_digits=14, null=True)),
                ('gpus', models.PositiveIntegerField(null=True)),
                ('regions', models.JSONField(blank=True, default=list)),
                ('reason', models.CharField(max_length=1000)),
                ('state', models.CharField(choices=[('open', 'open'), ('approved', 'approved'), ('declined', 'declined'), ('withdrawn', 'withdrawn')], default='open', max_length=16)),
                ('requested_by', models.CharField(max_length=160)),
                ('reply_to', models.CharField(blank=True, max_length=254)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('answered_by', models.CharField(blank=True, max_length=160)),
                ('answer', models.CharField(blank=True, max_length=1000)),
                ('answered_at', models.DateTimeField(null=True)),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('state', 'open')), fields=['id'], name='quota_request_queue'), models.Index(fields=['tenant', '-id'], name='quota_request_of_tenant')],
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['open', 'approved', 'declined', 'withdrawn'])), name='quota_request_state_is_known'), models.UniqueConstraint(condition=models.Q(('state', 'open')), fields=('tenant', 'plan'), name='quota_request_one_open_per_plan')],
            },
        ),
        migrations.CreateModel(
            name='Usage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('plan', models.CharField(blank=True, max_length=31)),
                ('runtimes', models.IntegerField(db_default=0, default=0)),
                ('vcpu', models.IntegerField(db_default=0, default=0)),
                ('memory_gib', models.DecimalField(db_default=0, decimal_places=3, default=Decimal('0'), max_digits=14)),
                ('gpus', models.IntegerField(db_default=0, default=0)),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('tenant', 'plan'), name='usage_once_per_plan'), models.CheckConstraint(condition=models.Q(('gpus__gte', 0), ('memory_gib__gte', 0), ('runtimes__gte', 0), ('vcpu__gte', 0)), name='usage_is_never_negative')],
            },
        ),
        # Its two rows per tenant change with every runtime: room on their page keeps that out of the indexes.
        migrations.RunSQL("ALTER TABLE catalog_usage SET (fillfactor = 20)", migrations.RunSQL.noop),
        ProtectTenantRows("catalog_entitlement"),
        ProtectTenantRows("catalog_usage"),
        ProtectTenantRows("catalog_quotarequest"),
    ]
