"""Invitations, service accounts, moves of accounts, scopes and rotation of tokens; guards the last owner."""

import controlplane.kernel.ids
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from controlplane.tenants.isolation.policies import TENANT, AllowWeb, ProtectTenantRows

# The lock makes two owners who leave at once leave one after the other, so that the second sees the first one gone. A tenant
# that is being closed needs none.
LAST_OWNER = """
CREATE FUNCTION tenants_keep_an_owner() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM tenants_tenant WHERE id = OLD.tenant_id AND closed_at IS NOT NULL;
    IF FOUND THEN
        RETURN NULL;
    END IF;
    PERFORM FROM tenants_tenant WHERE id = OLD.tenant_id FOR NO KEY UPDATE;
    PERFORM FROM tenants_member WHERE tenant_id = OLD.tenant_id AND role = 'owner';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a tenant keeps an owner' USING ERRCODE = 'check_violation', CONSTRAINT = 'member_last_owner_stays';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER member_last_owner_stays AFTER DELETE ON tenants_member
    FOR EACH ROW WHEN (OLD.role = 'owner') EXECUTE FUNCTION tenants_keep_an_owner();
CREATE TRIGGER member_last_owner_stays_owner AFTER UPDATE ON tenants_member
    FOR EACH ROW WHEN (OLD.role = 'owner' AND (NEW.role <> 'owner' OR NEW.tenant_id <> OLD.tenant_id))
    EXECUTE FUNCTION tenants_keep_an_owner();
"""
NO_LAST_OWNER = """
DROP TRIGGER member_last_owner_stays_owner ON tenants_member;
DROP TRIGGER member_last_owner_stays ON tenants_member;
DROP FUNCTION tenants_keep_an_owner();
"""

# A rotated token's old secret finds its row too, until it ends. Rides on the unique indexes of both digests. Replacing a
# function keeps its owner and its grants, but not its pinned path.
BEARER = """
CREATE OR REPLACE FUNCTION tenants_bearer(wanted bytea)
    RETURNS TABLE (token tenants_apitoken, tenant tenants_tenant) LANGUAGE sql STABLE SECURITY DEFINER ROWS 1 AS $$
    SELECT token, tenant FROM tenants_apitoken AS token LEFT JOIN tenants_tenant AS tenant ON tenant.id = token.tenant_id
    WHERE {which}
$$;
DO $$ BEGIN
    EXECUTE format('ALTER FUNCTION tenants_bearer(bytea) SET search_path = pg_catalog, %I, pg_temp', current_schema());
END $$;
"""
EITHER = "token.digest = wanted OR (token.previous_digest = wanted AND token.previous_until > statement_timestamp())"


