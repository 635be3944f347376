"""What a sealed statement was made with stays as it is: PostgreSQL itself refuses to change or remove it."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION books_pricebook_never_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE'
        AND (NEW.key, NEW.version, NEW.title, NEW.currency, NEW.effective_from, NEW.document, NEW.digest, NEW.used_at)
            IS NOT DISTINCT FROM
            (OLD.key, OLD.version, OLD.title, OLD.currency, OLD.effective_from, OLD.document, OLD.digest, OLD.used_at)
        AND NEW.used_until >= OLD.used_until
        AND coalesce(NEW.effective_to >= OLD.used_until, true)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'price book %/% was used for statements until %: add a new version instead',
        OLD.key, OLD.version, OLD.used_until USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER books_pricebook_never_changes
    BEFORE UPDATE OR DELETE ON books_pricebook
    FOR EACH ROW WHEN (OLD.used_at IS NOT NULL)
    EXECUTE FUNCTION books_pricebook_never_changes();

CREATE FUNCTION books_exchangerate_never_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE'
        AND (NEW.base, NEW.quote, NEW.since, NEW.rate, NEW.source, NEW.used_at)
            IS NOT DISTINCT FROM (OLD.base, OLD.quote, OLD.since, OLD.rate, OLD.source, OLD.used_at)
        AND NEW.used_until >= OLD.used_until
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the rate from % to % since % was used for statements: add one that holds from a later day',
        OLD.base, OLD.quote, OLD.since USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER books_exchangerate_never_changes
    BEFORE UPDATE OR DELETE ON books_exchangerate
    FOR EACH ROW WHEN (OLD.used_at IS NOT NULL)
    EXECUTE FUNCTION books_exchangerate_never_changes();

-- A rate that begins inside a period that was sealed with another would change what that period costs when it is rated again.
CREATE FUNCTION books_exchangerate_not_backdated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM books_exchangerate
        WHERE base = NEW.base AND quote = NEW.quote AND used_until > NEW.since AND since < NEW.since
    ) THEN
        RAISE EXCEPTION 'the rate from % to % since % comes too late: statements were sealed with the one before',
            NEW.base, NEW.quote, NEW.since USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER books_exchangerate_not_backdated
    BEFORE INSERT ON books_exchangerate
    FOR EACH ROW EXECUTE FUNCTION books_exchangerate_not_backdated();
"""

BACKWARD = """
DROP TRIGGER books_exchangerate_not_backdated ON books_exchangerate;
DROP FUNCTION books_exchangerate_not_backdated();
DROP TRIGGER books_exchangerate_never_changes ON books_exchangerate;
DROP FUNCTION books_exchangerate_never_changes();
DROP TRIGGER books_pricebook_never_changes ON books_pricebook;
DROP FUNCTION books_pricebook_never_changes();
"""


class Migration(migrations.Migration):
    """Adds the triggers after the tables exist."""

    dependencies = [("books", "0001_prices")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
