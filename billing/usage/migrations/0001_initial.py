"""The tables of the usage store, all but the samples'."""

import controlplane.kernel.ids
import django.contrib.postgres.constraints
import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    """New tables only."""

    initial = True

    dependencies = [
        ('tenants', '0005_account_and_tenant'),
        ('isolation', '0004_read_only'),
    ]

    operations = [
        migrations.CreateModel(
            name='ComponentSet',
            fields=[
                ('id', models.AutoField(primary_key=True, serialize=False)),
                ('digest', models.BinaryField(unique=True)),
                ('components', models.JSONField()),
            ],
            options={
                'db_table': 'usage_component_set',
            },
        ),
        migrations.CreateModel(
            name='Progress',
            fields=[
                ('name', models.CharField(max_length=31, primary_key=True, serialize=False)),
                ('reached', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='Shape',
            fields=[
                ('id', models.AutoField(primary_key=True, serialize=False)),
                ('digest', models.BinaryField(unique=True)),
                ('levels', models.JSONField()),
                ('allocatable_millicores', models.IntegerField()),
                ('allocatable_mib', models.IntegerField()),
            ],
        ),
        migrations.CreateModel(
            name='ComponentUse',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('hour', models.DateTimeField()),
                ('used', models.TextField()),
            ],
            options={
                'db_table': 'usage_component_use',
                'indexes': [models.Index(fields=['hour'], name='usage_component_use_hours')],
            },
        ),
        migrations.CreateModel(
            name='Dirty',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('hour', models.DateTimeField()),
                ('sources', django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None)),
                ('spreads', models.BooleanField(db_default=True, default=True)),
            ],
            options={
                'indexes': [models.Index(fields=['hour'], name='usage_dirty_hours')],
            },
        ),
        migrations.CreateModel(
            name='DirtyDay',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField()),
                ('sources', django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None)),
            ],
            options={
                'db_table': 'usage_dirty_day',
                'indexes': [models.Index(fields=['day'], name='usage_dirty_days')],
            },
        ),
        migrations.CreateModel(
            name='Hour',
            fields=[
                ('observed_seconds', models.BigIntegerField()),
                ('inferred_seconds', models.BigIntegerField()),
                ('unknown_seconds', models.BigIntegerField()),
                ('used_seconds', models.BigIntegerField()),
                ('workload_requested_millicores', models.BigIntegerField()),
                ('workload_requested_mib', models.BigIntegerField()),
                ('workload_used_millicores', models.BigIntegerField()),
                ('workload_used_mib', models.BigIntegerField()),
                ('platform_requested_millicores', models.BigIntegerField()),
                ('platform_requested_mib', models.BigIntegerField()),
                ('platform_used_millicores', models.BigIntegerField()),
                ('platform_used_mib', models.BigIntegerField()),
                ('egress_bytes', models.BigIntegerField()),
                ('pk', models.CompositePrimaryKey('hour', 'source', 'span', 'shape', blank=True, editable=False, primary_key=True, serialize=False)),
                ('hour', models.DateTimeField()),
                ('source', models.IntegerField()),
                ('span', models.BigIntegerField()),
                ('shape', models.IntegerField()),
                ('revision', models.IntegerField(default=1)),
                ('rolled_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('inferred_seconds__gte', 0), ('observed_seconds__gte', 0), ('unknown_seconds__gte', 0), models.Q(models.Q(('inferred_seconds', 0), ('observed_seconds', 0), ('shape', 0), ('unknown_seconds__gt', 0)), models.Q(models.Q(('shape', 0), _negated=True), ('unknown_seconds', 0)), _connector='OR')), name='usage_hour_seconds_are_known_or_not')],
            },
        ),
        migrations.CreateModel(
            name='Quarantined',
            fields=[
                ('id', models.UUIDField(default=controlplane.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('runtime', models.UUIDField()),
                ('slot', models.DateTimeField()),
                ('epoch', models.SmallIntegerField()),
                ('reason', models.CharField(max_length=32)),
                ('detail', models.CharField(max_length=500)),
                ('payload', models.JSONField()),
                ('digest', models.BinaryField()),
                ('origin', models.SmallIntegerField()),
                ('reported_at', models.DateTimeField()),
                ('stored_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'db_table': 'usage_quarantine',
                'constraints': [models.UniqueConstraint(fields=('runtime', 'slot', 'epoch', 'reason', 'digest'), name='usage_quarantined_once')],
            },
        ),
        migrations.CreateModel(
            name='Sealed',
            fields=[
                ('pk', models.CompositePrimaryKey('tenant', 'month', blank=True, editable=False, primary_key=True, serialize=False)),
                ('month', models.DateField()),
                ('sealed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='tenants.tenant')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Source',
            fields=[
                ('id', models.AutoField(primary_key=True, serialize=False)),
                ('runtime', models.UUIDField(unique=True)),
                ('born', models.DateTimeField()),
                ('gone', models.DateTimeField(null=True)),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('gone__isnull', False)), fields=['gone'], name='usage_source_gone')],
            },
        ),
        migrations.CreateModel(
            name='Day',
            fields=[
                ('pk', models.CompositePrimaryKey('day', 'source', 'tenant', 'account', 'plan', 'meter', 'dimension', blank=True, editable=False, primary_key=True, serialize=False)),
                ('day', models.DateField()),
                ('source', models.IntegerField()),
                ('account', models.UUIDField()),
                ('runtime', models.UUIDField()),
                ('plan', models.CharField(max_length=31)),
                ('region', models.CharField(max_length=64)),
                ('meter', models.CharField(max_length=31)),
                ('dimension', models.CharField(max_length=120)),
                ('quantity', models.BigIntegerField()),
                ('inferred', models.BigIntegerField()),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='tenants.tenant')),
            ],
            options={
                'indexes': [models.Index(fields=['tenant', 'day'], name='usage_day_of_tenant')],
            },
        ),
        migrations.CreateModel(
            name='DayLife',
            fields=[
                ('observed_seconds', models.BigIntegerField()),
                ('inferred_seconds', models.BigIntegerField()),
                ('unknown_seconds', models.BigIntegerField()),
                ('used_seconds', models.BigIntegerField()),
                ('workload_requested_millicores', models.BigIntegerField()),
                ('workload_requested_mib', models.BigIntegerField()),
                ('workload_used_millicores', models.BigIntegerField()),
                ('workload_used_mib', models.BigIntegerField()),
                ('platform_requested_millicores', models.BigIntegerField()),
                ('platform_requested_mib', models.BigIntegerField()),
                ('platform_used_millicores', models.BigIntegerField()),
                ('platform_used_mib', models.BigIntegerField()),
                ('egress_bytes', models.BigIntegerField()),
                ('pk', models.CompositePrimaryKey('day', 'source', 'tenant', 'account', 'plan', blank=True, editable=False, primary_key=True, serialize=False)),
                ('day', models.DateField()),
                ('source', models.IntegerField()),
                ('account', models.UUIDField()),
                ('runtime', models.UUIDField()),
                ('plan', models.CharField(max_length=31)),
                ('region', models.CharField(max_length=64)),
                ('alive_seconds', models.BigIntegerField()),
                ('allocatable_millicores', models.BigIntegerField()),
                ('allocatable_mib', models.BigIntegerField()),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='tenants.tenant')),
            ],
            options={
                'db_table': 'usage_day_life',
                'indexes': [models.Index(fields=['tenant', 'day'], name='usage_day_life_of_tenant')],
                'constraints': [models.CheckConstraint(condition=models.Q(('alive_seconds', django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(models.F('observed_seconds'), '+', models.F('inferred_seconds')), '+', models.F('unknown_seconds')))), name='usage_day_is_accounted_for')],
            },
        ),
        migrations.CreateModel(
            name='Late',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('month', models.DateField()),
                ('day', models.DateField()),
                ('source', models.IntegerField()),
                ('changes', models.IntegerField(default=1)),
                ('first_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('last_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='tenants.tenant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('tenant', 'month', 'day', 'source'), name='usage_late_once_per_day')],
            },
        ),
        migrations.CreateModel(
            name='Span',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('source', models.IntegerField()),
                ('runtime', models.UUIDField()),
                ('account', models.UUIDField()),
                ('plan', models.CharField(max_length=31)),
                ('region', models.CharField(max_length=64)),
                ('provider', models.CharField(max_length=31)),
                ('phase', models.CharField(max_length=16)),
                ('since', models.DateTimeField()),
                ('until', models.DateTimeField(null=True)),
                ('tenant', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='tenants.tenant')),
            ],
            options={
                'indexes': [models.Index(fields=['source', 'since'], name='usage_span_of_source'), models.Index(fields=['until'], name='usage_span_ended'), models.Index(condition=models.Q(('until__isnull', True)), fields=['source'], name='usage_span_open')],
                'constraints': [django.contrib.postgres.constraints.ExclusionConstraint(expressions=[(models.Func('source', 'source', models.Value('[]'), function='int4range'), '&&'), (models.Func('since', 'until', function='tstzrange'), '&&')], name='usage_span_never_overlaps'), models.CheckConstraint(condition=models.Q(('until__isnull', True), ('until__gt', models.F('since')), _connector='OR'), name='usage_span_lasts')],
            },
        ),
    ]
