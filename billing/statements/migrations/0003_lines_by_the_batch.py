"""A line's statement is checked once for all lines that come at once: a foreign key looks it up anew for each of them."""

from django.db import migrations, models

FUNCTIONS = """
CREATE OR REPLACE FUNCTION statements_lines_stay() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, {schema}, pg_temp AS $$
BEGIN
    IF EXISTS (
        SELECT FROM statements_statement
        WHERE state = 'sealed' AND id IN (SELECT statement_id FROM touched)
    ) THEN
        RAISE EXCEPTION 'a sealed statement''s rows never change: book a correction in the next month instead'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF TG_OP = 'INSERT' AND EXISTS (
        SELECT FROM (SELECT DISTINCT statement_id FROM touched) t
        WHERE NOT EXISTS (SELECT FROM statements_statement s WHERE s.id = t.statement_id FOR KEY SHARE)
    ) THEN
        RAISE EXCEPTION 'a line is of no statement' USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION statements_leave_no_lines() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, {schema}, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM statements_charge WHERE statement_id IN (SELECT id FROM gone)) THEN
        RAISE EXCEPTION 'a statement goes after its lines' USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER statements_leave_no_lines AFTER DELETE ON statements_statement
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION statements_leave_no_lines();
REVOKE ALL ON FUNCTION statements_leave_no_lines FROM PUBLIC
"""


def forward(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_schema())")
        (schema,) = cursor.fetchone()
        cursor.execute(FUNCTIONS.replace("{schema}", schema))


def backward(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("DROP FUNCTION statements_leave_no_lines CASCADE")


class Migration(migrations.Migration):
    """Comes after the protection."""

    dependencies = [("statements", "0002_protection")]

    operations = [
        migrations.AlterField(
            "charge",
            "statement",
            models.ForeignKey(
                "statements.statement",
                models.CASCADE,
                related_name="charges",
                db_index=False,
                db_constraint=False,
            ),
        ),
        migrations.RunPython(forward, backward),
    ]
