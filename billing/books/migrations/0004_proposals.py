"""Versions of price books that people upload, and which of the loaded ones were."""

from django.db import migrations, models

import controlplane.kernel.ids

# A credit that was drawn on may end earlier than was agreed, but never later, and never before a month that drew on it is over.
FORWARD = """
DROP TRIGGER books_creditgrant_never_changes ON books_creditgrant;
CREATE TRIGGER books_creditgrant_never_changes BEFORE UPDATE OR DELETE ON books_creditgrant
    FOR EACH ROW WHEN (OLD.drawn > 0)
    EXECUTE FUNCTION books_agreement_never_changes('drawn', 'expires');

CREATE FUNCTION books_creditgrant_ends_earlier() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.expires > OLD.expires OR EXISTS (
        SELECT FROM books_creditdraw WHERE grant_id = OLD.id AND month + interval '1 month' > NEW.expires
    ) THEN
        RAISE EXCEPTION 'credit % was used for statements: it may end earlier, behind the last month that drew on it', OLD.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER books_creditgrant_ends_earlier BEFORE UPDATE OF expires ON books_creditgrant
    FOR EACH ROW WHEN (OLD.drawn > 0 AND NEW.expires <> OLD.expires)
    EXECUTE FUNCTION books_creditgrant_ends_earlier();
"""
BACKWARD = """
DROP TRIGGER books_creditgrant_ends_earlier ON books_creditgrant;
DROP FUNCTION books_creditgrant_ends_earlier();
DROP TRIGGER books_creditgrant_never_changes ON books_creditgrant;
CREATE TRIGGER books_creditgrant_never_changes BEFORE UPDATE OR DELETE ON books_creditgrant
    FOR EACH ROW WHEN (OLD.drawn > 0)
    EXECUTE FUNCTION books_agreement_never_changes('drawn');
"""


class Migration(migrations.Migration):
    """A new table, a column with a constant default, and a trigger: nothing is rewritten."""

    dependencies = [("books", "0003_used_agreements_never_change")]

    operations = [
        migrations.AddField(
            model_name="pricebook",
            name="uploaded",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.CreateModel(
            name="PriceProposal",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=controlplane.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("key", models.CharField(max_length=39)),
                ("version", models.PositiveIntegerField()),
                ("text", models.TextField()),
                ("document", models.JSONField()),
                (
                    "state",
                    models.CharField(
                        choices=[("open", "Open"), ("active", "Active"), ("withdrawn", "Withdrawn")],
                        default="open",
                        max_length=9,
                    ),
                ),
                ("proposed_by", models.CharField(max_length=160)),
                ("proposed_at", models.DateTimeField(auto_now_add=True)),
                ("answered_by", models.CharField(blank=True, max_length=160)),
                ("answered_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "open")),
                        fields=("key", "version"),
                        name="books_priceproposal_once",
                    )
                ],
            },
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
