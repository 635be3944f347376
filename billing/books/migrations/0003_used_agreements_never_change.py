"""What was agreed with a tenant stays as it was for the months whose statements are sealed."""

from django.db import migrations, models


# The arguments name the columns that may change.
FORWARD = """
CREATE FUNCTION books_agreement_never_changes() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before jsonb := to_jsonb(OLD);
    after jsonb := to_jsonb(NEW);
BEGIN
    IF TG_OP = 'UPDATE'
        AND before - TG_ARGV::text[] = after - TG_ARGV::text[]
        AND coalesce((after ->> 'used_until')::date >= (before ->> 'used_until')::date, before ->> 'used_until' IS NULL)
        AND coalesce((after ->> 'drawn')::numeric >= (before ->> 'drawn')::numeric, true)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% of % was used for statements: agree a new one from a later day', TG_TABLE_NAME, OLD.id
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER books_contract_never_changes BEFORE UPDATE OR DELETE ON books_contract
    FOR EACH ROW WHEN (OLD.used_until IS NOT NULL)
    EXECUTE FUNCTION books_agreement_never_changes('ends', 'used_until');
CREATE TRIGGER books_commitment_never_changes BEFORE UPDATE OR DELETE ON books_commitment
    FOR EACH ROW WHEN (OLD.used_until IS NOT NULL)
    EXECUTE FUNCTION books_agreement_never_changes('ends', 'used_until');
CREATE TRIGGER books_creditgrant_never_changes BEFORE UPDATE OR DELETE ON books_creditgrant
    FOR EACH ROW WHEN (OLD.drawn > 0)
    EXECUTE FUNCTION books_agreement_never_changes('drawn');
CREATE TRIGGER books_creditdraw_never_changes BEFORE UPDATE OR DELETE ON books_creditdraw
    FOR EACH ROW EXECUTE FUNCTION books_agreement_never_changes();
"""

BACKWARD = """
DROP TRIGGER books_creditdraw_never_changes ON books_creditdraw;
DROP TRIGGER books_creditgrant_never_changes ON books_creditgrant;
DROP TRIGGER books_commitment_never_changes ON books_commitment;
DROP TRIGGER books_contract_never_changes ON books_contract;
DROP FUNCTION books_agreement_never_changes();
"""


class Migration(migrations.Migration):
    """Nullable columns, constraints on small tables, triggers."""

    dependencies = [
        ('books', '0002_used_prices_never_change'),
    ]

    operations = [
        migrations.AddField(
            model_name='commitment',
            name='used_until',
            field=models.DateField(null=True),
        ),
        migrations.AddField(
            model_name='contract',
            name='used_until',
            field=models.DateField(null=True),
        ),
        migrations.AddConstraint(
            model_name='commitment',
            constraint=models.CheckConstraint(condition=models.Q(('used_until__isnull', True), ('ends__gte', models.F('used_until')), _connector='OR'), name='books_commitment_used'),
        ),
        migrations.AddConstraint(
            model_name='contract',
            constraint=models.CheckConstraint(condition=models.Q(('used_until__isnull', True), ('ends__isnull', True), ('ends__gte', models.F('used_until')), _connector='OR'), name='books_contract_used'),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
