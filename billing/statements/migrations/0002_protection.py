"""Who sees statements, and that nobody changes a sealed one: PostgreSQL refuses it to every role, the owner's too.

The triggers look as the owner does, who sees every row. A statement is sealed only with lines that add up to its total.
"""

from django.db import migrations

from controlplane.tenants.isolation.policies import ProtectTenantRows

TABLES = ("statements_statement", "statements_inputs", "statements_charge", "statements_adjustment")
EVERY = ", ".join(TABLES)

FUNCTIONS = """
CREATE FUNCTION statements_sealed_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'statement % of % is sealed: nothing of it changes, book a correction in the next month instead',
        OLD.number, OLD.month USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE FUNCTION statements_seal_adds_up() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, {schema}, pg_temp AS $$
DECLARE
    lines bigint;
    billed numeric;
    strangers bigint;
BEGIN
    SELECT count(*), coalesce(sum(billed_cost), 0),
        count(*) FILTER (WHERE tenant_id <> NEW.tenant_id OR currency <> NEW.currency)
        INTO lines, billed, strangers FROM statements_charge WHERE statement_id = NEW.id;
    IF billed <> NEW.total OR lines <> NEW.charges_count OR strangers > 0 THEN
        RAISE EXCEPTION 'statement of % does not add up: % lines of % stand for % of %', NEW.month, lines, billed,
            NEW.charges_count, NEW.total USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NOT EXISTS (SELECT FROM statements_inputs WHERE statement_id = NEW.id) THEN
        RAISE EXCEPTION 'statement of % has no inputs: it could not be rated again', NEW.month
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION statements_lines_stay() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, {schema}, pg_temp AS $$
BEGIN
    IF EXISTS (
        SELECT FROM statements_statement
        WHERE state = 'sealed' AND id IN (SELECT statement_id FROM touched)
    ) THEN
        RAISE EXCEPTION 'a sealed statement''s rows never change: book a correction in the next month instead'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION statements_move_nowhere() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a row of a statement is never changed: a draft is made anew'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE FUNCTION statements_billed_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'adjustment % is billed or withdrawn: it never changes', OLD.id USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE FUNCTION statements_are_not_emptied() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, {schema}, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM statements_statement WHERE state = 'sealed') THEN
        RAISE EXCEPTION 'sealed statements are never emptied' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
"""

TRIGGERS = """
CREATE TRIGGER statements_sealed_stays BEFORE UPDATE OR DELETE ON statements_statement
    FOR EACH ROW WHEN (OLD.state = 'sealed') EXECUTE FUNCTION statements_sealed_stays();
CREATE TRIGGER statements_seal_adds_up BEFORE UPDATE ON statements_statement
    FOR EACH ROW WHEN (OLD.state = 'draft' AND NEW.state = 'sealed') EXECUTE FUNCTION statements_seal_adds_up();
CREATE TRIGGER statements_born_sealed BEFORE INSERT ON statements_statement
    FOR EACH ROW WHEN (NEW.state = 'sealed') EXECUTE FUNCTION statements_seal_adds_up();
CREATE TRIGGER statements_lines_come AFTER INSERT ON statements_charge
    REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION statements_lines_stay();
CREATE TRIGGER statements_lines_go AFTER DELETE ON statements_charge
    REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION statements_lines_stay();
CREATE TRIGGER statements_lines_change BEFORE UPDATE ON statements_charge
    FOR EACH ROW EXECUTE FUNCTION statements_move_nowhere();
CREATE TRIGGER statements_inputs_come AFTER INSERT ON statements_inputs
    REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION statements_lines_stay();
CREATE TRIGGER statements_inputs_go AFTER DELETE ON statements_inputs
    REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION statements_lines_stay();
CREATE TRIGGER statements_inputs_change BEFORE UPDATE ON statements_inputs
    FOR EACH ROW EXECUTE FUNCTION statements_move_nowhere();
CREATE TRIGGER statements_billed_stays BEFORE UPDATE OR DELETE ON statements_adjustment
    FOR EACH ROW WHEN (OLD.statement_id IS NOT NULL OR OLD.withdrawn_at IS NOT NULL)
    EXECUTE FUNCTION statements_billed_stays();
"""
TRUNCATE = "CREATE TRIGGER {table}_stays BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION statements_are_not_emptied()"

BACK = """
DROP FUNCTION statements_sealed_stays, statements_seal_adds_up, statements_lines_stay, statements_move_nowhere,
    statements_billed_stays, statements_are_not_emptied CASCADE
"""


def forward(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_schema())")
        (schema,) = cursor.fetchone()
        cursor.execute(FUNCTIONS.replace("{schema}", schema))
        cursor.execute(TRIGGERS)
        for table in TABLES:
            cursor.execute(TRUNCATE.format(table=table))
        cursor.execute(
            "REVOKE ALL ON FUNCTION statements_seal_adds_up, statements_lines_stay, statements_are_not_emptied FROM PUBLIC"
        )


def backward(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(BACK)


class Migration(migrations.Migration):
    """Comes after the tables."""

    dependencies = [("statements", "0001_statements"), ("isolation", "0004_read_only")]

    operations = [
        *(ProtectTenantRows(table) for table in TABLES),
        migrations.RunSQL(
            f"REVOKE INSERT, UPDATE, DELETE ON {EVERY} FROM nesoi_web",
            f"GRANT INSERT, UPDATE, DELETE ON {EVERY} TO nesoi_web",
        ),
        migrations.RunPython(forward, backward),
    ]
