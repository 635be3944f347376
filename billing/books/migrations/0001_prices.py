"""Price books, and what tenants agreed about prices."""

import controlplane.kernel.ids
import django.contrib.postgres.constraints
import django.db.models.constraints
import django.db.models.deletion
from decimal import Decimal
from django.db import migrations, models

from controlplane.tenants.isolation.policies import ProtectTenantRows


class Migration(migrations.Migration):
    """New tables only."""

    initial = True

    dependencies = [
        ('tenants', '0005_account_and_tenant'),
        ('isolation', '0004_read_only'),
    ]

    operations = [
        migrations.CreateModel(
            name='CreditGrant',
            fields=[
                ('id', models.UUIDField(default=controlplane.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('title', models.CharField(max_length=120)),
                ('currency', models.CharField(max_length=3)),
                ('amount', models.DecimalField(decimal_places=6, max_digits=20)),
                ('drawn', models.DecimalField(decimal_places=6, default=Decimal('0'), max_digits=20)),
                ('starts', models.DateField()),
                ('expires', models.DateField()),
                ('granted_by', models.CharField(max_length=160)),
                ('reason', models.CharField(max_length=500)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
        ),
        migrations.CreateModel(
            name='CreditDraw',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('month', models.DateField()),
                ('amount', models.DecimalField(decimal_places=6, max_digits=20)),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
                ('grant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='draws', to='books.creditgrant')),
            ],
        ),
        migrations.CreateModel(
            name='ExchangeRate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('base', models.CharField(max_length=3)),
                ('quote', models.CharField(max_length=3)),
                ('since', models.DateField()),
                ('rate', models.DecimalField(decimal_places=12, max_digits=24)),
                ('source', models.CharField(max_length=200)),
                ('used_at', models.DateTimeField(null=True)),
                ('used_until', models.DateField(null=True)),
            ],
            options={
                'ordering': ('base', 'quote', 'since'),
                'constraints': [models.UniqueConstraint(fields=('base', 'quote', 'since'), name='books_exchangerate_once_a_day'), models.CheckConstraint(condition=models.Q(('rate__gt', 0)), name='books_exchangerate_is_positive'), models.CheckConstraint(condition=models.Q(('base__regex', '^[A-Z]{3}$'), ('quote__regex', '^[A-Z]{3}$'), models.Q(('base', models.F('quote')), _negated=True)), name='books_exchangerate_currencies')],
            },
        ),
        migrations.CreateModel(
            name='PlanPrices',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('plan', models.CharField(max_length=31)),
                ('book', models.CharField(max_length=39)),
                ('effective_from', models.DateField()),
                ('effective_to', models.DateField(null=True)),
            ],
            options={
                'ordering': ('plan', 'effective_from'),
                'constraints': [django.contrib.postgres.constraints.ExclusionConstraint(expressions=[(models.Func(models.Func(models.F('plan'), models.Value(0), function='hashtextextended', output_field=models.BigIntegerField()), models.Func(models.F('plan'), models.Value(0), function='hashtextextended', output_field=models.BigIntegerField()), models.Value('[]'), function='int8range'), '&&'), (models.Func(models.F('effective_from'), models.F('effective_to'), function='daterange'), '&&')], name='books_planprices_never_overlap'), models.CheckConstraint(condition=models.Q(('effective_to__isnull', True), ('effective_to__gt', models.F('effective_from')), _connector='OR'), name='books_planprices_last'), models.CheckConstraint(condition=models.Q(('effective_from__day', 1)), name='books_planprices_whole_months')],
            },
        ),
        migrations.CreateModel(
            name='PriceBook',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=39)),
                ('version', models.PositiveIntegerField()),
                ('title', models.CharField(max_length=100)),
                ('currency', models.CharField(max_length=3)),
                ('effective_from', models.DateField()),
                ('effective_to', models.DateField(null=True)),
                ('document', models.JSONField()),
                ('digest', models.CharField(max_length=64)),
                ('loaded_at', models.DateTimeField(auto_now_add=True)),
                ('used_at', models.DateTimeField(null=True)),
                ('used_until', models.DateField(null=True)),
            ],
            options={
                'ordering': ('key', 'version'),
                'constraints': [models.UniqueConstraint(fields=('key', 'version'), name='books_pricebook_version'), django.contrib.postgres.constraints.ExclusionConstraint(deferrable=django.db.models.constraints.Deferrable['DEFERRED'], expressions=[(models.Func(models.Func(models.F('key'), models.Value(0), function='hashtextextended', output_field=models.BigIntegerField()), models.Func(models.F('key'), models.Value(0), function='hashtextextended', output_field=models.BigIntegerField()), models.Value('[]'), function='int8range'), '&&'), (models.Func(models.F('effective_from'), models.F('effective_to'), function='daterange'), '&&')], name='books_pricebook_never_overlaps'), models.CheckConstraint(condition=models.Q(('effective_to__isnull', True), ('effective_to__gt', models.F('effective_from')), _connector='OR'), name='books_pricebook_lasts'), models.CheckConstraint(condition=models.Q(('currency__regex', '^[A-Z]{3}$')), name='books_pricebook_currency'), models.CheckConstraint(condition=models.Q(models.Q(('used_at__isnull', True), ('used_until__isnull', True)), models.Q(('used_at__isnull', False), ('used_until__isnull', False)), _connector='OR'), name='books_pricebook_used_until')],
            },
        ),
        migrations.CreateModel(
            name='Commitment',
            fields=[
                ('id', models.UUIDField(default=controlplane.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('title', models.CharField(max_length=120)),
                ('meter', models.CharField(max_length=31)),
                ('dimension', models.CharField(blank=True, max_length=120)),
                ('units', models.DecimalField(decimal_places=6, max_digits=20)),
                ('currency', models.CharField(max_length=3)),
                ('fee', models.DecimalField(decimal_places=6, max_digits=20)),
                ('starts', models.DateField()),
                ('ends', models.DateField()),
                ('agreed_by', models.CharField(max_length=160)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'indexes': [models.Index(fields=['tenant', 'ends'], name='books_commitment_of_tenant')],
                'constraints': [models.CheckConstraint(condition=models.Q(('fee__gte', 0), ('units__gt', 0)), name='books_commitment_amounts'), models.CheckConstraint(condition=models.Q(('ends__day', 1), ('ends__gt', models.F('starts')), ('starts__day', 1)), name='books_commitment_whole_months'), models.CheckConstraint(condition=models.Q(('currency__regex', '^[A-Z]{3}$')), name='books_commitment_currency')],
            },
        ),
        migrations.CreateModel(
            name='Contract',
            fields=[
                ('id', models.UUIDField(default=controlplane.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('title', models.CharField(max_length=120)),
                ('currency', models.CharField(max_length=3)),
                ('book', models.CharField(blank=True, max_length=39)),
                ('plans', models.JSONField(default=list)),
                ('discount_percent', models.DecimalField(decimal_places=3, default=Decimal('0'), max_digits=6)),
                ('starts', models.DateField()),
                ('ends', models.DateField(null=True)),
                ('agreed_by', models.CharField(max_length=160)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'constraints': [django.contrib.postgres.constraints.ExclusionConstraint(expressions=[(models.Func(models.Func(models.F('tenant'), models.Value(0), function='uuid_hash_extended', output_field=models.BigIntegerField()), models.Func(models.F('tenant'), models.Value(0), function='uuid_hash_extended', output_field=models.BigIntegerField()), models.Value('[]'), function='int8range'), '&&'), (models.Func(models.F('starts'), models.F('ends'), function='daterange'), '&&')], name='books_contract_one_at_a_time'), models.CheckConstraint(condition=models.Q(('starts__day', 1), models.Q(('ends__isnull', True), models.Q(('ends__day', 1), ('ends__gt', models.F('starts'))), _connector='OR')), name='books_contract_whole_months'), models.CheckConstraint(condition=models.Q(('discount_percent__gte', 0), ('discount_percent__lte', 100)), name='books_contract_discount'), models.CheckConstraint(condition=models.Q(('currency__regex', '^[A-Z]{3}$')), name='books_contract_currency')],
            },
        ),
        migrations.AddIndex(
            model_name='creditgrant',
            index=models.Index(fields=['tenant', 'expires'], name='books_creditgrant_of_tenant'),
        ),
        migrations.AddConstraint(
            model_name='creditgrant',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gt', 0), ('drawn__gte', 0), ('drawn__lte', models.F('amount'))), name='books_creditgrant_balance'),
        ),
        migrations.AddConstraint(
            model_name='creditgrant',
            constraint=models.CheckConstraint(condition=models.Q(('expires__gt', models.F('starts'))), name='books_creditgrant_lasts'),
        ),
        migrations.AddConstraint(
            model_name='creditgrant',
            constraint=models.CheckConstraint(condition=models.Q(('currency__regex', '^[A-Z]{3}$')), name='books_creditgrant_currency'),
        ),
        migrations.AddConstraint(
            model_name='creditdraw',
            constraint=models.UniqueConstraint(fields=('grant', 'month'), name='books_creditdraw_once_a_month'),
        ),
        migrations.AddConstraint(
            model_name='creditdraw',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gt', 0), ('month__day', 1)), name='books_creditdraw_amount'),
        ),
        ProtectTenantRows("books_contract"),
        ProtectTenantRows("books_creditgrant"),
        ProtectTenantRows("books_creditdraw"),
        ProtectTenantRows("books_commitment"),
    ]
