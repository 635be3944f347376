"""Makes the audit trail append-only, orders it by commit, and gives it a chain of seals."""

import django.db.models.deletion
from django.db import migrations, models

import controlplane.tenants.models
from controlplane.tenants.isolation.policies import ProtectTenantRows

# Transaction numbers as the trail counts them: PostgreSQL's own, plus what `manage.py audit rebase` adds after a dump was
# restored into a server that counts from lower numbers.
CLOCK = """
CREATE FUNCTION tenants_audit_tx() RETURNS bigint LANGUAGE sql VOLATILE
    AS $$ SELECT pg_current_xact_id()::text::bigint + 0 $$;
CREATE FUNCTION tenants_audit_horizon() RETURNS bigint LANGUAGE sql VOLATILE
    AS $$ SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint + 0 $$;
"""
NO_CLOCK = "DROP FUNCTION tenants_audit_tx(); DROP FUNCTION tenants_audit_horizon();"

# A constant default first: the table is not rewritten, and rows from before count as settled.
NUMBERED = """
ALTER TABLE tenants_auditevent ADD COLUMN tx bigint NOT NULL DEFAULT 0;
ALTER TABLE tenants_auditevent ALTER COLUMN tx SET DEFAULT tenants_audit_tx();
"""
NOT_NUMBERED = "ALTER TABLE tenants_auditevent DROP COLUMN tx;"

KEPT = """
CREATE FUNCTION tenants_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is append-only: % of % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_event_stays BEFORE UPDATE OR DELETE ON tenants_auditevent
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_audit_refuse();
CREATE TRIGGER audit_events_stay BEFORE TRUNCATE ON tenants_auditevent
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_audit_refuse();
CREATE TRIGGER audit_seal_stays BEFORE UPDATE OR DELETE ON tenants_auditseal
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_audit_refuse();
CREATE TRIGGER audit_seals_stay BEFORE TRUNCATE ON tenants_auditseal
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_audit_refuse();
REVOKE UPDATE, DELETE, TRUNCATE ON tenants_auditevent, tenants_auditseal FROM nesoi_web, nesoi_platform, nesoi_worker;
REVOKE INSERT ON tenants_auditseal FROM nesoi_web, nesoi_platform;
"""
NOT_KEPT = """
DROP TRIGGER audit_seals_stay ON tenants_auditseal;
DROP TRIGGER audit_seal_stays ON tenants_auditseal;
DROP TRIGGER audit_events_stay ON tenants_auditevent;
DROP TRIGGER audit_event_stays ON tenants_auditevent;
DROP FUNCTION tenants_audit_refuse();
GRANT UPDATE, DELETE ON tenants_auditevent, tenants_auditseal TO nesoi_web, nesoi_platform, nesoi_worker;
GRANT INSERT ON tenants_auditseal TO nesoi_web, nesoi_platform;
"""


class Migration(migrations.Migration):
    """Needs the roles, and the trail under row-level security."""

    dependencies = [("isolation", "0003_tables"), ("tenants", "0001_initial")]

    operations = [
        migrations.RunSQL(CLOCK, NO_CLOCK),
        migrations.RunSQL(
            NUMBERED,
            NOT_NUMBERED,
            state_operations=[
                migrations.AddField(
                    "auditevent",
                    "tx",
                    models.BigIntegerField(
                        db_default=controlplane.tenants.models.TransactionNumber(), editable=False
                    ),
                )
            ],
        ),
        migrations.AddField(
            "auditevent",
            "on_behalf_of",
            models.CharField(blank=True, db_default="", default="", max_length=160),
        ),
        migrations.AddField(
            "auditevent", "outcome", models.CharField(db_default="done", default="done", max_length=8)
        ),
        migrations.AddConstraint(
            "auditevent",
            models.CheckConstraint(
                condition=models.Q(outcome__in=["done", "denied"]), name="audit_outcome_is_known"
            ),
        ),
        migrations.CreateModel(
            "AuditSeal",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(auto_now_add=True)),
                ("first_position", models.BigIntegerField()),
                ("last_position", models.BigIntegerField()),
                ("until_tx", models.BigIntegerField()),
                ("until_id", models.UUIDField()),
                ("links", models.BinaryField()),
                ("previous_hash", models.BinaryField(max_length=32)),
                ("hash", models.BinaryField(max_length=32)),
                (
                    "tenant",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "first_position"),
                        name="audit_chain_does_not_fork",
                        nulls_distinct=False,
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            last_position__gte=models.F("first_position"), first_position__gte=1
                        ),
                        name="audit_seal_holds_rows",
                    ),
                ]
            },
        ),
        ProtectTenantRows("tenants_auditseal"),
        migrations.RunSQL(KEPT, NOT_KEPT),
    ]