class Migration(migrations.Migration):
    """Needs the function that finds a bearer."""

    dependencies = [("isolation", "0003_tables"), ("tenants", "0003_audit_in_commit_order")]

    operations = [
        migrations.CreateModel(
            name='AccountMove',
            fields=[
                ('id', models.UUIDField(default=controlplane.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('at', models.DateTimeField()),
                ('moved_by', models.CharField(max_length=160)),
                ('reason', models.CharField(max_length=300)),
            ],
        ),
        migrations.CreateModel(
            name='Invitation',
            fields=[
                ('id', models.UUIDField(default=controlplane.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('email', models.CharField(max_length=254)),
                ('role', models.CharField(choices=[('viewer', 'viewer'), ('developer', 'developer'), ('admin', 'admin'), ('owner', 'owner'), ('finance', 'finance')], max_length=16)),
                ('any_address', models.BooleanField(default=False)),
                ('digest', models.BinaryField(max_length=32, unique=True)),
                ('invited_by', models.CharField(max_length=160)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('sent_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('accepted_at', models.DateTimeField(null=True)),
                ('revoked_at', models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='ServiceAccount',
            fields=[
                ('id', models.UUIDField(default=controlplane.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=80)),
                ('role', models.CharField(choices=[('viewer', 'viewer'), ('developer', 'developer'), ('admin', 'admin'), ('owner', 'owner'), ('finance', 'finance')], max_length=16)),
                ('created_by', models.CharField(max_length=160)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('removed_at', models.DateTimeField(null=True)),
            ],
        ),
        migrations.AddField(
            model_name='apitoken',
            name='created_by',
            field=models.CharField(blank=True, db_default='', default='', max_length=160),
        ),
        migrations.AddField(
            model_name='apitoken',
            name='created_by_user',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='apitoken',
            name='previous_digest',
            field=models.BinaryField(max_length=32, null=True, unique=True),
        ),
        migrations.AddField(
            model_name='apitoken',
            name='previous_prefix',
            field=models.CharField(blank=True, db_default='', default='', max_length=16),
        ),
        migrations.AddField(
            model_name='apitoken',
            name='previous_until',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='apitoken',
            name='scopes',
            field=models.CharField(db_default='read,runtimes,operate,admin', default='read,runtimes,operate,admin', max_length=64),
        ),
        migrations.AddField(
            model_name='tenant',
            name='closed_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddConstraint(
            model_name='tenant',
            constraint=models.CheckConstraint(condition=models.Q(('closed_at__isnull', True), ('state', 'suspended'), _connector='OR'), name='tenant_closed_is_suspended'),
        ),
        migrations.AddField(
            model_name='accountmove',
            name='account',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.account'),
        ),
        migrations.AddField(
            model_name='accountmove',
            name='tenant',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant'),
        ),
        migrations.AddField(
            model_name='accountmove',
            name='to_tenant',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant'),
        ),
        migrations.AddField(
            model_name='invitation',
            name='accepted_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='invitation',
            name='invited_by_user',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='invitation',
            name='tenant',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant'),
        ),
        migrations.AddField(
            model_name='serviceaccount',
            name='tenant',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant'),
        ),
        migrations.AddField(
            model_name='apitoken',
            name='service_account',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='tokens', to='tenants.serviceaccount'),
        ),
        migrations.AddConstraint(
            model_name='apitoken',
            constraint=models.CheckConstraint(condition=models.Q(('scopes__regex', '^(read|runtimes|operate|admin)(,(read|runtimes|operate|admin))*$')), name='token_scopes_are_known'),
        ),
        migrations.AddConstraint(
            model_name='apitoken',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('previous_digest__isnull', True), ('previous_until__isnull', True)), models.Q(('previous_digest__isnull', False), ('previous_until__isnull', False)), _connector='OR'), name='token_previous_secret_ends'),
        ),
        migrations.AddIndex(
            model_name='accountmove',
            index=models.Index(fields=['account', 'at'], name='account_moves_in_order'),
        ),
        migrations.AddConstraint(
            model_name='accountmove',
            constraint=models.CheckConstraint(condition=models.Q(('tenant', models.F('to_tenant')), _negated=True), name='account_move_leads_elsewhere'),
        ),
        migrations.AddConstraint(
            model_name='invitation',
            constraint=models.UniqueConstraint(condition=models.Q(('accepted_at__isnull', True), ('revoked_at__isnull', True)), fields=('tenant', 'email'), name='invitation_one_live_per_address'),
        ),
        migrations.AddConstraint(
            model_name='invitation',
            constraint=models.CheckConstraint(condition=models.Q(('role__in', ['viewer', 'developer', 'admin', 'owner', 'finance'])), name='invitation_role_is_known'),
        ),
        migrations.AddConstraint(
            model_name='invitation',
            constraint=models.CheckConstraint(condition=models.Q(('accepted_at__isnull', True), ('revoked_at__isnull', True), _connector='OR'), name='invitation_ends_once'),
        ),
        migrations.AddConstraint(
            model_name='serviceaccount',
            constraint=models.UniqueConstraint(condition=models.Q(('removed_at__isnull', True)), fields=('tenant', 'name'), name='service_account_name_once_per_tenant'),
        ),
        migrations.AddConstraint(
            model_name='serviceaccount',
            constraint=models.CheckConstraint(condition=models.Q(('role__in', ['viewer', 'developer', 'admin', 'owner', 'finance'])), name='service_account_role_is_known'),
        ),
        ProtectTenantRows("tenants_invitation"),
        ProtectTenantRows("tenants_serviceaccount"),
        ProtectTenantRows("tenants_accountmove"),
        # Where an account came from is its new tenant's business too.
        AllowWeb("tenants_accountmove", "moved_here", "SELECT", f"to_tenant_id = {TENANT}"),
        migrations.RunSQL(LAST_OWNER, NO_LAST_OWNER),
        migrations.RunSQL(
            BEARER.format(which=EITHER), BEARER.format(which="token.digest = wanted")
        ),
    ]
