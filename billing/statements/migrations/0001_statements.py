"""Statements, their lines and inputs, and what FinOps adjusts."""

import controlplane.kernel.ids
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    """New tables only."""

    initial = True

    dependencies = [
        ('tenants', '0007_audit_export'),
    ]

    operations = [
        migrations.CreateModel(
            name='Statement',
            fields=[
                ('id', models.UUIDField(default=controlplane.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('month', models.DateField()),
                ('state', models.CharField(choices=[('draft', 'Draft'), ('sealed', 'Sealed')], default='draft', max_length=6)),
                ('number', models.PositiveIntegerField(null=True)),
                ('currency', models.CharField(max_length=3)),
                ('total', models.DecimalField(decimal_places=6, max_digits=20)),
                ('charges_count', models.PositiveIntegerField()),
                ('input_digest', models.CharField(max_length=64)),
                ('lines_digest', models.CharField(max_length=64)),
                ('digest', models.CharField(blank=True, max_length=64)),
                ('books', models.JSONField()),
                ('engine_version', models.CharField(max_length=16)),
                ('usage_bound', models.DateTimeField()),
                ('alive_seconds', models.BigIntegerField()),
                ('observed_seconds', models.BigIntegerField()),
                ('inferred_seconds', models.BigIntegerField()),
                ('unknown_seconds', models.BigIntegerField()),
                ('drawn', models.JSONField()),
                ('redrawn', models.JSONField(default=list)),
                ('commitments', models.JSONField()),
                ('problems', models.JSONField()),
                ('names', models.JSONField()),
                ('drafted_at', models.DateTimeField()),
                ('sealed_at', models.DateTimeField(null=True)),
                ('sealed_by', models.CharField(blank=True, max_length=160)),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
        ),
        migrations.CreateModel(
            name='Charge',
            fields=[
                ('pk', models.CompositePrimaryKey('statement', 'line_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('line_id', models.CharField(max_length=24)),
                ('position', models.PositiveIntegerField()),
                ('category', models.CharField(max_length=10)),
                ('charge_class', models.CharField(blank=True, max_length=10)),
                ('account', models.UUIDField(null=True)),
                ('runtime', models.UUIDField(null=True)),
                ('plan', models.CharField(blank=True, max_length=31)),
                ('region', models.CharField(blank=True, max_length=64)),
                ('meter', models.CharField(blank=True, max_length=31)),
                ('dimension', models.CharField(blank=True, max_length=120)),
                ('period_start', models.DateTimeField()),
                ('period_end', models.DateTimeField()),
                ('quantity', models.DecimalField(decimal_places=15, max_digits=45)),
                ('unit', models.CharField(blank=True, max_length=60)),
                ('consumed_quantity', models.DecimalField(decimal_places=15, max_digits=45)),
                ('consumed_unit', models.CharField(blank=True, max_length=60)),
                ('base_quantity', models.DecimalField(decimal_places=0, max_digits=38)),
                ('list_unit_price', models.DecimalField(decimal_places=30, max_digits=60)),
                ('contracted_unit_price', models.DecimalField(decimal_places=30, max_digits=60)),
                ('list_cost', models.DecimalField(decimal_places=6, max_digits=20)),
                ('contracted_cost', models.DecimalField(decimal_places=6, max_digits=20)),
                ('billed_cost', models.DecimalField(decimal_places=6, max_digits=20)),
                ('effective_cost', models.DecimalField(decimal_places=6, max_digits=20)),
                ('currency', models.CharField(max_length=3)),
                ('book', models.CharField(blank=True, max_length=39)),
                ('book_version', models.PositiveIntegerField()),
                ('price_line', models.CharField(blank=True, max_length=100)),
                ('part', models.CharField(blank=True, max_length=60)),
                ('commitment', models.CharField(blank=True, max_length=36)),
                ('commitment_status', models.CharField(blank=True, max_length=6)),
                ('credit', models.CharField(blank=True, max_length=60)),
                ('observed_seconds', models.BigIntegerField()),
                ('alive_seconds', models.BigIntegerField()),
                ('description', models.TextField(blank=True)),
                ('origin_month', models.DateField(null=True)),
                ('booked_as', models.JSONField(null=True)),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='tenants.tenant')),
                ('statement', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='charges', to='statements.statement')),
            ],
        ),
        migrations.CreateModel(
            name='Adjustment',
            fields=[
                ('id', models.UUIDField(default=controlplane.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('category', models.CharField(max_length=10)),
                ('amount', models.DecimalField(decimal_places=6, max_digits=20)),
                ('currency', models.CharField(max_length=3)),
                ('title', models.CharField(max_length=120)),
                ('reason', models.CharField(max_length=500)),
                ('made_by', models.CharField(max_length=160)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('withdrawn_at', models.DateTimeField(null=True)),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
                ('statement', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='adjustments', to='statements.statement')),
            ],
        ),
        migrations.CreateModel(
            name='Inputs',
            fields=[
                ('statement', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='inputs', serialize=False, to='statements.statement')),
                ('document', models.BinaryField()),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddIndex(
            model_name='statement',
            index=models.Index(condition=models.Q(('state', 'draft')), fields=['month'], name='statements_drafts'),
        ),
        migrations.AddConstraint(
            model_name='statement',
            constraint=models.UniqueConstraint(fields=('tenant', 'month'), name='statements_one_a_month'),
        ),
        migrations.AddConstraint(
            model_name='statement',
            constraint=models.UniqueConstraint(fields=('tenant', 'number'), name='statements_number_once'),
        ),
        migrations.AddConstraint(
            model_name='statement',
            constraint=models.CheckConstraint(condition=models.Q(('month__day', 1)), name='statements_month_begins'),
        ),
        migrations.AddConstraint(
            model_name='statement',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['draft', 'sealed'])), name='statements_state_is_known'),
        ),
        migrations.AddConstraint(
            model_name='statement',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('digest', ''), ('number__isnull', True), ('sealed_at__isnull', True), ('state', 'draft')), models.Q(('digest__regex', '^[0-9a-f]{64}$'), ('number__gte', 1), ('problems', []), ('sealed_at__isnull', False), ('state', 'sealed')), _connector='OR'), name='statements_sealed_is_whole'),
        ),
        migrations.AddConstraint(
            model_name='statement',
            constraint=models.CheckConstraint(condition=models.Q(('alive_seconds', django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(models.F('observed_seconds'), '+', models.F('inferred_seconds')), '+', models.F('unknown_seconds')))), name='statements_time_is_accounted_for'),
        ),
        migrations.AddConstraint(
            model_name='charge',
            constraint=models.CheckConstraint(condition=models.Q(('category__in', ['Usage', 'Purchase', 'Credit', 'Adjustment', 'Tax'])), name='statements_charge_category'),
        ),
        migrations.AddConstraint(
            model_name='charge',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('charge_class', ''), ('origin_month__isnull', True)), models.Q(('charge_class', 'Correction'), ('origin_month__isnull', False)), _connector='OR'), name='statements_charge_correction'),
        ),
        migrations.AddIndex(
            model_name='adjustment',
            index=models.Index(condition=models.Q(('statement__isnull', True), ('withdrawn_at__isnull', True)), fields=['tenant'], name='statements_adjustment_open'),
        ),
        migrations.AddConstraint(
            model_name='adjustment',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('amount__lt', 0), ('category', 'Credit')), models.Q(('category', 'Adjustment'), models.Q(('amount', 0), _negated=True)), _connector='OR'), name='statements_adjustment_amount'),
        ),
        migrations.AddConstraint(
            model_name='adjustment',
            constraint=models.CheckConstraint(condition=models.Q(('statement__isnull', True), ('withdrawn_at__isnull', True), _connector='OR'), name='statements_adjustment_billed_or_withdrawn'),
        ),
    ]
